//! Entries that expire when they are not used.

use std::time::Duration;

use foldhash::quality::FixedState;

use super::{POLICIES, TestClock, built};
use crate::{Cache, Lookup, Op, Policy};

/// Nanoseconds that entries may be idle, and a 64th of that.
const IDLE: u64 = 6_400_000_000;
const PART: u64 = IDLE / 64;

fn idle(policy: Policy) -> (Cache<u64, u64, FixedState>, TestClock) {
    built(1000, |settings| {
        settings.policy(policy).idle(Duration::from_nanos(IDLE))
    })
}

#[test]
fn entry_expires_when_it_was_not_used_for_the_idle_time() {
    for policy in POLICIES {
        let (cache, clock) = idle(policy);
        cache.insert(1, 1);
        clock.advance(IDLE - 1);
        assert_eq!(cache.peek(&1), Some(1));
        clock.advance(1);
        assert_eq!(cache.peek(&1), None);
    }
}

#[test]
fn every_kind_of_use_prolongs_and_nothing_else_does() {
    type Act = fn(&Cache<u64, u64, FixedState>) -> bool;
    let uses: [Act; 6] = [
        |cache| cache.get(&1).is_some(),
        |cache| cache.lookup(&1, |_| ()) == Lookup::Hit(()),
        |cache| cache.get_ref(&1).is_some(),
        |cache| cache.insert(1, 2).is_some(),
        |cache| cache.compute(1, |_| Op::Put(2)).is_some(),
        |cache| cache.get_or_insert_with(1, || 2) == 1,
    ];
    let others: [Act; 5] = [
        |cache| cache.peek(&1).is_some(),
        |cache| cache.contains_key(&1),
        |cache| cache.iter().count() == 1,
        |cache| cache.policy().hottest(9).len() == 1,
        |cache| cache.compute(1, |_| Op::Keep).is_none(),
    ];
    let lives_on = |act: Act| {
        let (cache, clock) = idle(Policy::TinyLfu);
        cache.insert(1, 1);
        clock.advance(IDLE / 2);
        assert!(act(&cache));
        clock.advance(IDLE / 2);
        cache.contains_key(&1)
    };
    assert!(uses.into_iter().all(lives_on));
    assert!(!others.into_iter().any(lives_on));
}

#[test]
fn entry_expires_early_by_a_64th_at_most() {
    let (cache, clock) = idle(Policy::Lru);
    cache.insert(1, 1);
    clock.advance(PART);
    cache.get(&1);
    clock.advance(IDLE - PART);
    assert_eq!(cache.peek(&1), None, "a use so soon is not noted");

    cache.insert(1, 1);
    clock.advance(PART + 1);
    cache.get(&1);
    clock.advance(IDLE - 1);
    assert_eq!(cache.peek(&1), Some(1));
    clock.advance(1);
    assert_eq!(cache.peek(&1), None);
}

#[test]
fn lifetime_ends_also_for_entries_in_use() {
    for policy in POLICIES {
        let (cache, clock) = idle(policy);
        cache.insert_with_ttl(1, 1, Duration::from_nanos(IDLE * 3));
        for _ in 0..5 {
            clock.advance(IDLE / 2);
            assert_eq!(cache.get(&1), Some(1));
        }
        clock.advance(IDLE / 2 - 1);
        assert_eq!(cache.get(&1), Some(1));
        clock.advance(1);
        assert_eq!(cache.get(&1), None);
    }
}

#[test]
fn idle_time_ends_also_for_entries_with_a_long_lifetime() {
    let (cache, clock) = idle(Policy::TinyLfu);
    cache.insert_with_ttl(1, 1, Duration::from_nanos(IDLE * 3));
    clock.advance(IDLE);
    assert_eq!(cache.get(&1), None);
}

#[test]
fn unused_entries_leave_by_themselves_and_used_ones_stay() {
    for policy in POLICIES {
        let (cache, clock) = idle(policy);
        (0..100).for_each(|key| {
            cache.insert(key, key);
        });
        for _ in 0..4 {
            clock.advance(IDLE / 2);
            (0..50).for_each(|key| assert_eq!(cache.get(&key), Some(key)));
            cache.validate();
        }
        cache.remove_expired();
        assert_eq!(cache.len(), 50);
        clock.advance(IDLE + 2_000_000);
        cache.remove_expired();
        assert!(cache.is_empty());
        cache.validate();
    }
}

#[test]
fn cache_that_lets_nothing_be_idle_keeps_nothing() {
    let (cache, _) = built(10, |settings| settings.idle(Duration::ZERO));
    assert_eq!(cache.insert(1, 1), None);
    assert_eq!(cache.get_or_insert_with(1, || 2), 2);
    assert!(cache.is_empty());
}

#[test]
fn one_entry_may_be_idle_for_another_time_than_the_others() {
    let (cache, clock) = built(1000, |settings| {
        settings.ttl(Duration::from_nanos(3 * IDLE))
    });
    let idle = Duration::from_nanos(IDLE);
    cache.insert(1, 1);
    cache.insert_with_idle(2, 2, None, idle);
    cache.insert_with_idle(3, 3, None, 2 * idle);
    cache.insert_with_idle(4, 4, Some(idle / 2), 2 * idle);
    let left = || cache.iter().map(|(key, _)| key).sum::<u64>();
    assert_eq!((left(), cache.get(&1)), (10, Some(1)));
    clock.advance(IDLE / 2);
    assert_eq!((left(), cache.get(&2)), (6, Some(2)));
    clock.advance(IDLE);
    assert_eq!(left(), 4);
    clock.advance(IDLE / 2);
    assert_eq!(left(), 1);
    clock.advance(IDLE);
    assert_eq!(left(), 0);
}
