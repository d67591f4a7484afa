//! What other policies make of a trace: the best there can be, and the exact LRU.

use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The part of requests that hit, in percent.
#[expect(clippy::cast_precision_loss, reason = "traces are short")]
pub(super) fn percent(hits: &[bool]) -> f64 {
    let count = hits.iter().filter(|&&hit| hit).count();
    count as f64 * 100.0 / hits.len() as f64
}

/// Which requests hit at best, which takes knowing what is to come (Belady, "A Study of Replacement
/// Algorithms for a Virtual-Storage Computer", 1966).
pub(super) fn belady(trace: &[u64], capacity: usize) -> Vec<bool> {
    let mut next = vec![usize::MAX; trace.len()];
    let mut later: HashMap<u64, usize> = HashMap::new();
    for (at, &key) in trace.iter().enumerate().rev() {
        next[at] = later.insert(key, at).unwrap_or(usize::MAX);
    }
    // The cached keys by when they come next.
    let mut cached: BTreeSet<(usize, u64)> = BTreeSet::new();
    let requests = trace.iter().zip(next).enumerate();
    let hits = requests.map(|(at, (&key, next))| {
        let hit = cached.remove(&(at, key));
        cached.insert((next, key));
        if cached.len() > capacity {
            cached.pop_last();
        }
        hit
    });
    hits.collect()
}

/// Which requests hit if what was used the longest time ago is evicted.
pub(super) fn lru(trace: &[u64], capacity: usize) -> Vec<bool> {
    let mut used: HashMap<u64, usize> = HashMap::new();
    let mut by_use: BTreeMap<usize, u64> = BTreeMap::new();
    let hits = trace.iter().enumerate().map(|(at, &key)| {
        let before = used.insert(key, at);
        if let Some(before) = before {
            by_use.remove(&before);
        } else if used.len() > capacity
            && let Some((_, oldest)) = by_use.pop_first()
        {
            used.remove(&oldest);
        }
        by_use.insert(at, key);
        before.is_some()
    });
    hits.collect()
}

#[test]
fn bounds_of_a_short_trace_are_known() {
    let trace = [1, 2, 3, 1, 2, 3, 1, 2];
    let at = |hits: Vec<bool>| (0..hits.len()).filter(|&at| hits[at]).collect::<Vec<_>>();
    assert_eq!(at(belady(&trace, 2)), [3, 4, 6, 7]);
    assert_eq!(at(lru(&trace, 2)), []);
    assert_eq!(at(lru(&trace, 3)), [3, 4, 5, 6, 7]);
    assert_eq!(at(lru(&[1, 2, 1, 3, 1, 2], 2)), [2, 4]);
}
