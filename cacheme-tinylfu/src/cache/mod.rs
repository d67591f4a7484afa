//! The cache: shards chosen by hash, behind methods that take `&self`.
//!
//! One file for each thing that one does with a cache. Each method hashes the key first, then does its
//! work under one shard's lock, and lets go what left the cache after that lock is released. No method
//! holds two locks of shards at once.

mod compute;
mod entry_ref;
mod iter;
mod load;
mod policy_view;
mod read;
mod retain;
#[cfg(test)]
mod tests;
mod write;

pub use compute::Op;
pub use entry_ref::EntryRef;
pub use iter::Iter;
pub use policy_view::PolicyView;

use std::fmt;
use std::hash::BuildHasher;
use std::mem;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use foldhash::quality::RandomState;

use crate::builder::Builder;
use crate::clock::{Clock, Moment};
use crate::partition::{self, Partition};
use crate::rules::Rules;
use crate::shard::{Admission, Gone};
use crate::stats::{Lookups, Stats};
use crate::sync::unpoisoned;

/// A concurrent cache of a bounded size.
///
/// All methods take `&self`: share it in an [`Arc`](std::sync::Arc) or a `static`. Keys can be looked
/// up by any type that is [`Equivalent`](crate::Equivalent) to them, such as `&str` for `String`; it
/// must hash alike.
///
/// The [crate documentation](crate) says what always holds, what runs while a lock is held and what
/// operations cost.
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
    lookups: Lookups,
    rules: Rules<K, V>,
    admission: Admission,
    /// Written while `resizing` is held.
    capacity: AtomicUsize,
    resizing: Mutex<()>,
}

impl<K, V> Cache<K, V> {
    /// A cache of at most `capacity` entries with the default settings.
    ///
    /// Nothing is allocated for entries to come.
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
        Builder::new().build_with(capacity)
    }

    /// Settings for a cache. Where they have closures, `Cache::<K, V>::builder()` with the types spares
    /// them from saying theirs.
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

impl<K, V, S: BuildHasher> Cache<K, V, S> {
    pub(crate) fn assemble(capacity: usize, settings: Builder<K, V, S>) -> Self {
        let Builder {
            admission, hasher, ..
        } = settings;
        // How many entries there will be is unknown where they are weighed, and so is how many shards
        // would hold some.
        let weighed = settings.rules.weigher.is_some();
        let shards = settings.shards.or(weighed.then_some(1));
        let seed = |index| hasher.hash_one(index);
        Self {
            partition: Partition::new(capacity as u64, shards, admission, seed),
            hasher,
            clock: settings.clock,
            lookups: settings.lookups,
            rules: settings.rules,
            admission,
            capacity: AtomicUsize::new(capacity),
            resizing: Mutex::new(()),
        }
    }

    /// Removes all entries, gives their memory back and forgets how often keys were asked for.
    ///
    /// Shards are cleared one after the other, so an entry that is inserted meanwhile may stay. The
    /// [`stats`](Self::stats) stay too. No listener is called.
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
    #[doc(alias = "invalidate_all")]
    pub fn clear(&self) {
        for (index, mut shard) in self.partition.writes().enumerate() {
            let seed = self.hasher.hash_one(index);
            let empty = shard.emptied(self.admission, seed);
            let old = mem::replace(&mut *shard, empty);
            drop(shard);
            drop(old);
        }
    }
}

impl<K, V, S> Cache<K, V, S> {
    /// How many entries the cache keeps, including expired ones that have not left yet.
    ///
    /// Reads each shard for a moment, one after the other. Never more than the capacity.
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
    #[doc(alias = "entry_count")]
    pub fn len(&self) -> usize {
        self.partition.reads().map(|shard| shard.len()).sum()
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
        self.partition.reads().all(|shard| shard.len() == 0)
    }

