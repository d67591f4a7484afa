//! What entries weigh, and what doesn't fit.

use foldhash::quality::FixedState;

use super::{Heard, POLICIES, built};
use crate::{Cache, Cause, Op, Policy};

/// A cache whose values are what they weigh, and what its listener was told.
fn weighed(capacity: usize, policy: Policy) -> (Cache<u64, u32, FixedState>, Heard<u64, u32>) {
    let heard = Heard::new();
    let (cache, _) = built(capacity, |settings| {
        settings
            .policy(policy)
            .weigher(|_, &weight| weight)
            .on_evict(heard.listener())
    });
    (cache, heard)
}

#[test]
fn weight_is_that_of_all_entries() {
    for policy in POLICIES {
        let (cache, _) = weighed(1000, policy);
        cache.insert(1, 10);
        cache.insert(2, 20);
        assert_eq!((cache.weight(), cache.len()), (30, 2));
        cache.insert(1, 5);
        assert_eq!(cache.weight(), 25);
        cache.insert(1, 40);
        assert_eq!(cache.weight(), 60);
        cache.remove(&2);
        assert_eq!(cache.weight(), 40);
        cache.validate();
        cache.clear();
        assert_eq!(cache.weight(), 0);
    }
}

#[test]
fn weight_without_a_weigher_is_the_number_of_entries() {
    let (cache, _) = built(100, |settings| settings.shards(4));
    (0..50_u64).for_each(|key| {
        cache.insert(key, key);
    });
    assert_eq!(cache.weight(), cache.len() as u64);
}

#[test]
fn weight_of_zero_counts_as_one() {
    for policy in POLICIES {
        let (cache, heard) = weighed(3, policy);
        (0..4).for_each(|key| {
            cache.insert(key, 0);
        });
        assert_eq!((cache.weight(), cache.len()), (3, 3));
        assert_eq!(heard.take().len(), 1);
        cache.validate();
    }
}

#[test]
fn entry_as_heavy_as_the_cache_is_kept_and_a_heavier_one_is_not() {
    for policy in POLICIES {
        let (cache, heard) = weighed(10, policy);
        assert_eq!(cache.insert(1, 10), None);
        assert_eq!(cache.get(&1), Some(10));
        cache.remove(&1);
        assert_eq!(cache.insert(1, 11), None);
        assert_eq!(cache.get(&1), None);
        assert_eq!(heard.take(), [(1, 11, Cause::TooHeavy)]);
    }
}

#[test]
fn entry_heavier_than_its_shard_is_not_kept() {
    let (cache, _) = built(40, |settings| {
        settings.shards(4).weigher(|_, &weight: &u32| weight)
    });
    for key in 0..20_u64 {
        cache.insert(key, 11);
        assert_eq!(cache.get(&key), None);
        cache.insert(key, 10);
        assert_eq!(cache.get(&key), Some(10));
        cache.remove(&key);
    }
}

#[test]
fn value_too_heavy_for_its_shard_takes_the_old_one_along() {
    for policy in POLICIES {
        let (cache, heard) = weighed(10, policy);
        cache.insert(1, 4);
        assert_eq!(cache.insert(1, 11), Some(4));
        cache.insert(2, 4);
        assert_eq!(cache.compute(2, |_| Op::Put(12)), Some(4));
        assert!(cache.is_empty());
        let refused = [(1, 11, Cause::TooHeavy), (2, 12, Cause::TooHeavy)];
        assert_eq!(heard.take(), refused);
        assert_eq!(cache.stats().refusals, 2);
    }
}

#[test]
fn many_leave_for_a_heavy_one_but_no_more_than_must() {
    let (cache, heard) = weighed(100, Policy::Lru);
    (0..20).for_each(|key| {
        cache.insert(key, 5);
    });
    cache.insert(20, 23);
    let left: Vec<u64> = heard.take().iter().map(|&(key, ..)| key).collect();
    assert_eq!(left, [0, 1, 2, 3, 4]);
    assert_eq!(cache.weight(), 98);
    cache.validate();
}

#[test]
fn value_that_gets_heavier_puts_out_others_and_not_itself() {
    for policy in POLICIES {
        let (cache, heard) = weighed(100, policy);
        (0..100).for_each(|key| {
            cache.insert(key, 1);
        });
        // Not a giant, or it might be refused.
        assert_eq!(cache.insert(0, 12), Some(1));
        assert_eq!(cache.get(&0), Some(12));
        assert_eq!(heard.take().len(), 11);
        assert_eq!(cache.weight(), 100);
        cache.validate();
    }
}

