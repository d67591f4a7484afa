//! How long entries live, and how they leave when they have expired.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{Heard, NS, POLICIES, SECOND, built, cache};
use crate::{Cache, Cause, Op, Policy};

const SECONDS: Duration = Duration::from_secs(1);

#[test]
fn ttl_of_the_cache_holds_where_none_is_given() {
    let (cache, clock) = built(10, |settings| settings.ttl(SECONDS * 2));
    cache.insert(1, 1);
    cache.insert_with_ttl(2, 2, SECONDS * 3);
    cache.insert_with_ttl(3, 3, SECONDS);
    cache.get_or_insert_with(4, || 4);
    cache.compute(5, |_| Op::Put(5));
    cache.compute(6, |_| Op::PutWithTtl(6, SECONDS * 3));
    let live = || {
        (1..=6)
            .filter(|key| cache.peek(key).is_some())
            .collect::<Vec<_>>()
    };
    clock.advance(SECOND);
    assert_eq!(live(), [1, 2, 4, 5, 6]);
    clock.advance(SECOND);
    assert_eq!(live(), [2, 6]);
    clock.advance(SECOND);
    assert_eq!(live(), []);
}

#[test]
fn expires_after_says_how_long_an_entry_lives() {
    let (cache, clock) = built(10, |settings| {
        let settings = settings.ttl(SECONDS * 2);
        settings.expires_after(|&key: &u32, &seconds: &u32| {
            assert!(key < 10);
            (seconds != 9).then_some(SECONDS * seconds)
        })
    });
    cache.insert(1, 1);
    cache.insert(2, 9);
    cache.insert(3, 3);
    cache.insert_with_ttl(4, 1, SECONDS * 4);
    cache.compute(5, |_| Op::Put(1));
    cache.get_or_insert_with(6, || 1);
    let live = || {
        (1..=6)
            .filter(|key| cache.peek(key).is_some())
            .collect::<Vec<_>>()
    };
    clock.advance(SECOND - 1);
    assert_eq!(live(), [1, 2, 3, 4, 5, 6]);
    clock.advance(1);
    assert_eq!(live(), [2, 3, 4]);
    clock.advance(SECOND);
    assert_eq!(live(), [3, 4]);
    clock.advance(SECOND);
    assert_eq!(live(), [4]);
}

#[test]
fn entry_that_expires_after_nothing_is_not_kept() {
    let heard = Heard::new();
    let (cache, _) = built(10, |settings| {
        settings
            .on_evict(heard.listener())
            .expires_after(|_, &value| (value == 0).then_some(Duration::ZERO))
    });
    cache.insert(1, 1);
    assert_eq!(cache.insert(1, 0), Some(1));
    assert_eq!(heard.take(), [(1, 0, Cause::Expired)]);
    assert!(cache.is_empty());
}

#[test]
fn lifetime_of_more_than_584_years_has_no_end() {
    let (cache, clock) = cache(10, Policy::Lru);
    cache.insert_with_ttl(1, 1, Duration::MAX);
    cache.insert_with_ttl(2, 2, NS * u32::MAX);
    clock.advance(u64::MAX);
    assert_eq!((cache.get(&1), cache.get(&2)), (Some(1), None));
}

#[test]
fn expired_entries_leave_with_later_insertions() {
    for policy in POLICIES {
        let heard = Heard::new();
        let (cache, clock) = built(10_000, |settings| {
            settings.policy(policy).shards(1).on_evict(heard.listener())
        });
        (0..1000_u64).for_each(|key| {
            cache.insert_with_ttl(key, key, SECONDS * 60);
        });
        clock.advance(SECOND * 61);
        let mut left = 0;
        for key in 1000..2000 {
            cache.insert(key, key);
            let heard = heard.take();
            assert!(heard.len() <= 8, "an insertion took {} out", heard.len());
            assert!(
                heard
                    .iter()
                    .all(|&(key, _, cause)| key < 1000 && cause == Cause::Expired)
            );
            left += heard.len();
        }
        assert_eq!((left, cache.len()), (1000, 1000));
        assert_eq!(
            (cache.stats().expirations, cache.stats().evictions),
            (1000, 0)
        );
        cache.validate();
    }
}

