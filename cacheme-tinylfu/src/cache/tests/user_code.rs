//! What keys, values, closures and clocks may do to a cache.

use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use foldhash::quality::FixedState;

use super::{NS, POLICIES, cache, panics};
use crate::{Cache, Lookup, Policy};

/// Uses its cache when it is dropped, and counts that.
struct Guest {
    host: Weak<Cache<u32, Guest, FixedState>>,
    dropped: Arc<AtomicUsize>,
}

impl Drop for Guest {
    fn drop(&mut self) {
        if let Some(cache) = self.host.upgrade() {
            assert!(cache.partition.is_unlocked(), "dropped under a lock");
            assert!(cache.len() <= cache.capacity());
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[test]
fn values_are_dropped_after_the_lock_is_released() {
    for policy in POLICIES {
        let (cache, clock) = cache(2, policy);
        let cache = Arc::new(cache);
        let dropped = Arc::new(AtomicUsize::new(0));
        let guest = || Guest {
            host: Arc::downgrade(&cache),
            dropped: Arc::clone(&dropped),
        };
        let expect = |count| assert_eq!(dropped.swap(0, Ordering::Relaxed), count);

        cache.insert(1, guest());
        cache.insert(1, guest());
        expect(1);
        cache.remove(&1);
        expect(1);
        (0..4).for_each(|key| {
            cache.insert(key, guest());
        });
        expect(2);
        cache.clear();
        expect(2);
        cache.insert_with_ttl(1, guest(), NS);
        cache.insert_with_ttl(2, guest(), NS);
        clock.advance(1);
        assert_eq!(cache.lookup(&1, |_| ()), Lookup::Expired);
        expect(1);
        cache.insert(2, guest());
        expect(1);
        cache.insert_with_ttl(2, guest(), Duration::ZERO);
        expect(2);
    }
}

#[test]
fn rejected_values_are_dropped_after_the_lock_is_released() {
    let (cache, _) = cache(0, POLICIES[0]);
    let cache = Arc::new(cache);
    let dropped = Arc::new(AtomicUsize::new(0));
    let host = Arc::downgrade(&cache);
    cache.insert(
        1,
        Guest {
            host,
            dropped: Arc::clone(&dropped),
        },
    );
    assert_eq!(dropped.load(Ordering::Relaxed), 1);
}

/// Panics when it is compared, if told so. All of them have one hash.
#[derive(Clone)]
struct Moody(u32, Arc<AtomicBool>);

impl PartialEq for Moody {
    fn eq(&self, other: &Self) -> bool {
        assert!(!self.1.load(Ordering::Relaxed), "not now");
        self.0 == other.0
    }
}

impl Eq for Moody {}

impl Hash for Moody {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u8(0);
    }
}

#[test]
fn keys_that_panic_leave_the_cache_whole() {
    for policy in POLICIES {
        let (cache, _) = cache(3, policy);
        let moody = Arc::new(AtomicBool::new(false));
        let key = |number| Moody(number, Arc::clone(&moody));
        (0..3).for_each(|number| {
            cache.insert(key(number), number);
        });
        moody.store(true, Ordering::Relaxed);
        panics(|| cache.insert(key(3), 3));
        panics(|| cache.get(&key(0)));
        panics(|| cache.remove(&key(0)));
        moody.store(false, Ordering::Relaxed);
        cache.validate();
        assert!((0..3).all(|number| cache.get(&key(number)) == Some(number)));
        cache.insert(key(3), 3);
        assert_eq!(cache.len(), 3);
        cache.validate();
    }
}

#[test]
fn closures_and_clones_that_panic_leave_the_cache_whole() {
    struct Unclonable;
    impl Clone for Unclonable {
        fn clone(&self) -> Self {
            panic!("no clones")
        }
    }
    let cache = Cache::new(10);
    cache.insert(1, Unclonable);
    panics(|| cache.get(&1));
    panics(|| cache.lookup(&1, |_| panic!("no reading")));
    panics(|| cache.iter().next());
    cache.validate();
    assert_eq!(cache.lookup(&1, |_| ()), Lookup::Hit(()));
}

#[test]
fn clocks_that_panic_leave_the_cache_whole() {
    for policy in POLICIES {
        let broken = Arc::new(AtomicBool::new(false));
        let switch = Arc::clone(&broken);
        let clock = move || {
            assert!(!switch.load(Ordering::Relaxed), "no time");
            NS
        };
        let built = Cache::builder()
            .capacity(3)
            .policy(policy)
            .clock(clock)
            .build();
        let cache = built.expect("the capacity is set");
        (0..3).for_each(|key| {
            cache.insert_with_ttl(key, key, NS);
        });
        broken.store(true, Ordering::Relaxed);
        panics(|| cache.get(&0));
        panics(|| cache.insert(0, 1));
        panics(|| cache.remove(&0));
        if policy == Policy::TinyLfu {
            panics(|| cache.insert(3, 3));
        }
        cache.validate();
        broken.store(false, Ordering::Relaxed);
        assert!((0..3).all(|key| cache.get(&key) == Some(key)));
    }
}

#[test]
fn clock_is_not_read_for_entries_without_lifetime() {
    for policy in POLICIES {
        let (cache, clock) = cache(10, policy);
        for key in 0..100 {
            cache.insert(key, key);
            cache.insert(key, key);
            cache.get(&key);
            cache.get(&(key + 1));
        }
        cache.remove(&99);
        cache.iter().for_each(drop);
        assert_eq!(clock.reads(), 0);
        cache.insert_with_ttl(1, 1, NS);
        cache.get(&1);
        assert_eq!(clock.reads(), 2);
    }
}
