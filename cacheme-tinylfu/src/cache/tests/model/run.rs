//! A cache, what is known of it, and what each step must do to both.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::BuildHasher;
use std::time::Duration;

use foldhash::quality::FixedState;

use super::super::{Heard, TestClock, built};
use super::order::SecondChance;
use super::{Setting, Step};
use crate::{Cache, Policy, Stats};

/// Each is told apart from all others by its number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Value {
    pub(super) number: u64,
    pub(super) weight: u32,
    pub(super) ttl: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    pub(super) value: Value,
    /// The end of its lifetime.
    pub(super) end: u64,
    /// That, or the end of the time for which it may be idle.
    pub(super) deadline: u64,
}

pub(super) struct Run {
    pub(super) setting: Setting,
    pub(super) capacity: usize,
    pub(super) now: u64,
    values: u64,
    pub(super) entries: BTreeMap<u8, Kept>,
    /// Keys that the doorkeeper knows.
    pub(super) seen: BTreeSet<u8>,
    /// The shard of each key.
    shards: Vec<usize>,
    pub(super) orders: Vec<SecondChance>,
    pub(super) stats: Stats,
    pub(super) cache: Cache<u8, Value, FixedState>,
    clock: TestClock,
    pub(super) heard: Heard<u8, Value>,
}

impl Run {
    pub(super) fn new(setting: Setting) -> Self {
        let heard = Heard::new();
        let time = |units: u64| Duration::from_nanos(units * setting.unit);
        let (cache, clock) = built(setting.capacity, |mut settings| {
            settings = settings
                .policy(setting.policy)
                .shards(setting.shards)
                .on_evict(heard.listener())
                .record_stats();
            if let Some(ttl) = setting.ttl {
                settings = settings.ttl(time(ttl));
            }
            if let Some(idle) = setting.idle {
                settings = settings.idle(time(idle));
            }
            if setting.weighed {
                settings = settings.weigher(|_, value: &Value| value.weight);
            }
            if setting.expires_after {
                settings =
                    settings.expires_after(|_, value: &Value| value.ttl.map(Duration::from_nanos));
            }
            if setting.doorkeeper {
                settings = settings.doorkeeper();
            }
            settings
        });
        Self {
            setting,
            capacity: setting.capacity,
            now: 0,
            values: 0,
            entries: BTreeMap::new(),
            seen: BTreeSet::new(),
            shards: (0..=u8::MAX).map(|key| shard_of(&cache, key)).collect(),
            orders: (0..setting.shards)
                .map(|_| SecondChance::default())
                .collect(),
            stats: Stats::default(),
            cache,
            clock,
            heard,
        }
    }

    pub(super) fn apply(&mut self, step: &Step) {
        match *step {
            Step::Insert(key, weight) => self.insert(key, weight, None),
            Step::InsertWithTtl(key, weight, ttl) => self.insert(key, weight, Some(ttl)),
            Step::Get(key) => {
                let found = self.cache.get(&key);
                self.read(key, found);
            }
            Step::Lookup(key) => self.lookup(key),
            Step::GetRef(key) => {
                let found = self.cache.get_ref(&key).map(|entry| *entry.value());
                self.read(key, found);
            }
            Step::Peek(key) => {
                assert_eq!(self.cache.peek(&key), self.live(key));
                assert_eq!(self.cache.contains_key(&key), self.live(key).is_some());
            }
            Step::Remove(key) => {
                let removed = self.cache.remove(&key);
                self.remove(key, removed);
            }
            Step::RemoveIf(key, yes) => self.remove_if(key, yes),
            Step::Retain(rest) => self.retain(rest),
            Step::Compute(key, choice) => self.compute(key, choice),
            Step::Load(key, weight) => self.load(key, weight),
            Step::LoadNothing(key) => self.load_nothing(key),
            Step::Advance(units) => {
                self.now += units * self.setting.unit;
                self.clock.advance(units * self.setting.unit);
            }
            Step::RemoveExpired => self.remove_expired(),
            Step::Resize(capacity) => self.resize(capacity),
            Step::Clear => self.clear(),
        }
        self.compare();
    }

    pub(super) fn shard(&self, key: u8) -> usize {
        self.shards[usize::from(key)]
    }

    /// What a shard may hold.
    pub(super) fn share(&self, shard: usize) -> u64 {
        let shards = self.setting.shards;
        (self.capacity / shards + usize::from(shard < self.capacity % shards)) as u64
    }

    /// What the entries of a shard weigh.
    pub(super) fn weight(&self, shard: usize) -> u64 {
        let entries = self.entries.iter();
        let own = entries.filter(|&(&key, _)| self.shard(key) == shard);
        own.map(|(_, kept)| self.weight_of(kept.value)).sum()
    }

    pub(super) fn weight_of(&self, value: Value) -> u64 {
        if self.setting.weighed {
            value.weight.max(1).into()
        } else {
            1
        }
    }

    /// The value of a key, unless it has expired.
    pub(super) fn live(&self, key: u8) -> Option<Value> {
        let kept = self.entries.get(&key)?;
        (self.now < kept.deadline).then_some(kept.value)
    }

    /// A value that no step has used yet.
    pub(super) fn value(&mut self, weight: u32) -> Value {
        self.values += 1;
        let number = self.values;
        Value {
            number,
            weight,
            ttl: number
                .is_multiple_of(3)
                .then_some(number % 7 * self.setting.unit),
        }
    }

    /// What a cache without a timer wheel that gets anywhere is known to evict, is foretold.
    pub(super) fn is_foretold(&self) -> bool {
        self.setting.policy == Policy::Lru && self.setting.unit == 1
    }

    fn compare(&self) {
        assert_eq!(self.heard.take(), [], "nobody should have heard of this");
        self.cache.validate();
        assert_eq!(self.cache.capacity(), self.capacity);
        assert_eq!(self.cache.len(), self.entries.len());
        assert_eq!(self.cache.is_empty(), self.entries.is_empty());
        let weight = (0..self.setting.shards)
            .map(|shard| self.weight(shard))
            .sum();
        assert_eq!(self.cache.weight(), weight);
        assert!(weight <= self.capacity as u64);
        assert_eq!(self.cache.stats(), self.stats);
        let known = self.entries.iter().map(|(&key, kept)| (key, kept.value));
        assert!(self.held().into_iter().eq(known), "it holds something else");

        let keys = self.entries.keys();
        let live: Vec<_> = keys
            .filter_map(|&key| Some((key, self.live(key)?)))
            .collect();
        let sorted = |mut entries: Vec<(u8, Value)>| {
            entries.sort_by_key(|&(key, _)| key);
            entries
        };
        assert_eq!(sorted(self.cache.iter().collect()), live);
        assert_eq!(sorted(self.cache.policy().hottest(256)), live);
    }

    /// All entries of the cache, expired ones too.
    fn held(&self) -> BTreeMap<u8, Value> {
        let shards = self.cache.partition.reads();
        shards
            .flat_map(|shard| {
                let entries = shard.iter().map(|(_, entry)| (entry.key, entry.value));
                entries.collect::<Vec<_>>()
            })
            .collect()
    }
}

fn shard_of(cache: &Cache<u8, Value, FixedState>, key: u8) -> usize {
    let lock = cache.partition.shard(cache.hasher.hash_one(key));
    let same = |&index: &usize| {
        let other = cache.partition.at(index);
        other.is_some_and(|other| std::ptr::eq(other, lock))
    };
    let index = (0..cache.shards()).find(same);
    index.expect("each key has a shard")
}
