//! Caches that keep only what was asked for before.

use foldhash::quality::FixedState;

use super::{Heard, POLICIES, built};
use crate::{Cache, Cause, Op, Policy};

fn guarded(capacity: usize, policy: Policy) -> (Cache<u64, u64, FixedState>, Heard<u64, u64>) {
    let heard = Heard::new();
    let (cache, _) = built(capacity, |settings| {
        let settings = settings.policy(policy).on_evict(heard.listener());
        settings.doorkeeper()
    });
    (cache, heard)
}

#[test]
fn key_is_kept_from_the_second_time_on() {
    for policy in POLICIES {
        let (cache, heard) = guarded(10, policy);
        assert_eq!(cache.insert(1, 1), None);
        assert_eq!(cache.get(&1), None);
        assert_eq!(heard.take(), [(1, 1, Cause::FirstSeen)]);
        assert_eq!((cache.stats().refusals, cache.stats().insertions), (1, 0));
        assert_eq!(cache.insert(1, 2), None);
        assert_eq!(cache.insert(1, 3), Some(2));
        assert_eq!(cache.get(&1), Some(3));
        assert_eq!(heard.take(), []);
        cache.validate();
    }
}

#[test]
fn every_way_in_is_guarded() {
    let (cache, heard) = guarded(10, Policy::TinyLfu);
    cache.compute(1, |_| Op::Put(1));
    assert_eq!(cache.get_or_insert_with(2, || 2), 2);
    cache.insert_with_ttl(3, 3, super::NS);
    assert!(cache.is_empty());
    assert_eq!(heard.take().len(), 3);
    cache.compute(1, |_| Op::Put(1));
    assert_eq!(cache.get_or_insert_with(2, || 2), 2);
    cache.insert_with_ttl(3, 3, super::NS);
    assert_eq!(cache.len(), 3);
}

#[test]
fn lookups_introduce_no_key() {
    let (cache, _) = guarded(10, Policy::TinyLfu);
    (0..3).for_each(|_| {
        cache.get(&1);
        cache.remove(&1);
    });
    cache.insert(1, 1);
    assert!(cache.is_empty());
}

#[test]
fn removed_and_evicted_keys_are_known() {
    let (cache, heard) = guarded(2, Policy::Lru);
    (0..2).for_each(|_| {
        (0..10).for_each(|key| {
            cache.insert(key, key);
        });
    });
    cache.remove(&9);
    heard.take();
    (0..10).for_each(|key| {
        cache.insert(key, key);
    });
    assert!(
        heard
            .take()
            .iter()
            .all(|&(_, _, cause)| cause == Cause::Capacity)
    );
}

#[test]
fn clear_forgets_all_keys() {
    let (cache, _) = guarded(10, Policy::TinyLfu);
    cache.insert(1, 1);
    cache.clear();
    cache.insert(1, 1);
    assert!(cache.is_empty());
}

#[test]
fn scan_of_keys_that_come_once_changes_nothing() {
    for policy in POLICIES {
        let (cache, _) = guarded(500, policy);
        (0..2).for_each(|_| {
            (0..500).for_each(|key| {
                cache.insert(key, key);
            });
        });
        // A few keys are taken for others; the cache need not take them for better ones.
        (10_000..20_000).for_each(|key| {
            cache.insert(key, key);
        });
        let left = (0..500).filter(|key| cache.peek(key).is_some()).count();
        assert!(left > 400, "{left} of 500 with {policy:?}");
        cache.validate();
    }
}

#[test]
fn keys_are_forgotten_after_some_time() {
    let (cache, _) = guarded(10, Policy::TinyLfu);
    cache.insert(1, 1);
    (1000..10_000).for_each(|key| {
        cache.insert(key, key);
    });
    cache.insert(1, 1);
    assert_eq!(cache.get(&1), None);
}

#[test]
fn entries_that_are_kept_are_replaced_even_if_their_keys_are_forgotten() {
    let (cache, _) = guarded(1000, Policy::TinyLfu);
    cache.insert(1, 0);
    cache.insert(1, 0);
    for round in 0..20 {
        let others = (round + 1) * 1000;
        (others..others + 700).for_each(|key| {
            cache.insert(key, 0);
        });
        assert_eq!(cache.insert(1, round + 1), Some(round));
    }
}
