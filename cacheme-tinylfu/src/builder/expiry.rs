//! How long entries live, and by which clock.

use std::time::Duration;

use super::Builder;
use crate::clock::Clock;

impl<K, V, S> Builder<K, V, S> {
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

    /// Sets how long entries live for which [`insert`](crate::Cache::insert) is not told. By default for ever.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use cacheme_tinylfu::{BuildError, Cache};
    ///
    /// # fn main() -> Result<(), BuildError> {
    /// let cache = Cache::builder().capacity(100).ttl(Duration::from_secs(60)).build()?;
    /// cache.insert("one", 1);
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "time_to_live")]
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.rules.ttl = ttl.into();
        self
    }

    /// Sets how long entries live without being used, besides their lifetime. By default for ever.
    ///
    /// An entry is used when it is inserted, replaced or found. So that hits on a hot entry don't write
    /// all the time, a use is noted only if the last one that was is longer ago than a 64th of this
    /// time: an entry may expire early by as much.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use cacheme_tinylfu::{BuildError, Cache};
    ///
    /// # fn main() -> Result<(), BuildError> {
    /// let sessions = Cache::builder().capacity(100).idle(Duration::from_secs(600)).build()?;
    /// sessions.insert("one", 1);
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "time_to_idle")]
    #[must_use]
    pub fn idle(mut self, idle: Duration) -> Self {
        self.rules.idle = idle.into();
        self
    }

    /// Sets how long each entry lives by a closure, which sees it when [`insert`](crate::Cache::insert) is
    /// called. Where it returns nothing, [`ttl`](Self::ttl) holds.
    ///
    /// It runs before a lock is taken, except within [`compute`](crate::Cache::compute).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use cacheme_tinylfu::{BuildError, Cache};
    ///
    /// # fn main() -> Result<(), BuildError> {
    /// let answers = Cache::builder()
    ///     .capacity(100)
    ///     .expires_after(|_key: &u64, found: &Option<u64>| {
    ///         found.is_none().then_some(Duration::from_secs(5))
    ///     })
    ///     .build()?;
    /// answers.insert(1, Some(2));
    /// answers.insert(2, None);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn expires_after(
        mut self,
        expires_after: impl Fn(&K, &V) -> Option<Duration> + Send + Sync + 'static,
    ) -> Self {
        self.rules.expires_after = Some(Box::new(expires_after));
        self
    }
}
