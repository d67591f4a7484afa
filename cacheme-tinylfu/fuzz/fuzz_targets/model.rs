//! A map that is told what leaves the cache, and so knows what is left in it.
//!
//! Which entry leaves is up to the cache. But each leaves once, by its listener or as what a call
//! returns, for a reason that holds, and all others are there.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use cacheme_tinylfu::{Cache, Cause, Op as Change, Policy};

use crate::input::{Key, Op, Settings, Ttl};

/// Each is offered once.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Value {
    number: u64,
    weight: u32,
}

struct Kept {
    value: Value,
    /// The end of its lifetime.
    end: u64,
    used: u64,
}

#[derive(Default)]
struct Counts {
    insertions: u64,
    replacements: u64,
    evictions: u64,
    expirations: u64,
    refusals: u64,
}

pub struct Model {
    cache: Cache<Key, Value, BuildHasherDefault<DefaultHasher>>,
    clock: Arc<AtomicU64>,
    left: mpsc::Receiver<(Key, Value, Cause)>,
    kept: HashMap<Key, Kept>,
    counts: Counts,
    now: u64,
    offered: u64,
    weighs: bool,
    ttl: u64,
    idle: u64,
}

impl Model {
    pub fn new(settings: &Settings) -> Self {
        let clock = Arc::new(AtomicU64::new(0));
        let read = Arc::clone(&clock);
        let (tell, left) = mpsc::channel();
        let mut builder = Cache::builder()
            .capacity(settings.capacity.into())
            .shards(1 << settings.shards)
            .policy(if settings.lru {
                Policy::Lru
            } else {
                Policy::TinyLfu
            })
            .clock(move || Duration::from_nanos(read.load(Ordering::Relaxed)))
            .on_evict(move |key, value, cause| {
                tell.send((key, value, cause)).expect("the model listens");
            });
        if settings.doorkeeper {
            builder = builder.doorkeeper();
        }
        if settings.weighs {
            builder = builder.weigher(|_key, value: &Value| value.weight);
        }
        let ttl = settings.ttl.map_or(u64::MAX, Ttl::nanoseconds);
        if ttl != u64::MAX {
            builder = builder.ttl(Duration::from_nanos(ttl));
        }
        let idle = if settings.idle == 0 {
            u64::MAX
        } else {
            settings.idle
        };
        if idle != u64::MAX {
            builder = builder.idle(Duration::from_nanos(idle));
        }
        let hasher = BuildHasherDefault::<DefaultHasher>::new();
        Self {
            cache: builder.hasher(hasher).build().expect("the capacity is set"),
            clock,
            left,
            kept: HashMap::new(),
            counts: Counts::default(),
            now: 0,
            offered: 0,
            weighs: settings.weighs,
            ttl,
            idle,
        }
    }

    pub fn apply(&mut self, op: &Op) {
        match *op {
            Op::Get(key) => {
                assert_eq!(self.cache.get(&key), self.live(key));
                self.touch(key);
            }
            Op::GetRef(key) => {
                let found = self.cache.get_ref(&key).map(|entry| (*entry.key(), *entry));
                assert_eq!(found, self.live(key).map(|value| (key, value)));
                self.touch(key);
            }
            Op::Peek(key) => {
                assert_eq!(self.cache.peek(&key), self.live(key));
                assert_eq!(self.cache.contains_key(&key), self.live(key).is_some());
            }
            Op::Insert { key, weight } => {
                self.put(key, weight, self.ttl, |cache, value| {
                    cache.insert(key, value)
                });
            }
            Op::InsertWithTtl { key, weight, ttl } => {
                let ttl = ttl.nanoseconds();
                let time = Duration::from_nanos(ttl);
                self.put(key, weight, ttl, |cache, value| {
                    cache.insert_with_ttl(key, value, time)
                });
            }
            Op::Put { key, weight } => self.put(key, weight, self.ttl, |cache, value| {
                cache.compute(key, |_| Change::Put(value))
            }),
            Op::PutWithTtl { key, weight, ttl } => {
                let ttl = ttl.nanoseconds();
                let time = Duration::from_nanos(ttl);
                self.put(key, weight, ttl, |cache, value| {
                    cache.compute(key, |_| Change::PutWithTtl(value, time))
                });
            }
            Op::GetOrInsert { key, weight } => self.get_or_insert(key, weight),
            Op::FailToInsert(key) => {
                let found = self.cache.try_get_or_insert_with(key, || Err(()));
                assert_eq!(found.ok(), self.live(key));
                self.touch(key);
            }
            Op::ComputeNothing(key) => {
                let live = self.live(key);
                let shown = self.cache.compute(key, |shown| {
                    assert_eq!(shown.copied(), live);
                    Change::Keep
                });
                assert_eq!(shown, None);
            }
            Op::ComputeRemoval(key) => {
                let removed = self.cache.compute(key, |_| Change::Remove);
                assert_eq!(removed, self.take(key));
            }
            Op::Remove(key) => assert_eq!(self.cache.remove(&key), self.take(key)),
            Op::RemoveIf { key, agreed } => {
                let removed = self.cache.remove_if(&key, |_key, _value| agreed);
                assert_eq!(removed, if agreed { self.take(key) } else { None });
            }
            Op::RetainKeysFrom(first) => {
                self.cache.retain(|&key, _value| key >= first);
                for key in 0..first {
                    self.take(key);
                }
            }
            Op::RemoveExpired => self.cache.remove_expired(),
            Op::Resize(capacity) => self.cache.resize(capacity.into()),
            Op::Clear => {
                self.cache.clear();
                self.kept.clear();
            }
            Op::Advance(by) => {
                self.now = self.now.saturating_add(by.nanoseconds());
                self.clock.store(self.now, Ordering::Relaxed);
            }
            Op::Rank(count) => self.rank(count.into()),
        }
        self.note_left(None);
    }

