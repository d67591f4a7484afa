//! No value is dropped and no listener is called while a shard is locked.

use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use foldhash::quality::FixedState;

use super::{NS, POLICIES, SECOND, TestClock, built, panics};
use crate::{Cache, Op, Policy};

type Host = Cache<Key, Guest, FixedState>;

/// Shared by a cache and its guests.
#[derive(Default)]
struct House {
    cache: OnceLock<Weak<Host>>,
    dropped: AtomicUsize,
    dropped_under_a_lock: AtomicUsize,
    /// Comparing keys panics, as does weighing.
    is_haunted: AtomicBool,
}

impl House {
    fn count(&self) {
        if let Some(cache) = self.cache.get().and_then(Weak::upgrade) {
            let under_a_lock = !cache.partition.is_unlocked();
            self.dropped.fetch_add(1, Ordering::Relaxed);
            self.dropped_under_a_lock
                .fetch_add(under_a_lock.into(), Ordering::Relaxed);
        }
    }

    fn scare(&self) {
        assert!(!self.is_haunted.load(Ordering::Relaxed), "boo");
    }
}

/// A value that looks at its cache when it is dropped.
struct Guest(Arc<House>);

impl Clone for Guest {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.0.count();
    }
}

struct Key(u32, Arc<House>);

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.1.scare();
        self.0 == other.0
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

struct Party {
    cache: Arc<Host>,
    clock: TestClock,
    house: Arc<House>,
}

impl Party {
    fn new(
        capacity: usize,
        set: impl FnOnce(super::Settings<Key, Guest>) -> super::Settings<Key, Guest>,
    ) -> Self {
        let house = Arc::new(House::default());
        let (cache, clock) = built(capacity, set);
        let cache = Arc::new(cache);
        let known = house.cache.set(Arc::downgrade(&cache));
        known.expect("it is set once");
        Self {
            cache,
            clock,
            house,
        }
    }

    fn key(&self, number: u32) -> Key {
        Key(number, Arc::clone(&self.house))
    }

    fn guest(&self) -> Guest {
        Guest(Arc::clone(&self.house))
    }

    fn insert(&self, number: u32) {
        self.cache.insert(self.key(number), self.guest());
    }

    fn insert_for(&self, number: u32, ttl: Duration) {
        self.cache
            .insert_with_ttl(self.key(number), self.guest(), ttl);
    }

    /// So many guests were dropped since this was last said, none of them under a lock.
    fn expect(&self, dropped: usize) {
        self.cache.validate();
        assert_eq!(self.house.dropped.swap(0, Ordering::Relaxed), dropped);
        assert_eq!(self.house.dropped_under_a_lock.load(Ordering::Relaxed), 0);
    }
}

#[test]
fn values_are_dropped_after_the_lock_is_released() {
    for policy in POLICIES {
        let party = Party::new(10, |settings| settings.policy(policy).shards(1));
        let cache = &party.cache;
        (0..10).for_each(|key| party.insert(key));
        party.expect(0);
        party.insert(0);
        party.insert(10);
        party.expect(2);
        cache.resize(6);
        party.expect(4);
        cache.retain(|_, _| false);
        party.expect(6);
        (0..4).for_each(|key| party.insert_for(key, NS));
        party.clock.advance(SECOND);
        assert!(cache.get(&party.key(0)).is_none());
        party.expect(1);
        assert!(cache.get_ref(&party.key(1)).is_none());
        party.expect(1);
        cache.retain(|_, _| true);
        party.expect(2);
        (0..4).for_each(|key| party.insert_for(key, NS));
        party.clock.advance(SECOND);
        party.insert(9);
        party.expect(4);
        (0..4).for_each(|key| party.insert_for(key, NS));
        party.clock.advance(SECOND);
        cache.remove_expired();
        party.expect(4);
        cache.compute(party.key(9), |_| Op::Put(party.guest()));
        party.expect(1);
        cache.compute(party.key(9), |_| {
            Op::PutWithTtl(party.guest(), Duration::ZERO)
        });
        party.expect(2);
        party.insert(9);
        cache.remove_if(&party.key(9), |_, _| true);
        party.expect(1);
        drop(cache.get_or_insert_with(party.key(9), || party.guest()));
        party.expect(1);
        cache.clear();
        party.expect(1);
    }
}

#[test]
fn refused_values_are_dropped_after_the_lock_is_released() {
    let party = Party::new(10, super::Settings::doorkeeper);
    party.insert(1);
    party.expect(1);
    party.insert(1);
    party.expect(0);
    let party = Party::new(10, |settings| settings.weigher(|key, _| key.0));
    party.insert(11);
    party.expect(1);
    party
        .cache
        .compute(party.key(11), |_| Op::Put(party.guest()));
    party.expect(1);
    (1..4).for_each(|key| party.insert(key));
    let party = Party::new(10, |settings| {
        settings.policy(Policy::Lru).weigher(|key, _| key.0)
    });
    (1..5).for_each(|key| party.insert(key));
    party.insert(10);
    party.expect(4);
}

#[test]
fn values_that_could_not_be_kept_for_a_panic_are_dropped_unlocked() {
    let party = Party::new(10, |settings| settings.policy(Policy::Lru));
    party.insert(1);
    party.house.is_haunted.store(true, Ordering::Relaxed);
    panics(|| party.insert(1));
    panics(|| party.insert_for(1, NS));
    panics(|| {
        party
            .cache
            .compute(party.key(1), |_| Op::Put(party.guest()))
    });
    party.house.is_haunted.store(false, Ordering::Relaxed);
    party.expect(2);
}

#[test]
fn values_that_could_not_be_weighed_are_dropped_unlocked() {
    let party = Party::new(10, |settings| {
        settings.weigher(|_, guest: &Guest| {
            guest.0.scare();
            1
        })
    });
    party.insert(1);
    party.house.is_haunted.store(true, Ordering::Relaxed);
    panics(|| party.insert(2));
    panics(|| {
        party
            .cache
            .compute(party.key(2), |_| Op::Put(party.guest()))
    });
    party.house.is_haunted.store(false, Ordering::Relaxed);
    party.expect(2);
}
