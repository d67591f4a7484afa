//! What stays when there is not room for all.

use foldhash::quality::FixedState;

use super::{NS, POLICIES, cache};
use crate::{Cache, Policy};

#[test]
fn capacity_is_never_exceeded() {
    for policy in POLICIES {
        for capacity in [1, 2, 3, 10, 100, 1500] {
            let (cache, _) = cache(capacity, policy);
            for key in 0..capacity * 3 {
                cache.insert(key, key);
                assert!(cache.len() <= capacity);
                assert_eq!(cache.get(&key), Some(key), "the newest entry is kept");
            }
            cache.validate();
        }
    }
}

#[test]
fn one_shard_fills_up_to_its_capacity() {
    for policy in POLICIES {
        let (cache, _) = cache(500, policy);
        (0..1000).for_each(|key| {
            cache.insert(key, key);
        });
        assert_eq!(cache.len(), 500);
    }
}

#[test]
fn capacity_of_zero_keeps_nothing_and_works() {
    for policy in POLICIES {
        let (cache, _) = cache(0, policy);
        assert_eq!(cache.insert(1, 1), None);
        assert_eq!(cache.insert_with_ttl(1, 1, std::time::Duration::MAX), None);
        assert_eq!(cache.get(&1), None);
        assert_eq!(cache.remove(&1), None);
        assert_eq!((cache.len(), cache.iter().count()), (0, 0));
        cache.clear();
        cache.validate();
    }
}

#[test]
fn lru_evicts_what_was_not_used_longest() {
    let (cache, _) = cache(3, Policy::Lru);
    (0..3).for_each(|key| {
        cache.insert(key, key);
    });
    cache.get(&0);
    cache.insert(1, 10);
    cache.insert(3, 3);
    let mut keys: Vec<u64> = cache.iter().map(|(key, _)| key).collect();
    keys.sort_unstable();
    assert_eq!(keys, [0, 1, 3]);
}

/// Asks for a key and inserts it on a miss, as users do. Returns whether it was there.
fn request(cache: &Cache<u64, u64, FixedState>, key: u64) -> bool {
    let hit = cache.get(&key).is_some();
    if !hit {
        cache.insert(key, key);
    }
    hit
}

/// How much of a hot set, that takes half the cache, is left after a scan of ten times the capacity.
fn left_after_scan(policy: Policy) -> usize {
    let (cache, _) = cache(400, policy);
    for _ in 0..4 {
        (0..200).for_each(|key| {
            request(&cache, key);
        });
    }
    (1000..5000).for_each(|key| {
        request(&cache, key);
    });
    cache.validate();
    (0..200).filter(|key| cache.get(key).is_some()).count()
}

#[test]
fn tinylfu_keeps_a_hot_set_through_a_scan_and_lru_does_not() {
    assert_eq!(left_after_scan(Policy::Lru), 0);
    let left = left_after_scan(Policy::TinyLfu);
    assert!(left >= 195, "{left} of 200");
}

#[test]
fn tinylfu_adapts_when_the_hot_set_changes() {
    let (cache, _) = cache(400, Policy::TinyLfu);
    for hot in [0..200, 1000..1200] {
        for _ in 0..30 {
            hot.clone().for_each(|key| {
                request(&cache, key);
            });
        }
    }
    let left = (1000..1200).filter(|key| cache.get(key).is_some()).count();
    assert!(left >= 195, "{left} of 200");
}

#[test]
fn tinylfu_counts_requests_for_expired_entries() {
    let (cache, clock) = cache(3, Policy::TinyLfu);
    // What leaves is remembered only once something was evicted.
    (1..5).for_each(|key| {
        cache.insert(key, key);
    });
    (1..5).for_each(|key| {
        cache.remove(&key);
    });
    for _ in 0..3 {
        cache.insert_with_ttl(0, 0, NS);
        clock.advance(1);
        assert_eq!(cache.get(&0), None);
    }
    (5..7).for_each(|key| {
        cache.insert(key, key);
    });
    cache.insert(0, 0);
    cache.insert(7, 7);
    assert_eq!(
        cache.get(&0),
        Some(0),
        "it was asked for more often than the others"
    );
}
