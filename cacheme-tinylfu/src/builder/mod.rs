//! How a cache is set up.
//!
//! Whatever a cache can't be built with is found here, so that a cache itself never fails.

mod error;
mod expiry;

pub use error::BuildError;

use std::fmt;
use std::hash::BuildHasher;

use foldhash::quality::RandomState;

use crate::cache::Cache;
use crate::clock::Clock;
use crate::listener::{Cause, Listener};
use crate::policy::Policy;
use crate::rules::Rules;
use crate::shard::Admission;
use crate::stats::Lookups;

/// Settings of a [`Cache`]; made by [`Cache::builder`].
///
/// Only [`capacity`](Self::capacity) must be set.
///
/// # Examples
///
/// ```
/// use cacheme_tinylfu::{BuildError, Cache, Policy};
///
/// # fn main() -> Result<(), BuildError> {
/// let cache = Cache::builder().capacity(1000).policy(Policy::Lru).build()?;
/// cache.insert("one", 1);
/// # Ok(())
/// # }
/// ```
pub struct Builder<K, V, S = RandomState> {
    capacity: Option<usize>,
    pub(crate) shards: Option<usize>,
    pub(crate) admission: Admission,
    pub(crate) hasher: S,
    pub(crate) clock: Clock,
    pub(crate) lookups: Lookups,
    pub(crate) rules: Rules<K, V>,
}

impl<K, V> Builder<K, V> {
    pub(crate) fn new() -> Self {
        Self {
            capacity: None,
            shards: None,
            admission: Admission {
                policy: Policy::default(),
                doorkeeper: false,
            },
            hasher: RandomState::default(),
            clock: Clock::system(),
            lookups: Lookups::uncounted(),
            rules: Rules::new(),
        }
    }
}

