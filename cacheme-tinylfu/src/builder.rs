//! How a cache is set up.
//!
//! Whatever a cache can't be built with is found here, so that a cache itself never fails.

use std::error::Error;
use std::fmt;
use std::hash::BuildHasher;
use std::marker::PhantomData;
use std::time::Duration;

use foldhash::quality::RandomState;

use crate::cache::Cache;
use crate::clock::Clock;
use crate::policy::Policy;

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
    policy: Policy,
    hasher: S,
    clock: Clock,
    entry: PhantomData<fn() -> (K, V)>,
}

impl<K, V> Builder<K, V> {
    pub(crate) fn new() -> Self {
        Self {
            capacity: None,
            policy: Policy::default(),
            hasher: RandomState::default(),
            clock: Clock::system(),
            entry: PhantomData,
        }
    }
}

impl<K, V, S> Builder<K, V, S> {
    /// Sets how many entries the cache keeps at most, up to 4,294,967,295.
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
        self.policy = policy;
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
            policy: self.policy,
            hasher,
            clock: self.clock,
            entry: PhantomData,
        }
    }

    /// Sets the clock by which entries expire. By default the system's monotonic clock.
    ///
    /// The clock returns the time since any fixed point and must not run backwards. It is read only
    /// where an entry has a lifetime, and sometimes while a shard is locked, so it must not use the
    /// cache. Past 584 years it stands still.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicU64, Ordering};
    /// use std::time::Duration;
    ///
    /// use cacheme_tinylfu::{BuildError, Cache};
    ///
    /// # fn main() -> Result<(), BuildError> {
    /// let seconds = Arc::new(AtomicU64::new(0));
    /// let clock = Arc::clone(&seconds);
    /// let cache = Cache::builder()
    ///     .capacity(100)
    ///     .clock(move || Duration::from_secs(clock.load(Ordering::Relaxed)))
    ///     .build()?;
    ///
    /// cache.insert_with_ttl("token", 7, Duration::from_secs(5));
    /// seconds.store(4, Ordering::Relaxed);
    /// assert_eq!(cache.get("token"), Some(7));
    /// seconds.store(5, Ordering::Relaxed);
    /// assert_eq!(cache.get("token"), None);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn clock(mut self, clock: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        self.clock = Clock::new(clock);
        self
    }
}

impl<K, V, S: BuildHasher> Builder<K, V, S> {
    /// Makes the cache.
    ///
    /// # Errors
    ///
    /// [`BuildError::NoCapacity`] when the capacity was never set, and
    /// [`BuildError::CapacityTooLarge`] when it is above 4,294,967,295.
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
        let capacity = u32::try_from(capacity).map_err(|_| BuildError::CapacityTooLarge)?;
        Ok(self.build_with(capacity))
    }

    pub(crate) fn build_with(self, capacity: u32) -> Cache<K, V, S> {
        Cache::assemble(capacity, self.policy, self.hasher, self.clock)
    }
}

impl<K, V, S> fmt::Debug for Builder<K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("capacity", &self.capacity)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// Why a [`Cache`] can't be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BuildError {
    /// [`Builder::capacity`] was not called.
    NoCapacity,
    /// The capacity is above 4,294,967,295, which is more than there are numbers for entries.
    CapacityTooLarge,
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCapacity => f.write_str("the capacity of the cache was not set"),
            Self::CapacityTooLarge => {
                write!(f, "the capacity of the cache is above {} entries", u32::MAX)
            }
        }
    }
}

impl Error for BuildError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capacity_must_be_set() {
        let error = Builder::<u8, u8>::new().build().err();
        assert_eq!(error, Some(BuildError::NoCapacity));
    }

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn capacity_must_fit_in_a_slot_index() {
        let builder = || Builder::<u8, u8>::new();
        let largest = u32::MAX as usize;
        let error = builder().capacity(largest + 1).build().err();
        assert_eq!(error, Some(BuildError::CapacityTooLarge));
        let built = builder().capacity(largest).build();
        assert_eq!(built.map(|cache| cache.capacity()), Ok(largest));
    }

    #[test]
    fn messages_are_lower_case_without_full_stop() {
        for error in [BuildError::NoCapacity, BuildError::CapacityTooLarge] {
            let message = error.to_string();
            assert_eq!(message, message.to_lowercase());
            assert!(!message.ends_with('.'));
        }
    }
}
