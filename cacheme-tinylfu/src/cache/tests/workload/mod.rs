//! How well the policies do, by hits, on made-up traces of one kind each.
//!
//! What they are held to is relative to what the best policy makes of the same trace, or the exact LRU.

mod bound;
mod trace;

use super::{Settings, built};
use crate::Policy;

use self::bound::{belady, lru, percent};

/// Hits of a cache into which each key goes that it doesn't have.
fn run(
    trace: &[u64],
    capacity: usize,
    set: impl FnOnce(Settings<u64, ()>) -> Settings<u64, ()>,
) -> Vec<bool> {
    let (cache, _) = built(capacity, set);
    let request = |&key: &u64| {
        let hit = cache.get(&key).is_some();
        if !hit {
            cache.insert(key, ());
        }
        hit
    };
    let hits = trace.iter().map(request).collect();
    cache.validate();
    hits
}

/// Hits in percent among the requests of a trace from one of them on.
struct Scores {
    best: f64,
    lru: f64,
    tinylfu: f64,
    clock: f64,
}

fn scores(trace: &[u64], from: usize, capacity: usize) -> Scores {
    let score = |hits: Vec<bool>| percent(&hits[from..]);
    let own = |policy| score(run(trace, capacity, |settings| settings.policy(policy)));
    Scores {
        best: score(belady(trace, capacity)),
        lru: score(lru(trace, capacity)),
        tinylfu: own(Policy::TinyLfu),
        clock: own(Policy::Lru),
    }
}

fn assert_least(score: f64, least: f64, capacity: usize) {
    assert!(score >= least, "{score} < {least} at {capacity}");
}

/// Requests enough for a cache of this capacity to learn.
fn length(capacity: usize) -> usize {
    (capacity * 100).clamp(20_000, 80_000)
}

#[test]
fn clock_is_nearly_the_exact_lru() {
    for capacity in [16, 100, 1000] {
        let recency = trace::recency(length(capacity), capacity * 4);
        let zipf = trace::zipf(length(capacity), capacity * 10, 0.9);
        for trace in [recency, zipf] {
            let scores = scores(&trace, 0, capacity);
            assert_least(scores.clock, scores.lru - 1.0, capacity);
        }
    }
}

#[test]
fn tinylfu_learns_that_only_recency_counts() {
    // The smaller the cache, the more of the trace is over before it has learned.
    for (capacity, margin) in [(16, 17.0), (100, 8.0), (1000, 8.0)] {
        let trace = trace::recency(length(capacity), capacity * 4);
        let scores = scores(&trace, 0, capacity);
        assert_least(scores.tinylfu, scores.lru - margin, capacity);
    }
}

#[test]
fn tinylfu_keeps_a_part_of_a_loop_larger_than_the_cache() {
    for capacity in [16, 100, 1000] {
        for keys in [capacity * 13 / 10, capacity * 2] {
            let trace = trace::looped(length(capacity), keys);
            let scores = scores(&trace, 0, capacity);
            assert_least(scores.tinylfu, scores.best * 0.85, capacity);
            assert!(scores.lru < 1.0, "a loop is what LRU can't do");
        }
    }
}

#[test]
fn tinylfu_keeps_a_hot_set_through_scans() {
    for capacity in [16, 100, 1000] {
        let trace = trace::scanned(length(capacity), capacity * 3 / 4, capacity * 3);
        let scores = scores(&trace, 0, capacity);
        assert_least(scores.tinylfu, scores.best - 1.0, capacity);
        assert!(scores.lru < scores.best - 10.0, "the scans are too short");
    }
}

#[test]
fn tinylfu_follows_a_hot_set_that_shifts() {
    for capacity in [16, 100, 1000] {
        let parts = [length(capacity) / 4; 4];
        let trace = trace::shifted(&parts, capacity * 3 / 4);
        let scores = scores(&trace, 0, capacity);
        assert_least(scores.tinylfu, scores.lru + 1.0, capacity);
    }
}

#[test]
fn tinylfu_gives_up_a_hot_set_that_was_hot_for_long() {
    for capacity in [16, 100, 1000] {
        let (long, short) = (capacity * 200, capacity * 30);
        let trace = trace::shifted(&[long, short], capacity * 3 / 4);
        let scores = scores(&trace, long, capacity);
        assert_least(scores.tinylfu, scores.lru - 3.0, capacity);
    }
}

#[test]
fn tinylfu_learns_that_recency_counts_no_more() {
    for capacity in [16, 100, 1000] {
        let mut trace = trace::recency(length(capacity), capacity * 4);
        trace.extend(trace::looped(length(capacity), capacity * 2));
        let scores = scores(&trace, length(capacity), capacity);
        assert_least(scores.tinylfu, scores.best * 0.6, capacity);
    }
}

#[test]
fn tinylfu_knows_what_is_popular() {
    for capacity in [16, 100, 1000] {
        for skew in [0.7, 0.9] {
            let trace = trace::zipf(length(capacity), capacity * 10, skew);
            let scores = scores(&trace, 0, capacity);
            let least = scores.lru + (scores.best - scores.lru) * 0.35;
            assert_least(scores.tinylfu, least, capacity);
        }
    }
}

#[test]
fn shards_cost_few_hits() {
    let trace = trace::zipf(250_000, 100_000, 0.9);
    for policy in [Policy::TinyLfu, Policy::Lru] {
        let sharded = |shards| {
            let hits = run(&trace, 10_000, |settings| {
                settings.policy(policy).shards(shards)
            });
            percent(&hits)
        };
        assert_least(sharded(8), sharded(1) - 1.0, 10_000);
    }
}
