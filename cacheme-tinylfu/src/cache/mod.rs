//! The cache: shards chosen by hash, behind methods that take `&self`.
//!
//! Each method hashes the key first, then does its work under one shard's lock, and drops what left
//! the cache after that lock is released. No method holds two locks at once.

mod iter;
#[cfg(test)]
mod tests;

pub use iter::Iter;

use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::mem;
use std::time::Duration;

use equivalent::Equivalent;
use foldhash::quality::RandomState;

use crate::builder::Builder;
use crate::clock::{Clock, Deadline};
use crate::lookup::Lookup;
use crate::partition::Partition;
use crate::policy::Policy;
use crate::shard::{Access, Shard};
use crate::slab::Entry;

/// A concurrent cache of at most a given number of entries.
///
/// All methods take `&self`: share it in an [`Arc`](std::sync::Arc) or a `static`. Keys can be looked
/// up by any type that is [`Equivalent`] to them, such as `&str` for `String`; it must hash alike.
///
/// The [crate documentation](crate) says what always holds and what runs while a lock is held.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use std::thread;
///
/// use cacheme_tinylfu::Cache;
///
/// let squares = Arc::new(Cache::new(1000));
/// thread::scope(|scope| {
///     for number in 0..4_u64 {
///         let squares = Arc::clone(&squares);
///         scope.spawn(move || squares.insert(number, number * number));
///     }
/// });
/// assert_eq!(squares.get(&3), Some(9));
/// ```
pub struct Cache<K, V, S = RandomState> {
    partition: Partition<K, V>,
    hasher: S,
    clock: Clock,
    policy: Policy,
    capacity: u32,
}

impl<K, V> Cache<K, V> {
    /// A cache of at most `capacity` entries with the default settings.
    ///
    /// A capacity above 4,294,967,295 is taken as that. Nothing is allocated for entries to come.
    ///
    /// # Examples
    ///
    /// ```
    /// use cacheme_tinylfu::Cache;
    ///
    /// let cache = Cache::new(100);
    /// cache.insert("one", 1);
    /// ```
    pub fn new(capacity: usize) -> Self {
        Builder::new().build_with(u32::try_from(capacity).unwrap_or(u32::MAX))
    }

    /// Settings for a cache.
    ///
    /// # Examples
    ///
    /// ```
    /// use cacheme_tinylfu::{BuildError, Cache, Policy};
    ///
    /// # fn main() -> Result<(), BuildError> {
    /// let cache: Cache<u64, u64> = Cache::builder().capacity(100).policy(Policy::Lru).build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn builder() -> Builder<K, V> {
        Builder::new()
    }
}

impl<K: Hash + Eq, V, S: BuildHasher> Cache<K, V, S> {
    /// Keeps a value until it is evicted or removed, and returns the live value it replaces.
    ///
    /// A full cache evicts one entry of the same shard first. Replacing a value counts as a request
    /// for it and takes away the lifetime that the old one had.
    ///
    /// # Examples
    ///
    /// ```
    /// use cacheme_tinylfu::Cache;
    ///
    /// let cache = Cache::new(100);
    /// assert_eq!(cache.insert("one", 1), None);
    /// assert_eq!(cache.insert("one", 2), Some(1));
    /// ```
    pub fn insert(&self, key: K, value: V) -> Option<V> {
        self.insert_until(key, value, Deadline::NEVER)
    }

    /// Keeps a value as [`insert`](Self::insert) does, for at most `ttl` from now.
    ///
    /// With a `ttl` of zero the value has expired already: nothing is kept, and what the key had is
    /// removed and returned. Expired entries take their place until they are touched or evicted. A
    /// lifetime is exact to the nanosecond; one of more than 584 years has no end.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use cacheme_tinylfu::Cache;
    ///
    /// let cache = Cache::new(100);
    /// cache.insert_with_ttl("one", 1, Duration::from_secs(60));
    /// assert_eq!(cache.get("one"), Some(1));
    /// assert_eq!(cache.insert_with_ttl("one", 2, Duration::ZERO), Some(1));
    /// assert_eq!(cache.get("one"), None);
    /// ```
    pub fn insert_with_ttl(&self, key: K, value: V, ttl: Duration) -> Option<V> {
        if ttl.is_zero() {
            return self.remove(&key);
        }
        self.insert_until(key, value, Deadline::after(ttl, &self.clock))
    }