    /// What all entries weigh together; without a [`weigher`](Builder::weigher), how many there are.
    ///
    /// Reads each shard for a moment, one after the other. Never more than the capacity.
    ///
    /// # Examples
    ///
    /// ```
    /// use cacheme_tinylfu::{BuildError, Cache};
    ///
    /// # fn main() -> Result<(), BuildError> {
    /// let texts = Cache::builder()
    ///     .capacity(1_000_000)
    ///     .weigher(|_key: &u64, text: &String| u32::try_from(text.len()).unwrap_or(u32::MAX))
    ///     .build()?;
    /// texts.insert(1, "four".to_owned());
    /// assert_eq!(texts.weight(), 4);
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "weighted_size")]
    pub fn weight(&self) -> u64 {
        self.partition.reads().map(|shard| shard.weight()).sum()
    }

    /// How much the entries of the cache weigh at most; without a [`weigher`](Builder::weigher), how
    /// many there are at most.
    ///
    /// # Examples
    ///
    /// ```
    /// use cacheme_tinylfu::Cache;
    ///
    /// assert_eq!(Cache::<u64, u64>::new(100).capacity(), 100);
    /// ```
    pub fn capacity(&self) -> usize {
        self.capacity.load(Ordering::Relaxed)
    }

    /// How many shards the cache has: a power of two. An entry may weigh as much as one of them holds,
    /// that is `capacity() / shards()`.
    ///
    /// # Examples
    ///
    /// ```
    /// use cacheme_tinylfu::Cache;
    ///
    /// assert_eq!(Cache::<u64, u64>::new(1000).shards(), 1);
    /// ```
    pub fn shards(&self) -> usize {
        self.partition.len()
    }

    /// Sets the capacity. What is above it is evicted before this returns.
    ///
    /// The number of shards stays what it was, so a capacity below it leaves some of them with none. So
    /// does the memory that was taken for entries: that of evicted ones is used for later ones. Takes
    /// time in proportion to what is evicted.
    ///
    /// # Examples
    ///
    /// ```
    /// use cacheme_tinylfu::Cache;
    ///
    /// let cache = Cache::new(100);
    /// (0..100).for_each(|key| {
    ///     cache.insert(key, key);
    /// });
    /// cache.resize(10);
    /// assert_eq!((cache.len(), cache.capacity()), (10, 10));
    /// ```
    pub fn resize(&self, capacity: usize) {
        let mut gone = Gone::new();
        let one_at_a_time = unpoisoned(self.resizing.lock());
        // Before anything is changed: it may panic.
        let expires = self.partition.reads().any(|shard| shard.needs_time());
        let now = if expires {
            self.clock.now()
        } else {
            Moment::default()
        };
        // The greater of both holds until all shards have their share.
        self.capacity.fetch_max(capacity, Ordering::Relaxed);
        let shares = partition::capacities(capacity as u64, self.partition.len());
        for (mut shard, share) in self.partition.writes().zip(shares) {
            shard.resize(share, now, &mut gone);
        }
        self.capacity.store(capacity, Ordering::Relaxed);
        drop(one_at_a_time);
        self.rules.let_go(gone);
    }

    /// What the cache has done so far.
    ///
    /// Reads each shard for a moment, one after the other.
    ///
    /// # Examples
    ///
    /// ```
    /// use cacheme_tinylfu::Cache;
    ///
    /// let cache = Cache::new(1);
    /// cache.insert("one", 1);
    /// cache.insert("two", 2);
    /// assert_eq!(cache.stats().evictions, 1);
    /// ```
    pub fn stats(&self) -> Stats {
        let counts = self.partition.reads().map(|shard| shard.counts());
        self.lookups.stats(counts)
    }
}

// After a panic in user code a cache works on as before.
impl<K, V, S> UnwindSafe for Cache<K, V, S> {}
impl<K, V, S> RefUnwindSafe for Cache<K, V, S> {}

impl<K, V, S> fmt::Debug for Cache<K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("capacity", &self.capacity())
            .field("policy", &self.admission.policy)
            .finish_non_exhaustive()
    }
}