#[test]
fn expired_entries_leave_before_live_ones_are_evicted() {
    for policy in POLICIES {
        let heard = Heard::new();
        let (cache, clock) = built(100, |settings| {
            settings.policy(policy).on_evict(heard.listener())
        });
        (0..50).for_each(|key| {
            cache.insert(key, key);
        });
        (50..100).for_each(|key| {
            cache.insert_with_ttl(key, key, SECONDS);
        });
        clock.advance(SECOND * 2);
        (100..150).for_each(|key| {
            cache.insert(key, key);
        });
        assert!((0..50).all(|key| cache.peek(&key) == Some(key)));
        assert!(
            heard
                .take()
                .iter()
                .all(|&(_, _, cause)| cause == Cause::Expired)
        );
    }
}

#[test]
fn remove_expired_leaves_no_expired_entry() {
    for shards in [1, 4] {
        let heard = Heard::new();
        let (cache, clock) = built(20_000, |settings| {
            settings.shards(shards).on_evict(heard.listener())
        });
        for key in 0..10_000_u64 {
            let ttl = Duration::from_millis(1 + key % 5000);
            cache.insert_with_ttl(key, key, if key % 2 == 0 { ttl } else { SECONDS * 9 });
        }
        cache.remove_expired();
        assert_eq!(cache.len(), 10_000);
        clock.advance(SECOND * 6);
        cache.remove_expired();
        assert_eq!(cache.len(), 5000);
        assert!(cache.iter().all(|(key, _)| key % 2 == 1));
        let mut heard = heard.take();
        heard.sort_unstable_by_key(|&(key, ..)| key);
        let expired = (0..10_000).step_by(2).map(|key| (key, key, Cause::Expired));
        assert!(heard.into_iter().eq(expired));
        cache.validate();
    }
}

#[test]
fn remove_expired_is_late_by_milliseconds_at_most() {
    let (cache, clock) = cache(10, Policy::TinyLfu);
    cache.insert_with_ttl(1, 1, SECONDS);
    clock.advance(SECOND + 2_000_000);
    cache.remove_expired();
    assert!(cache.is_empty());
}

#[test]
fn replaced_entries_leave_at_their_new_time() {
    let (cache, clock) = cache(10, Policy::Lru);
    cache.insert_with_ttl(1, 1, SECONDS);
    cache.insert_with_ttl(1, 2, SECONDS * 3);
    cache.insert_with_ttl(2, 1, SECONDS * 3);
    cache.insert_with_ttl(2, 2, SECONDS);
    cache.insert_with_ttl(3, 1, SECONDS);
    cache.insert(3, 2);
    clock.advance(SECOND * 2);
    cache.remove_expired();
    assert_eq!(cache.len(), 2);
    clock.advance(SECOND * 2);
    cache.remove_expired();
    assert_eq!((cache.len(), cache.get(&3)), (1, Some(2)));
}

#[test]
fn cleared_entries_don_t_expire() {
    let heard = Heard::new();
    let (cache, clock): (Cache<_, _, _>, _) =
        built(10, |settings| settings.on_evict(heard.listener()));
    cache.insert_with_ttl(1, 1, SECONDS);
    cache.insert_with_ttl(2, 2, SECONDS);
    cache.remove(&1);
    cache.insert(1, 3);
    cache.clear();
    cache.insert(2, 4);
    clock.advance(SECOND * 2);
    cache.remove_expired();
    assert_eq!((heard.take().len(), cache.get(&2)), (0, Some(4)));
}

#[test]
fn entry_that_expires_in_the_middle_of_its_replacement_is_replaced() {
    for policy in POLICIES {
        // Far enough apart for the timer wheel to find what has expired in between.
        let now = Arc::new(AtomicU64::new(0));
        let clock = Arc::clone(&now);
        let built = Cache::builder()
            .capacity(10)
            .policy(policy)
            .clock(move || Duration::from_nanos(clock.fetch_add(1 << 24, Ordering::Relaxed)));
        let cache = built.build().expect("the capacity is set");
        for ttl in (0..8).map(|part| Duration::from_nanos(part << 22)) {
            cache.insert_with_ttl(1, 1, ttl);
            cache.insert(1, 2);
            cache.insert_with_ttl(1, 3, ttl);
            cache.compute(1, |_| Op::Put(4));
            assert_eq!(cache.get(&1), Some(4));
            cache.validate();
            cache.clear();
        }
    }
}
