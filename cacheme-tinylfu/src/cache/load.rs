//! Making the value of a key that has none.

use std::convert::Infallible;
use std::hash::{BuildHasher, Hash};

use super::Cache;

impl<K: Hash + Eq, V: Clone, S: BuildHasher> Cache<K, V, S> {
    /// The value of a key; where it has none, the closure makes it and it is kept.
    ///
    /// The closure runs without a lock. Threads that ask for the same key meanwhile by this method wait
    /// for it (singleflight) and take what it has made; others are not held up. If the closure panics,
    /// or what it made was not kept, as an entry that is too heavy, each of those who waited goes on
    /// with its own closure, one after the other. A closure that asks for its own key by this method
    /// deadlocks, and so does a [listener](crate::Builder::on_evict) that is called meanwhile.
    ///
    /// # Examples
    ///
    /// ```
    /// use cacheme_tinylfu::Cache;
    ///
    /// let cache = Cache::new(100);
    /// assert_eq!(cache.get_or_insert_with("one", || 1), 1);
    /// assert_eq!(cache.get_or_insert_with("one", || unreachable!()), 1);
    /// ```
    pub fn get_or_insert_with(&self, key: K, make: impl FnOnce() -> V) -> V {
        let make = || Ok::<V, Infallible>(make());
        match self.try_get_or_insert_with(key, make) {
            Ok(value) => value,
        }
    }

    /// The value of a key, as [`get_or_insert_with`](Self::get_or_insert_with), where making it
    /// may fail.
    ///
    /// A failure is not kept: each of those who waited goes on with its own closure.
    ///
    /// # Errors
    ///
    /// What the closure of this call fails with.
    ///
    /// # Examples
    ///
    /// ```
    /// use cacheme_tinylfu::Cache;
    ///
    /// let cache = Cache::new(100);
    /// assert!(cache.try_get_or_insert_with("one", || "x".parse::<u8>()).is_err());
    /// assert_eq!(cache.try_get_or_insert_with("one", || "1".parse::<u8>()), Ok(1));
    /// ```
    pub fn try_get_or_insert_with<E>(
        &self,
        key: K,
        make: impl FnOnce() -> Result<V, E>,
    ) -> Result<V, E> {
        if let Some(value) = self.get(&key) {
            return Ok(value);
        }
        let hash = self.hasher.hash_one(&key);
        let flights = self.partition.flights(hash);
        loop {
            let lead = flights.lead(hash);
            // Whoever led before may have kept it.
            if let Some(value) = self.peek(&key) {
                return Ok(value);
            }
            if lead.is_some() {
                let value = make()?;
                self.insert(key, value.clone());
                return Ok(value);
            }
        }
    }
}
