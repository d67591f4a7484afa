//! Who is told what the cache evicts, and of what.

use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use foldhash::quality::FixedState;

use super::{Heard, NS, POLICIES, SECOND, built};
use crate::{Cache, Cause, Lookup, Op};

#[test]
fn each_eviction_is_told_once_with_its_cause() {
    for policy in POLICIES {
        let heard = Heard::new();
        let (cache, clock) = built(2, |settings| {
            settings
                .policy(policy)
                .weigher(|_, &value| if value == 99 { 99 } else { 1 })
                .on_evict(heard.listener())
        });
        cache.insert(1, 10);
        cache.insert(2, 20);
        cache.insert(3, 30);
        let told = heard.take();
        assert!(matches!(
            told[..],
            [(1, 10, Cause::Capacity) | (2, 20, Cause::Capacity)]
        ));
        cache.insert(4, 99);
        assert_eq!(heard.take(), [(4, 99, Cause::TooHeavy)]);
        cache.insert_with_ttl(4, 40, Duration::ZERO);
        assert_eq!(heard.take(), [(4, 40, Cause::Expired)]);
        cache.insert_with_ttl(3, 31, NS);
        clock.advance(1);
        cache.get(&3);
        assert_eq!(heard.take(), [(3, 31, Cause::Expired)]);
        cache.get(&3);
        assert_eq!(heard.take(), []);
    }
}

#[test]
fn nobody_is_told_of_what_the_user_takes_out() {
    for policy in POLICIES {
        let heard = Heard::new();
        let (cache, _) = built(10, |settings| {
            settings.policy(policy).on_evict(heard.listener())
        });
        (0..10).for_each(|key| {
            cache.insert(key, key);
        });
        cache.insert(0, 100);
        cache.compute(1, |_| Op::Put(100));
        cache.compute(2, |_| Op::Remove);
        cache.remove(&3);
        cache.remove_if(&4, |_, _| true);
        cache.retain(|&key, _| key != 5);
        cache.clear();
        drop(cache);
        assert_eq!(heard.take(), []);
    }
}

#[test]
fn expired_entries_are_told_wherever_they_leave() {
    type Act = fn(&Cache<u32, u32, FixedState>) -> bool;
    let acts: [Act; 10] = [
        |cache| cache.get(&1).is_none(),
        |cache| cache.lookup(&1, |_| ()) == Lookup::Expired,
        |cache| cache.get_ref(&1).is_none(),
        |cache| cache.remove(&1).is_none(),
        |cache| cache.remove_if(&1, |_, _| false).is_none(),
        |cache| cache.insert(1, 2).is_none(),
        |cache| cache.insert(2, 2).is_none(),
        |cache| cache.compute(1, |_| Op::Remove).is_none(),
        |cache| {
            cache.retain(|_, _| true);
            cache.is_empty()
        },
        |cache| {
            cache.remove_expired();
            cache.is_empty()
        },
    ];
    for act in acts {
        let heard = Heard::new();
        let (cache, clock) = built(10, |settings| settings.shards(1).on_evict(heard.listener()));
        cache.insert_with_ttl(1, 1, NS);
        clock.advance(SECOND);
        assert!(act(&cache));
        assert_eq!(heard.take(), [(1, 1, Cause::Expired)]);
        assert_eq!(cache.stats().expirations, 1);
    }
}

#[test]
fn entries_that_had_expired_when_they_were_evicted_are_told_as_such() {
    for policy in POLICIES {
        let heard = Heard::new();
        let (cache, clock) = built(4, |settings| {
            settings.policy(policy).on_evict(heard.listener())
        });
        (0..4).for_each(|key| {
            cache.insert_with_ttl(key, key, NS);
        });
        // Too soon for the timer wheel.
        clock.advance(1);
        cache.insert(4, 4);
        let told = heard.take();
        assert!(
            matches!(told[..], [(0..4, 0..4, Cause::Expired)]),
            "{told:?}"
        );
        cache.resize(0);
        let mut told = heard.take();
        told.sort_unstable_by_key(|&(key, ..)| key);
        assert_eq!(told.pop(), Some((4, 4, Cause::Capacity)));
        assert!(told.iter().all(|&(_, _, cause)| cause == Cause::Expired));
        assert_eq!((cache.stats().expirations, cache.stats().evictions), (4, 1));
    }
}

#[test]
fn cache_may_be_resized_by_the_listener() {
    let (cache, _) = hosting(10, |cache, _, _| cache.resize(20));
    (0..10).for_each(|key| {
        cache.insert(key, key);
    });
    cache.resize(5);
    assert_eq!((cache.len(), cache.capacity()), (5, 20));
    cache.validate();
}

type Host = Cache<u32, u32, FixedState>;

/// A cache with a listener that knows it.
fn hosting(
    capacity: usize,
    call: impl Fn(&Host, u32, Cause) + Send + Sync + 'static,
) -> (Arc<Host>, super::TestClock) {
    let host: Arc<OnceLock<Weak<Host>>> = Arc::default();
    let known = Arc::clone(&host);
    let (cache, clock) = built(capacity, |settings| {
        settings.on_evict(move |key, _, cause| {
            if let Some(cache) = known.get().and_then(Weak::upgrade) {
                assert!(cache.partition.is_unlocked(), "called under a lock");
                call(&cache, key, cause);
            }
        })
    });
    let cache = Arc::new(cache);
    host.set(Arc::downgrade(&cache)).expect("it is set once");
    (cache, clock)
}

#[test]
fn cache_may_be_used_by_the_listener() {
    let (cache, clock) = hosting(10, |cache, key, cause| {
        cache.get(&key);
        assert!(cache.iter().count() <= cache.len());
        if cause == Cause::Expired && key < 1000 {
            cache.insert(key + 1000, key);
        }
        cache.remove(&key);
    });
    for key in 0..30 {
        cache.insert_with_ttl(key, key, NS * 100);
        clock.advance(7);
    }
    cache.retain(|&key, _| key % 3 != 0);
    cache.compute(50, |_| Op::Put(1));
    cache.get_or_insert_with(51, || 1);
    cache.resize(5);
    clock.advance(SECOND);
    cache.remove_expired();
    cache.insert_with_ttl(60, 1, Duration::ZERO);
    cache.resize(0);
    assert!(cache.is_empty());
    cache.insert(61, 1);
    cache.validate();
}

#[test]
fn cause_of_what_leaves_for_a_listener_s_own_entry_is_capacity() {
    let (cache, _) = hosting(3, |cache, key, cause| {
        assert_eq!(cause, Cause::Capacity);
        if key < 100 {
            cache.insert(key + 100, 0);
        }
    });
    (0..50).for_each(|key| {
        cache.insert(key, 0);
    });
    assert_eq!(cache.len(), 3);
    cache.validate();
}