    /// Compares all that the cache shows of itself.
    pub fn compare(&self) {
        let weights = self.kept.values().map(|kept| self.weight(kept.value));
        assert_eq!(self.cache.weight(), weights.sum::<u64>());
        assert_eq!(self.cache.len(), self.kept.len());
        assert!(self.cache.weight() <= self.cache.capacity() as u64);

        let mut entries: Vec<(Key, Value)> = self.cache.iter().collect();
        entries.sort_by_key(|(key, _)| *key);
        let live = (0..=Key::MAX).filter_map(|key| Some((key, self.live(key)?)));
        assert!(live.eq(entries));

        let (stats, counts) = (self.cache.stats(), &self.counts);
        assert_eq!(stats.insertions, counts.insertions);
        assert_eq!(stats.replacements, counts.replacements);
        assert_eq!(stats.evictions, counts.evictions);
        assert_eq!(stats.expirations, counts.expirations);
        assert_eq!(stats.refusals, counts.refusals);
    }

    fn weight(&self, value: Value) -> u64 {
        if self.weighs {
            value.weight.max(1).into()
        } else {
            1
        }
    }

    fn is_live(&self, kept: &Kept) -> bool {
        let deadline = kept.end.min(kept.used.saturating_add(self.idle));
        deadline == u64::MAX || deadline > self.now
    }

    fn live(&self, key: Key) -> Option<Value> {
        let kept = self.kept.get(&key)?;
        self.is_live(kept).then_some(kept.value)
    }

    /// Takes a live entry out. One that has expired leaves by the listener.
    fn take(&mut self, key: Key) -> Option<Value> {
        self.live(key)?;
        self.kept.remove(&key).map(|kept| kept.value)
    }

    fn touch(&mut self, key: Key) {
        if self.live(key).is_some()
            && let Some(kept) = self.kept.get_mut(&key)
        {
            kept.used = self.now;
        }
    }

    fn offer(&mut self, weight: u8) -> Value {
        self.offered += 1;
        Value {
            number: self.offered,
            weight: weight.into(),
        }
    }

    fn put(
        &mut self,
        key: Key,
        weight: u8,
        ttl: u64,
        put: impl FnOnce(&Cache<Key, Value, BuildHasherDefault<DefaultHasher>>, Value) -> Option<Value>,
    ) {
        let value = self.offer(weight);
        let old = put(&self.cache, value);
        assert_eq!(old, self.take(key));
        if self.note_left(Some((key, value))) {
            if old.is_some() {
                self.counts.replacements += 1;
            } else {
                self.counts.insertions += 1;
            }
            let end = self.now.saturating_add(ttl);
            let used = self.now;
            self.kept.insert(key, Kept { value, end, used });
        }
    }

    fn get_or_insert(&mut self, key: Key, weight: u8) {
        if let Some(value) = self.live(key) {
            let found = self
                .cache
                .get_or_insert_with(key, || unreachable!("it is there"));
            assert_eq!(found, value);
            self.touch(key);
        } else {
            self.put(key, weight, self.ttl, |cache, value| {
                assert_eq!(cache.get_or_insert_with(key, || value), value);
                None
            });
        }
    }

    /// The policy ranks live entries, each once.
    fn rank(&self, count: usize) {
        let policy = self.cache.policy();
        let live = self.kept.values().filter(|kept| self.is_live(kept)).count();
        for ranked in [policy.hottest(count), policy.coldest(count)] {
            assert_eq!(ranked.len(), live.min(count));
            assert!(
                ranked
                    .iter()
                    .all(|&(key, value)| self.live(key) == Some(value))
            );
            let mut keys: Vec<Key> = ranked.iter().map(|&(key, _)| key).collect();
            keys.sort_unstable();
            assert!(
                keys.is_sorted_by(|key, next| key < next),
                "a key is ranked twice"
            );
        }
    }

    /// Hears who left. Returns whether what was offered is kept.
    fn note_left(&mut self, offered: Option<(Key, Value)>) -> bool {
        let mut kept = offered.is_some();
        while let Ok((key, value, cause)) = self.left.try_recv() {
            if offered == Some((key, value)) {
                assert!(kept, "it left twice");
                assert_ne!(cause, Cause::Capacity);
                kept = false;
                let expired = u64::from(cause == Cause::Expired);
                self.counts.expirations += expired;
                self.counts.refusals += 1 - expired;
                continue;
            }
            let entry = self.kept.remove(&key).expect("what leaves was there");
            assert_eq!(entry.value, value);
            match cause {
                Cause::Expired => self.counts.expirations += 1,
                Cause::Capacity => self.counts.evictions += 1,
                _ => unreachable!("{cause:?} is for what was never kept"),
            }
            assert_eq!(self.is_live(&entry), cause == Cause::Capacity);
        }
        kept
    }
}
