//! What each step does to a cache: everything that it returns, that it tells the listener and that is
//! left afterwards.

use std::time::Duration;

use super::order::SecondChance;
use super::run::{Run, Value};
use super::{Choice, TICK};
use crate::{Cause, Lookup, Op};

impl Run {
    pub(super) fn insert(&mut self, key: u8, weight: u32, ttl: Option<u64>) {
        let value = self.value(weight);
        let arrival = self.arrival(key, value, ttl);
        let old = match ttl {
            None => self.cache.insert(key, value),
            Some(ttl) => self.cache.insert_with_ttl(key, value, self.time(ttl)),
        };
        self.put(&arrival, old);
    }

    pub(super) fn compute(&mut self, key: u8, choice: Choice) {
        let live = self.live(key);
        let (weight, ttl) = match choice {
            Choice::Put(weight) => (weight, None),
            Choice::PutWithTtl(weight, ttl) => (weight, Some(ttl)),
            Choice::Keep | Choice::Remove => (0, None),
        };
        let (value, span) = (self.value(weight), ttl.map(|ttl| self.time(ttl)));
        let arrival = matches!(choice, Choice::Put(_) | Choice::PutWithTtl(..))
            .then(|| self.arrival(key, value, ttl));
        let old = self.cache.compute(key, |found| {
            assert_eq!(found.copied(), live);
            match (choice, span) {
                (Choice::Keep, _) => Op::Keep,
                (Choice::Remove, _) => Op::Remove,
                (_, None) => Op::Put(value),
                (_, Some(span)) => Op::PutWithTtl(value, span),
            }
        });
        match (arrival, choice) {
            (Some(arrival), _) => self.put(&arrival, old),
            (None, Choice::Remove) => self.remove(key, old),
            (None, _) => assert_eq!(old, None),
        }
    }

    pub(super) fn load(&mut self, key: u8, weight: u32) {
        let value = self.value(weight);
        let live = self.live(key);
        let loaded = self.cache.get_or_insert_with(key, || value);
        if live.is_some() {
            return self.read(key, Some(loaded));
        }
        assert_eq!(loaded, value);
        self.stats.misses += 1;
        let mut heard = self.heard.take();
        if let Some(expired) = self.entries.get(&key) {
            // The lookup came first.
            assert_eq!(heard.remove(0), (key, expired.value, Cause::Expired));
            self.expire(key);
        }
        let arrival = self.arrival(key, value, None);
        self.settle(&arrival, heard);
    }

    pub(super) fn load_nothing(&mut self, key: u8) {
        let loaded = self.cache.try_get_or_insert_with(key, || Err(()));
        self.read(key, loaded.ok());
    }

    pub(super) fn lookup(&mut self, key: u8) {
        let has_expired = self.entries.contains_key(&key) && self.live(key).is_none();
        let outcome = self.cache.lookup(&key, |value| *value);
        let found = match outcome {
            Lookup::Hit(value) => Some(value),
            Lookup::Expired | Lookup::Absent => {
                assert_eq!(outcome == Lookup::Expired, has_expired);
                None
            }
        };
        self.read(key, found);
    }

    /// A request for a key found this.
    pub(super) fn read(&mut self, key: u8, found: Option<Value>) {
        assert_eq!(found, self.live(key));
        if found.is_none() {
            self.stats.misses += 1;
            return self.leave_if_expired(key);
        }
        self.stats.hits += 1;
        let (shard, idle) = (self.shard(key), self.idle());
        self.orders[shard].set_used(key);
        if let (Some(kept), Some(idle)) = (self.entries.get_mut(&key), idle) {
            let later = kept.end.min(self.now + idle);
            if later.saturating_sub(kept.deadline) > idle / 64 {
                kept.deadline = later;
            }
        }
    }

    pub(super) fn remove(&mut self, key: u8, removed: Option<Value>) {
        assert_eq!(removed, self.live(key));
        if removed.is_some() {
            self.forget(key);
        } else {
            self.leave_if_expired(key);
        }
    }

    pub(super) fn remove_if(&mut self, key: u8, yes: bool) {
        let live = self.live(key);
        let removed = self.cache.remove_if(&key, |&found, &value| {
            assert_eq!((found, Some(value)), (key, live));
            yes
        });
        if live.is_none() || yes {
            self.remove(key, removed);
        } else {
            assert_eq!(removed, None);
        }
    }

    pub(super) fn retain(&mut self, rest: u8) {
        let keep = |key: u8| key % 7 != rest;
        self.cache.retain(|&key, _| keep(key));
        self.leave_expired();
        let out: Vec<u8> = self
            .entries
            .keys()
            .copied()
            .filter(|&key| !keep(key))
            .collect();
        for key in out {
            self.forget(key);
        }
        let mut live = self.entries.keys();
        assert!(live.all(|&key| self.live(key).is_some()));
    }

    pub(super) fn remove_expired(&mut self) {
        self.cache.remove_expired();
        self.leave_expired();
        let now = self.now;
        let mut left = self.entries.values();
        assert!(left.all(|kept| now < kept.deadline.saturating_add(TICK)));
    }

    pub(super) fn resize(&mut self, capacity: usize) {
        self.cache.resize(capacity);
        self.capacity = capacity;
        let mut last = vec![None; self.setting.shards];
        for (key, value, cause) in self.heard.take() {
            let shard = self.shard(key);
            self.evicted(key, value, cause);
            last[shard] = (cause == Cause::Capacity).then_some(value);
        }
        for (shard, last) in last.into_iter().enumerate() {
            self.assert_had_to_leave(shard, last);
        }
    }

    pub(super) fn clear(&mut self) {
        self.cache.clear();
        self.entries.clear();
        self.seen.clear();
        self.orders.fill_with(SecondChance::default);
    }

    pub(super) fn idle(&self) -> Option<u64> {
        self.setting.idle.map(|idle| idle * self.setting.unit)
    }

    /// Takes an entry out of all that is known.
    pub(super) fn forget(&mut self, key: u8) {
        let shard = self.shard(key);
        self.orders[shard].remove(key);
        assert!(self.entries.remove(&key).is_some());
    }

    /// An expired entry has left.
    pub(super) fn expire(&mut self, key: u8) {
        assert_eq!(self.live(key), None);
        self.stats.expirations += 1;
        self.forget(key);
    }

    /// Who looks up a key that has expired removes it.
    fn leave_if_expired(&mut self, key: u8) {
        let expired = self
            .entries
            .get(&key)
            .map(|kept| (key, kept.value, Cause::Expired));
        assert!(self.heard.take().into_iter().eq(expired));
        if expired.is_some() {
            self.expire(key);
        }
    }

    /// Only expired entries have left.
    fn leave_expired(&mut self) {
        for (key, value, cause) in self.heard.take() {
            let kept = self.entries.get(&key).map(|kept| kept.value);
            assert_eq!((kept, cause), (Some(value), Cause::Expired));
            self.expire(key);
        }
    }

    fn time(&self, units: u64) -> Duration {
        Duration::from_nanos(units * self.setting.unit)
    }
}