impl<K, V, S> Builder<K, V, S> {
    /// Sets how many entries the cache keeps at most, or, with a [`weigher`](Self::weigher), how much
    /// they weigh at most.
    ///
    /// The capacity is a bound, not an allocation: memory is taken as entries come. A cache of capacity
    /// 0 works and keeps nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use cacheme_tinylfu::{BuildError, Cache};
    ///
    /// # fn main() -> Result<(), BuildError> {
    /// let cache: Cache<u64, u64> = Cache::builder().capacity(1_000_000).build()?;
    /// assert_eq!(cache.capacity(), 1_000_000);
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "max_capacity")]
    #[must_use]
    pub fn capacity(mut self, capacity: usize) -> Self {
        self.capacity = Some(capacity);
        self
    }

    /// Sets how the entry that makes room for a new one is chosen. By default [`Policy::TinyLfu`].
    ///
    /// # Examples
    ///
    /// ```
    /// use cacheme_tinylfu::{BuildError, Cache, Policy};
    ///
    /// # fn main() -> Result<(), BuildError> {
    /// let cache: Cache<u64, u64> = Cache::builder().capacity(9).policy(Policy::Lru).build()?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.admission.policy = policy;
        self
    }

    /// Sets how keys are hashed. By default a [`RandomState`] of the cache's own.
    ///
    /// Shards, table and counts use different bits of the hash, so all 64 bits have to depend on the
    /// key. A hasher without a random key lets who chooses the keys make them collide.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::hash::RandomState;
    ///
    /// use cacheme_tinylfu::{BuildError, Cache};
    ///
    /// # fn main() -> Result<(), BuildError> {
    /// let cache: Cache<u64, u64, RandomState> =
    ///     Cache::builder().capacity(100).hasher(RandomState::new()).build()?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn hasher<H>(self, hasher: H) -> Builder<K, V, H> {
        Builder {
            capacity: self.capacity,
            shards: self.shards,
            admission: self.admission,
            hasher,
            clock: self.clock,
            lookups: self.lookups,
            rules: self.rules,
        }
    }

    /// Sets what entries weigh. By default each weighs one.
    ///
    /// The capacity is then one of weight, in whatever unit the weigher uses, such as bytes. A weight
    /// of zero counts as one, so that there are never more entries than the capacity says. The cache
    /// has one shard unless [`shards`](Self::shards) says otherwise, which caches of many entries
    /// should. An entry that weighs more than a shard may hold, which is the capacity divided by the
    /// number of shards, is not kept: it goes to the [listener](Self::on_evict) as [`Cause::TooHeavy`].
    /// With [`Policy::TinyLfu`] one of more than an eighth of a full shard may go there as
    /// [`Cause::Outweighed`], so that a giant can't flush the cache. A lighter one may put out several
    /// others. The weight is taken when an entry is inserted, mostly without a lock; it takes 4 bytes
    /// for each entry.
    ///
    /// # Examples
    ///
    /// ```
    /// use cacheme_tinylfu::{BuildError, Cache};
    ///
    /// # fn main() -> Result<(), BuildError> {
    /// let pages = Cache::builder()
    ///     .capacity(1000)
    ///     .weigher(|_url: &String, page: &String| u32::try_from(page.len()).unwrap_or(u32::MAX))
    ///     .build()?;
    /// pages.insert("/big".to_owned(), "x".repeat(1001));
    /// assert_eq!(pages.get("/big"), None);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn weigher(mut self, weigh: impl Fn(&K, &V) -> u32 + Send + Sync + 'static) -> Self {
        self.rules.weigher = Some(Box::new(weigh));
        self
    }

    /// Sets who gets the entries that the cache evicts.
    ///
    /// It is called in the thread whose call evicts, after the lock is released: it may use the cache.
    /// Two entries of one key may come in any order where several threads insert it. A panic of it goes
    /// on to the caller; what else that call has evicted is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc;
    ///
    /// use cacheme_tinylfu::{BuildError, Cache, Cause};
    ///
    /// # fn main() -> Result<(), BuildError> {
    /// let (evicted, entries) = mpsc::channel();
    /// let cache = Cache::builder()
    ///     .capacity(1)
    ///     .on_evict(move |key, value, cause| {
    ///         let _ = evicted.send((key, value, cause));
    ///     })
    ///     .build()?;
    /// cache.insert("one", 1);
    /// cache.insert("two", 2);
    /// assert_eq!(entries.try_recv(), Ok(("one", 1, Cause::Capacity)));
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "eviction_listener")]
    #[must_use]
    pub fn on_evict(mut self, call: impl Fn(K, V, Cause) + Send + Sync + 'static) -> Self {
        self.rules.listener = Listener::new(call);
        self
    }

    /// Keeps an entry only if its key was inserted before, not long ago; by default all are kept.
    ///
    /// The first insertion of a key is refused, and goes to the [listener](Self::on_evict) as
    /// [`Cause::FirstSeen`]. For caches whose memory is dear and most of whose keys are used once:
    /// every key costs one more miss. A [`BloomFilter`](crate::BloomFilter) of 10 bits for each of 4
    /// keys an entry, and of 1.3 KB a shard at least, remembers who was there, and forgets all when it
    /// is full; it takes one unknown key in a hundred for a known one.
    ///
    /// # Examples
    ///
    /// ```
    /// use cacheme_tinylfu::{BuildError, Cache};
    ///
    /// # fn main() -> Result<(), BuildError> {
    /// let cache = Cache::builder().capacity(100).doorkeeper().build()?;
    /// cache.insert("one", 1);
    /// assert_eq!(cache.get("one"), None);
    /// cache.insert("one", 1);
    /// assert_eq!(cache.get("one"), Some(1));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn doorkeeper(mut self) -> Self {
        self.admission.doorkeeper = true;
        self
    }

    /// Counts hits and misses for [`Cache::stats`], which the cache does not do by default.
    ///
    /// Costs some nanoseconds for each lookup and 2 KiB.
    ///
    /// # Examples
    ///
    /// ```
    /// use cacheme_tinylfu::{BuildError, Cache};
    ///
    /// # fn main() -> Result<(), BuildError> {
    /// let cache = Cache::<u64, u64>::builder().capacity(100).record_stats().build()?;
    /// assert_eq!(cache.get(&1), None);
    /// assert_eq!(cache.stats().misses, 1);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn record_stats(mut self) -> Self {
        self.lookups = Lookups::counted();
        self
    }

    /// Sets into how many shards the cache is split, rounded up to a power of two, up to 16,777,216. By
    /// default 16 for each CPU, rounded up in the same way, but no more than leave each a capacity of
    /// 1024; with a [`weigher`](Self::weigher) one.
    ///
    /// Shards evict each for themselves, from an equal share of the capacity. Fewer of them let heavier
    /// entries in and keep more of what is unevenly spread; more of them make threads that insert wait
    /// less for each other. Each should have room for a thousand entries.
    ///
    /// # Examples
    ///
    /// ```
    /// use cacheme_tinylfu::{BuildError, Cache};
    ///
    /// # fn main() -> Result<(), BuildError> {
    /// let cache = Cache::<u64, u64>::builder().capacity(1_000_000).shards(1).build()?;
    /// assert_eq!(cache.shards(), 1);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn shards(mut self, shards: usize) -> Self {
        self.shards = Some(shards);
        self
    }
}

impl<K, V, S: BuildHasher> Builder<K, V, S> {
    /// Makes the cache.
    ///
    /// # Errors
    ///
    /// [`BuildError::NoCapacity`] when the capacity was never set.
    ///
    /// # Examples
    ///
    /// ```
    /// use cacheme_tinylfu::{BuildError, Cache};
    ///
    /// # fn main() -> Result<(), BuildError> {
    /// let cache: Cache<u64, u64> = Cache::builder().capacity(100).build()?;
    /// assert_eq!(Cache::<u64, u64>::builder().build().err(), Some(BuildError::NoCapacity));
    /// # Ok(())
    /// # }
    /// ```
    pub fn build(self) -> Result<Cache<K, V, S>, BuildError> {
        let capacity = self.capacity.ok_or(BuildError::NoCapacity)?;
        Ok(self.build_with(capacity))
    }

    pub(crate) fn build_with(self, capacity: usize) -> Cache<K, V, S> {
        Cache::assemble(capacity, self)
    }
}

impl<K, V, S> fmt::Debug for Builder<K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("capacity", &self.capacity)
            .field("policy", &self.admission.policy)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capacity_must_be_set() {
        let error = Builder::<u8, u8>::new().build().err();
        assert_eq!(error, Some(BuildError::NoCapacity));
    }
}
