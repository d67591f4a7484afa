//! Belady's optimum: what no cache can beat (Belady, "A study of replacement algorithms for a
//! virtual-storage computer", IBM Systems Journal 5(2), 1966).
//!
//! It knows the future, evicts what is used again last, and doesn't keep what is used again later
//! than everything that it keeps.

use std::collections::BinaryHeap;

/// In place of the time of the next use: there is none.
const NEVER: u32 = u32::MAX;

/// The most hits that `capacity` entries allow, in O(n log n) for n requests. Ids are below
/// `distinct`; there are fewer than 2^32 − 1 requests.
pub(crate) fn hits(requests: &[u32], distinct: usize, capacity: usize) -> usize {
    let next_uses = next_uses(requests, distinct);
    let mut resident = vec![false; distinct];
    let mut len = 0;
    let mut hits = 0;
    // What was used since it was pushed stays in the heap. Its time has passed, so it is below all that
    // are resident, which are used in the future, and never popped before one of those.
    let mut by_next_use = BinaryHeap::new();
    for (&id, &next_use) in requests.iter().zip(&next_uses) {
        let entry = &mut resident[id as usize];
        if *entry {
            hits += 1;
            len -= 1;
        }
        *entry = next_use != NEVER;
        if !*entry {
            continue;
        }
        len += 1;
        by_next_use.push((next_use, id));
        if len > capacity
            && let Some((_, last)) = by_next_use.pop()
        {
            resident[last as usize] = false;
            len -= 1;
        }
    }
    hits
}

/// For each request, when the same id is requested next.
fn next_uses(requests: &[u32], distinct: usize) -> Vec<u32> {
    let mut next = vec![NEVER; distinct];
    let mut uses = vec![NEVER; requests.len()];
    for (now, &id) in requests.iter().enumerate().rev() {
        let now = u32::try_from(now).unwrap_or(NEVER);
        uses[now as usize] = std::mem::replace(&mut next[id as usize], now);
    }
    uses
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    /// Tries every choice: which entry leaves for a missing one, or that it isn't kept.
    fn by_trying(requests: &[u32], kept: &[u32], capacity: usize) -> usize {
        let Some((id, rest)) = requests.split_first() else {
            return 0;
        };
        if kept.contains(id) {
            return 1 + by_trying(rest, kept, capacity);
        }
        let mut best = by_trying(rest, kept, capacity);
        if kept.len() < capacity {
            return best.max(by_trying(rest, &[kept, &[*id]].concat(), capacity));
        }
        for place in 0..kept.len() {
            let mut kept = kept.to_vec();
            kept[place] = *id;
            best = best.max(by_trying(rest, &kept, capacity));
        }
        best
    }

    #[test]
    fn no_choice_is_better() {
        let mut random = Random::new(1);
        let mut total = 0;
        for round in 0..300 {
            let (distinct, capacity) = (2 + round % 5, round % 4);
            let bound = u32::try_from(distinct).unwrap_or(u32::MAX);
            let requests: Vec<u32> = (0..10).map(|_| random.below(bound)).collect();
            let expected = by_trying(&requests, &[], capacity);
            let hits = hits(&requests, distinct, capacity);
            assert_eq!(hits, expected, "{requests:?} with {capacity}");
            total += hits;
        }
        assert!(total > 500, "the requests had few hits: {total}");
    }

    #[test]
    fn a_loop_keeps_a_part_of_itself() {
        let requests: Vec<u32> = (0..10).flat_map(|_| 0..100).collect();
        assert_eq!(hits(&requests, 100, 40), 9 * 40);
        assert_eq!(hits(&requests, 100, 100), 900);
        assert_eq!(hits(&requests, 100, 0), 0);
    }
}
