//! Keeping and removing entries.

use std::hash::{BuildHasher, Hash};
use std::time::Duration;

use equivalent::Equivalent;

use super::Cache;
use crate::clock::Moment;
use crate::shard::{Arrival, Gone, Shard};
use crate::slab::Entry;
use crate::table::Print;
use crate::times::Lifetime;

impl<K: Hash + Eq, V, S: BuildHasher> Cache<K, V, S> {
    /// Keeps a value until it is evicted, expires or is removed, and returns the live value that it
    /// replaces.
    ///
    /// It lives as long as the cache's settings say, for ever by default. A full cache evicts an entry
    /// of the same shard first, or several where there is a [`weigher`](crate::Builder::weigher); an
    /// entry that is too heavy is not kept, as that says, and what the key had is removed.
    /// Replacing a value counts as a request for it and takes away the lifetime that the old one had.
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
        let lifetime = self.rules.lifetime(&key, &value);
        self.keep(key, value, lifetime)
    }

    /// Keeps a value as [`insert`](Self::insert) does, for at most `ttl` from now.
    ///
    /// With a `ttl` of zero the value has expired already: nothing is kept, the
    /// [listener](crate::Builder::on_evict) gets the value, and what the key had is removed and
    /// returned. An expired entry is never found; it leaves with one of the next insertions into its
    /// shard, or when it is looked up. A lifetime is exact to the nanosecond; one of more than 584
    /// years has no end.
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
        let lifetime = self.rules.lifetime_of(ttl);
        self.keep(key, value, lifetime)
    }

    /// Keeps a value as [`insert_with_ttl`](Self::insert_with_ttl) does, or as [`insert`](Self::insert)
    /// without a `ttl`, until it is not used for as long as `idle`.
    ///
    /// For a cache whose entries differ in it; otherwise there is [`Builder::idle`](crate::Builder::idle),
    /// which says what a use is. In a shard with such an entry each takes 16 bytes more.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use cacheme_tinylfu::Cache;
    ///
    /// let cache = Cache::new(100);
    /// let (ttl, idle) = (Duration::from_secs(3600), Duration::from_secs(60));
    /// cache.insert_with_idle("session", 1, Some(ttl), idle);
    /// assert_eq!(cache.get("session"), Some(1));
    /// ```
    pub fn insert_with_idle(
        &self,
        key: K,
        value: V,
        ttl: Option<Duration>,
        idle: Duration,
    ) -> Option<V> {
        let lifetime = match ttl {
            None => self.rules.lifetime(&key, &value),
            Some(ttl) => self.rules.lifetime_of(ttl),
        };
        let idle = idle.into();
        self.keep(key, value, Lifetime { idle, ..lifetime })
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
    #[doc(alias = "invalidate")]
    pub fn remove<Q>(&self, key: &Q) -> Option<V>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.remove_if(key, |_key, _value| true)
    }

    /// Removes the entry of a key if it is live and the closure says so, and returns its value.
    ///
    /// The closure runs while the shard is locked: it should be short and must not use this cache, or
    /// it deadlocks. Nobody can change the entry between the closure and the removal.
    ///
    /// # Examples
    ///
    /// ```
    /// use cacheme_tinylfu::Cache;
    ///
    /// let cache = Cache::new(100);
    /// cache.insert("one", 1);
    /// assert_eq!(cache.remove_if("one", |_key, value| *value > 1), None);
    /// assert_eq!(cache.remove_if("one", |_key, value| *value == 1), Some(1));
    /// ```
    pub fn remove_if<Q>(&self, key: &Q, condition: impl FnOnce(&K, &V) -> bool) -> Option<V>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let hash = self.hasher.hash_one(key);
        let removed = self.change(hash, |shard, gone| {
            let slot = shard.find(Print::new(hash), key)?.0;
            let found = shard.found(slot, self.moment(shard));
            let node = shard.node(found.slot);
            if found.live && !condition(&node.key, &node.value) {
                return None;
            }
            shard.remove(found, gone)
        });
        removed.map(|entry| entry.value)
    }

    fn keep(&self, key: K, value: V, lifetime: Lifetime) -> Option<V> {
        let hash = self.hasher.hash_one(&key);
        let arrival = Arrival {
            print: Print::new(hash),
            weight: self.rules.weigh(&key, &value),
            lifetime,
        };
        // Held out here, so that it is dropped unlocked where the key's equality or the clock panics.
        let mut entry = Some(Entry { key, value });
        let old = self.change(hash, |shard, gone| {
            let slot = shard.find(arrival.print, &entry.as_ref()?.key);
            let now = self.moment_of(shard, lifetime);
            let found = slot.map(|(slot, _)| shard.found(slot, now));
            shard.put(found, entry.take()?, arrival, now, gone)
        });
        old.map(|entry| entry.value)
    }
}

impl<K, V, S> Cache<K, V, S> {
    /// Changes the shard of a hash, and lets go what leaves it once it is unlocked.
    #[inline]
    pub(super) fn change<R>(
        &self,
        hash: u64,
        change: impl FnOnce(&mut Shard<K, V>, &mut Gone<K, V>) -> R,
    ) -> R {
        // Made before the lock is taken: where the closure panics, it is dropped unlocked.
        let mut gone = Gone::new();
        let result = change(&mut self.partition.shard(hash).write(), &mut gone);
        self.rules.let_go(gone);
        result
    }

    /// What time it is, if a change of the shard has to know. The only reading of the clock in a change,
    /// before anything is changed: what is live stays so until it is done.
    pub(super) fn moment(&self, shard: &Shard<K, V>) -> Moment {
        if shard.needs_time() {
            self.clock.now()
        } else {
            Moment::default()
        }
    }

    /// What time it is, if keeping an entry with this lifetime has to know.
    #[inline]
    pub(super) fn moment_of(&self, shard: &Shard<K, V>, lifetime: Lifetime) -> Moment {
        if lifetime.is_endless() {
            self.moment(shard)
        } else {
            self.clock.now()
        }
    }
}