    /// A clone of the value of a key, if it has one that is live.
    ///
    /// Counts as a request for the key, found or not. `V::clone` runs while the shard is locked: keep
    /// values that are expensive to clone in an [`Arc`](std::sync::Arc), or use
    /// [`lookup`](Self::lookup).
    ///
    /// # Examples
    ///
    /// ```
    /// use cacheme_tinylfu::Cache;
    ///
    /// let cache = Cache::new(100);
    /// cache.insert("one".to_owned(), 1);
    /// assert_eq!(cache.get("one"), Some(1));
    /// assert_eq!(cache.get("two"), None);
    /// ```
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        Q: Hash + Equivalent<K> + ?Sized,
        V: Clone,
    {
        self.lookup(key, V::clone).hit()
    }

    /// Runs a closure on the value of a key, and says why there is none.
    ///
    /// Counts as a request for the key, found or not. The closure runs while the shard is locked: it
    /// should be short and must not use this cache, or it may deadlock. An expired entry is removed.
    ///
    /// # Examples
    ///
    /// ```
    /// use cacheme_tinylfu::{Cache, Lookup};
    ///
    /// let cache = Cache::new(100);
    /// cache.insert(7, "a long text that nobody wants to clone".to_owned());
    /// assert_eq!(cache.lookup(&7, |text| text.len()), Lookup::Hit(38));
    /// assert_eq!(cache.lookup(&8, |text| text.len()), Lookup::Absent);
    /// ```
    pub fn lookup<Q, R>(&self, key: &Q, read: impl FnOnce(&V) -> R) -> Lookup<R>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.lookup_key_value(key, |_key, value| read(value))
    }

    /// Runs a closure on the entry of a key, with the key as it was inserted, and says why there
    /// is none.
    ///
    /// For keys that carry more than what makes them equal; otherwise as [`lookup`](Self::lookup).
    ///
    /// # Examples
    ///
    /// ```
    /// use cacheme_tinylfu::{Cache, Lookup};
    ///
    /// let cache = Cache::new(100);
    /// cache.insert("one".to_owned(), 1);
    /// let entry = cache.lookup_key_value("one", |key, value| format!("{key} is {value}"));
    /// assert_eq!(entry, Lookup::Hit("one is 1".to_owned()));
    /// ```
    #[inline]
    pub fn lookup_key_value<Q, R>(&self, key: &Q, read: impl FnOnce(&K, &V) -> R) -> Lookup<R>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let hash = self.hasher.hash_one(key);
        let mut shard = self.partition.lock(hash);
        let expired = match shard.access(hash, key, &self.clock) {
            Access::Hit(entry) => return Lookup::Hit(read(&entry.key, &entry.value)),
            Access::Absent => return Lookup::Absent,
            Access::Expired(entry) => entry,
        };
        drop(shard);
        drop(expired);
        Lookup::Expired
    }

    /// Removes the entry of a key, and returns its value if it was live.
    ///
    /// # Examples
    ///
    /// ```
    /// use cacheme_tinylfu::Cache;
    ///
    /// let cache = Cache::new(100);
    /// cache.insert("one", 1);
    /// assert_eq!(cache.remove("one"), Some(1));
    /// assert_eq!(cache.remove("one"), None);
    /// ```
    pub fn remove<Q>(&self, key: &Q) -> Option<V>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let hash = self.hasher.hash_one(key);
        let removed = self.partition.lock(hash).remove(hash, key, &self.clock);
        removed.into_live()
    }

    fn insert_until(&self, key: K, value: V, deadline: Deadline) -> Option<V> {
        let hash = self.hasher.hash_one(&key);
        let mut shard = self.partition.lock(hash);
        let plan = shard.plan(hash, &key, &self.clock);
        let displaced = shard.insert(plan, Entry { key, value }, hash, deadline);
        drop(shard);
        displaced.into_live()
    }
}

