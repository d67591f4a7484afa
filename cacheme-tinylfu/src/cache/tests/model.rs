//! Random operations on a cache and on a model of it that is too simple to be wrong.
//!
//! The model knows all entries. Only which one is evicted it learns from the cache, except with LRU,
//! where it foretells that too.

use std::collections::BTreeMap;
use std::time::Duration;

use foldhash::quality::FixedState;
use proptest::prelude::*;

use super::{TestClock, cache};
use crate::{Cache, Policy};

#[derive(Clone, Debug)]
enum Op {
    Insert(u8),
    InsertWithTtl(u8, u64),
    Get(u8),
    Remove(u8),
    Clear,
    Advance(u64),
}

fn op(keys: u8) -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (0..keys).prop_map(Op::Insert),
        4 => (0..keys, 0..20_u64).prop_map(|(key, ttl)| Op::InsertWithTtl(key, ttl)),
        12 => (0..keys).prop_map(Op::Get),
        3 => (0..keys).prop_map(Op::Remove),
        1 => Just(Op::Clear),
        4 => (1..10_u64).prop_map(Op::Advance),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Kept {
    value: u64,
    expires: Option<u64>,
    used: u64,
}

struct Model {
    entries: BTreeMap<u8, Kept>,
    capacity: usize,
    policy: Policy,
    now: u64,
    step: u64,
    cache: Cache<u8, u64, FixedState>,
    clock: TestClock,
}

impl Model {
    fn new(capacity: usize, policy: Policy) -> Self {
        let (cache, clock) = cache(capacity, policy);
        Self {
            entries: BTreeMap::new(),
            capacity,
            policy,
            now: 0,
            step: 0,
            cache,
            clock,
        }
    }

    fn apply(&mut self, op: &Op) {
        self.step += 1;
        match *op {
            Op::Insert(key) => self.insert(key, None),
            Op::InsertWithTtl(key, ttl) => self.insert(key, Some(ttl)),
            Op::Get(key) => self.get(key),
            Op::Remove(key) => {
                assert_eq!(self.cache.remove(&key), self.live(key));
                self.entries.remove(&key);
            }
            Op::Clear => {
                self.cache.clear();
                self.entries.clear();
            }
            Op::Advance(by) => {
                self.clock.advance(by);
                self.now += by;
            }
        }
        self.compare();
    }

    fn live(&self, key: u8) -> Option<u64> {
        let kept = self.entries.get(&key)?;
        let live = kept.expires.is_none_or(|expires| self.now < expires);
        live.then_some(kept.value)
    }

    fn get(&mut self, key: u8) {
        let live = self.live(key);
        assert_eq!(self.cache.get(&key), live);
        if live.is_none() {
            self.entries.remove(&key);
        } else if let Some(kept) = self.entries.get_mut(&key) {
            kept.used = self.step;
        }
    }

    fn insert(&mut self, key: u8, ttl: Option<u64>) {
        let value = self.step;
        let replaced = match ttl {
            None => self.cache.insert(key, value),
            Some(ttl) => self
                .cache
                .insert_with_ttl(key, value, Duration::from_nanos(ttl)),
        };
        assert_eq!(replaced, self.live(key));
        let had = self.entries.remove(&key).is_some();
        if ttl == Some(0) || self.capacity == 0 {
            return;
        }
        if !had && self.entries.len() == self.capacity {
            let victim = self.evicted();
            self.entries.remove(&victim);
        }
        let expires = ttl.map(|ttl| self.now + ttl);
        let used = self.step;
        self.entries.insert(
            key,
            Kept {
                value,
                expires,
                used,
            },
        );
    }

    /// The only key that the cache has no more.
    fn evicted(&self) -> u8 {
        let held = self.held();
        let mut gone = self
            .entries
            .iter()
            .filter(|(key, _)| !held.contains_key(key));
        let (&victim, _) = gone.next().expect("a full cache evicts for a new key");
        assert_eq!(gone.count(), 0, "more than one entry was evicted");
        if self.policy == Policy::Lru {
            let oldest = self.entries.iter().min_by_key(|(_, kept)| kept.used);
            assert_eq!(oldest.map(|(&key, _)| key), Some(victim));
        }
        victim
    }

    /// All entries of the cache, expired ones too.
    fn held(&self) -> BTreeMap<u8, u64> {
        let shards = self.cache.partition.locks();
        shards
            .flat_map(|shard| {
                let entries = shard.iter().map(|(_, entry)| (entry.key, entry.value));
                entries.collect::<Vec<_>>()
            })
            .collect()
    }

    fn compare(&self) {
        self.cache.validate();
        assert!(self.cache.len() <= self.capacity);
        assert_eq!(self.cache.len(), self.entries.len());
        let entries = self.entries.iter().map(|(&key, kept)| (key, kept.value));
        assert!(self.held().into_iter().eq(entries));
        let live = self
            .entries
            .keys()
            .filter_map(|&key| Some((key, self.live(key)?)));
        assert_eq!(
            self.cache.iter().collect::<BTreeMap<_, _>>(),
            live.collect()
        );
    }
}

proptest! {
    #[test]
    fn lru_does_what_the_model_does(
        capacity in 0..12_usize,
        ops in prop::collection::vec(op(24), 1..300),
    ) {
        let mut model = Model::new(capacity, Policy::Lru);
        for op in &ops {
            model.apply(op);
        }
    }

    #[test]
    fn tinylfu_does_what_the_model_does(
        capacity in 0..12_usize,
        ops in prop::collection::vec(op(24), 1..300),
    ) {
        let mut model = Model::new(capacity, Policy::TinyLfu);
        for op in &ops {
            model.apply(op);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn tinylfu_with_a_window_of_several_entries_does_what_the_model_does(
        ops in prop::collection::vec(op(255), 1..300),
    ) {
        // Only at this size is the window more than one entry. Filled first, so that ops evict.
        let mut model = Model::new(220, Policy::TinyLfu);
        (0..220).for_each(|key| model.insert(key, None));
        ops.iter().filter(|op| !matches!(op, Op::Clear)).for_each(|op| model.apply(op));
    }
}
