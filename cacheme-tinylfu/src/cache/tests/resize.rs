//! Caches whose capacity changes.

use super::{Heard, POLICIES, built, cache, panics};
use crate::{Cause, Policy};

#[test]
fn what_is_above_a_smaller_capacity_is_evicted() {
    for policy in POLICIES {
        for shards in [1, 4] {
            let heard = Heard::new();
            let (cache, _) = built(1000, |settings| {
                let settings = settings.policy(policy).shards(shards);
                settings.on_evict(heard.listener())
            });
            (0..1000_u64).for_each(|key| {
                cache.insert(key, key);
            });
            let before = cache.len();
            heard.take();
            cache.resize(99);
            assert_eq!((cache.capacity(), cache.shards()), (99, shards));
            assert_eq!(cache.len(), 99);
            let told = heard.take();
            assert_eq!(told.len(), before - 99);
            for (key, value, cause) in told {
                assert_eq!((value, cause), (key, Cause::Capacity));
                assert_eq!(cache.get(&key), None);
            }
            cache.validate();
        }
    }
}

#[test]
fn room_of_a_larger_capacity_is_used() {
    for policy in POLICIES {
        let (cache, _) = cache(10, policy);
        (0..10).for_each(|key| {
            cache.insert(key, key);
        });
        cache.resize(500);
        assert_eq!(cache.len(), 10);
        (10..500).for_each(|key| {
            cache.insert(key, key);
        });
        assert!((0..500).all(|key| cache.get(&key) == Some(key)));
        cache.insert(500, 500);
        assert_eq!(cache.len(), 500);
        cache.validate();
    }
}

#[test]
fn capacity_of_zero_empties_a_cache_and_it_comes_back() {
    for policy in POLICIES {
        let (cache, _) = cache(10, policy);
        (0..10).for_each(|key| {
            cache.insert(key, key);
        });
        cache.resize(0);
        assert!(cache.is_empty());
        assert_eq!(cache.insert(1, 1), None);
        assert!(cache.is_empty());
        cache.resize(2);
        (0..5).for_each(|key| {
            cache.insert(key, key);
            assert_eq!(cache.get(&key), Some(key));
        });
        assert_eq!(cache.len(), 2);
        cache.validate();
    }
}

#[test]
fn hottest_entries_stay() {
    for policy in POLICIES {
        let (cache, _) = cache(200, policy);
        (0..200).for_each(|key| {
            cache.insert(key, key);
        });
        // Enough evictions for the uses to be seen; few can be in one go.
        for round in 0..20_u64 {
            (0..20).for_each(|key| {
                cache.get(&(key * 10));
            });
            (0..10).for_each(|key| {
                cache.insert(1000 + round * 10 + key, 0);
            });
        }
        cache.resize(40);
        let hot = (0..20)
            .filter(|key| cache.get(&(key * 10)).is_some())
            .count();
        assert!(hot >= 18, "{hot} of 20 with {policy:?}");
    }
}

#[test]
fn weights_count() {
    let (cache, _) = built(100, |settings| {
        settings
            .policy(Policy::Lru)
            .weigher(|_, &weight: &u32| weight)
    });
    (0..10_u64).for_each(|key| {
        cache.insert(key, 10);
    });
    cache.resize(55);
    assert_eq!((cache.len(), cache.weight()), (5, 50));
    cache.insert(10, 56);
    assert_eq!(cache.get(&10), None);
    cache.resize(56);
    cache.insert(10, 56);
    assert_eq!((cache.get(&10), cache.len()), (Some(56), 1));
    cache.validate();
}

#[test]
fn listener_that_panics_does_not_stop_it_half_way() {
    for shards in [1, 4] {
        let (cache, _) = built(400, |settings| {
            settings.shards(shards).on_evict(|_, _, _| panic!("not me"))
        });
        (0..50_u64).for_each(|key| {
            cache.insert(key, key);
        });
        panics(|| cache.resize(8));
        cache.validate();
        assert_eq!((cache.capacity(), cache.len()), (8, 8));
    }
}