#[test]
fn giant_does_not_flush_a_tinylfu_cache_of_small_entries() {
    let (cache, heard) = weighed(1000, Policy::TinyLfu);
    for key in 0..1000 {
        cache.insert(key, 1);
        cache.get(&key);
    }
    for giant in 1000..1100 {
        cache.insert(giant, 500);
        assert_eq!(heard.take(), [(giant, 500, Cause::Outweighed)]);
    }
    assert_eq!(cache.len(), 1000);
}

#[test]
fn giant_comes_in_where_there_is_room() {
    let (cache, _) = weighed(1000, Policy::TinyLfu);
    (0..100).for_each(|key| {
        cache.insert(key, 1);
    });
    cache.insert(1000, 900);
    assert_eq!(cache.get(&1000), Some(900));
    assert_eq!(cache.weight(), 1000);
}

#[test]
fn giant_that_is_asked_for_often_enough_comes_in() {
    let (cache, _) = weighed(80, Policy::TinyLfu);
    (0..80).for_each(|key| {
        cache.insert(key, 1);
    });
    let tries = (0..30).find(|_| {
        cache.insert(1000, 12);
        cache.get(&1000).is_some()
    });
    assert!(tries.is_some_and(|tries| tries > 4), "after {tries:?}");
    assert_eq!(cache.weight(), 80);
    cache.validate();
}

#[test]
fn giant_that_is_kept_stays_when_it_is_replaced() {
    let (cache, heard) = weighed(1000, Policy::TinyLfu);
    (0..500).for_each(|key| {
        cache.insert(key, 1);
    });
    cache.insert(1000, 500);
    assert_eq!((heard.take().len(), cache.weight()), (0, 1000));
    assert_eq!(cache.insert(1000, 500), Some(500));
    assert_eq!(cache.insert(1000, 499), Some(500));
    assert_eq!(heard.take(), []);
    assert_eq!(cache.get(&1000), Some(499));
}

#[test]
fn weigher_sees_each_value_once() {
    let heard = Heard::new();
    let told = heard.listener();
    let (cache, _) = built(10, |settings| {
        settings.weigher(move |&key, &value| {
            told(key, value, Cause::Capacity);
            1
        })
    });
    let seen = |key, value| assert_eq!(heard.take(), [(key, value, Cause::Capacity)]);
    cache.insert(1, 1);
    seen(1, 1);
    cache.insert(1, 2);
    seen(1, 2);
    cache.compute(1, |_| Op::Put(3));
    seen(1, 3);
    cache.get_or_insert_with(2, || 4);
    seen(2, 4);
    cache.get(&1);
    cache.remove(&1);
    assert_eq!(heard.take(), []);
}

#[test]
fn giant_that_is_asked_for_again_and_again_comes_in_however_heavy() {
    let (cache, _) = weighed(1000, Policy::TinyLfu);
    (0..1000).for_each(|key| {
        cache.insert(key, 1);
    });
    let asked = (1..100).find(|_| {
        cache.insert(5000, 900);
        cache.contains_key(&5000)
    });
    assert_eq!(asked, Some(15));
    assert!(cache.weight() <= 1000);
    cache.validate();
}

#[test]
fn value_in_use_may_grow_though_others_have_to_leave() {
    let (cache, _) = weighed(100, Policy::TinyLfu);
    (1..=50).for_each(|key| {
        cache.insert(key, 1);
    });
    cache.insert(0, 50);
    for _ in 0..3 {
        cache.get(&0);
    }
    assert_eq!(cache.insert(0, 60), Some(50));
    assert_eq!(cache.get(&0), Some(60));
    cache.validate();
}

#[test]
fn value_may_grow_into_room_that_is_free() {
    let (cache, heard) = weighed(100, Policy::TinyLfu);
    cache.insert(1, 50);
    cache.insert(2, 1);
    assert_eq!(cache.insert(1, 60), Some(50));
    assert_eq!((cache.get(&1), cache.len()), (Some(60), 2));
    assert_eq!(heard.take(), []);
}

#[test]
fn weighed_cache_has_one_shard_unless_told_otherwise() {
    let settings = || {
        Cache::<u64, u32>::builder()
            .capacity(1_000_000)
            .weigher(|_, weight| *weight)
    };
    assert_eq!(settings().build().map(|cache| cache.shards()), Ok(1));
    assert_eq!(
        settings().shards(5).build().map(|cache| cache.shards()),
        Ok(8)
    );
}