impl<K, V, S: BuildHasher> Cache<K, V, S> {
    pub(crate) fn assemble(capacity: u32, policy: Policy, hasher: S, clock: Clock) -> Self {
        Self {
            partition: Partition::new(capacity, policy, |index| hasher.hash_one(index)),
            hasher,
            clock,
            policy,
            capacity,
        }
    }

    /// Removes all entries, gives their memory back and forgets how often keys were asked for.
    ///
    /// Shards are cleared one after the other, so an entry that is inserted meanwhile may stay.
    ///
    /// # Examples
    ///
    /// ```
    /// use cacheme_tinylfu::Cache;
    ///
    /// let cache = Cache::new(100);
    /// cache.insert("one", 1);
    /// cache.clear();
    /// assert!(cache.is_empty());
    /// ```
    pub fn clear(&self) {
        for (index, mut shard) in self.partition.locks().enumerate() {
            let empty = Shard::new(self.policy, shard.capacity(), self.hasher.hash_one(index));
            let old = mem::replace(&mut *shard, empty);
            drop(shard);
            drop(old);
        }
    }
}

impl<K, V, S> Cache<K, V, S> {
    /// How many entries the cache keeps, including expired ones that were not touched since.
    ///
    /// Locks each shard for a moment, one after the other. Never more than the capacity.
    ///
    /// # Examples
    ///
    /// ```
    /// use cacheme_tinylfu::Cache;
    ///
    /// let cache = Cache::new(100);
    /// cache.insert("one", 1);
    /// assert_eq!(cache.len(), 1);
    /// ```
    pub fn len(&self) -> usize {
        self.partition.locks().map(|shard| shard.len()).sum()
    }

    /// Whether [`len`](Self::len) is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use cacheme_tinylfu::Cache;
    ///
    /// let cache = Cache::<u64, u64>::new(100);
    /// assert!(cache.is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.partition.locks().all(|shard| shard.len() == 0)
    }

    /// How many entries the cache keeps at most.
    ///
    /// # Examples
    ///
    /// ```
    /// use cacheme_tinylfu::Cache;
    ///
    /// assert_eq!(Cache::<u64, u64>::new(100).capacity(), 100);
    /// ```
    pub fn capacity(&self) -> usize {
        self.capacity as usize
    }

    /// Clones of all live entries, in no particular order.
    ///
    /// The iterator takes one shard at a time: it locks it, clones its entries and releases it, and
    /// holds no lock while an item is in hand. Each key comes at most once. An entry that is there all
    /// the time comes; one that is inserted or removed meanwhile may or may not. Does not count as a
    /// request for any key.
    ///
    /// # Examples
    ///
    /// ```
    /// use cacheme_tinylfu::Cache;
    ///
    /// let cache = Cache::new(100);
    /// cache.insert("one", 1);
    /// cache.insert("two", 2);
    /// let mut entries: Vec<_> = cache.iter().collect();
    /// entries.sort();
    /// assert_eq!(entries, [("one", 1), ("two", 2)]);
    /// ```
    pub fn iter(&self) -> Iter<'_, K, V>
    where
        K: Clone,
        V: Clone,
    {
        Iter::new(&self.partition, &self.clock)
    }
}

impl<'a, K: Clone, V: Clone, S> IntoIterator for &'a Cache<K, V, S> {
    type Item = (K, V);
    type IntoIter = Iter<'a, K, V>;

    fn into_iter(self) -> Iter<'a, K, V> {
        self.iter()
    }
}

impl<K, V, S> fmt::Debug for Cache<K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("capacity", &self.capacity)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
