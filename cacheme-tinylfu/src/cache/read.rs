//! Looking entries up.

use std::hash::{BuildHasher, Hash};

use equivalent::Equivalent;

use super::{Cache, EntryRef};
use crate::lookup::Lookup;
use crate::shard::Gone;
use crate::table::Print;

impl<K: Hash + Eq, V, S: BuildHasher> Cache<K, V, S> {
    /// A clone of the value of a key, if it has one that is live.
    ///
    /// Counts as a request for the key. Allocates nothing beyond what `V::clone` does, which runs while
    /// the shard is shared with other readers: keep values that are expensive to clone in an
    /// [`Arc`](std::sync::Arc), or use [`lookup`](Self::lookup).
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
    #[inline]
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        Q: Hash + Equivalent<K> + ?Sized,
        V: Clone,
    {
        self.lookup(key, V::clone).hit()
    }

    /// Runs a closure on the value of a key, and says why there is none.
    ///
    /// Counts as a request for the key. The closure runs while the shard is shared with other readers:
    /// it should be short, since writers wait for it and keep a CPU busy meanwhile, and must not use
    /// this cache, or it may deadlock. An expired entry is removed.
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
    #[inline]
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
        let print = Print::new(hash);
        let shard = self.partition.shard(hash).read();
        let Some((slot, node)) = shard.find(print, key) else {
            self.lookups.miss();
            return Lookup::Absent;
        };
        if shard.touch(slot, node, &self.clock) {
            self.lookups.hit();
            return Lookup::Hit(read(&node.key, &node.value));
        }
        drop(shard);
        self.lookups.miss();
        self.drop_expired(hash, print, key);
        Lookup::Expired
    }

    /// The entry of a key, if it has one that is live, to be read without a clone.
    ///
    /// Counts as a request for the key. Nobody can change the shard, or clear the cache, while the
    /// [`EntryRef`] is held: hold it for short, and don't use the cache meanwhile in the same thread,
    /// not even to read, which deadlocks if another thread waits to write or if what is read has
    /// expired. Where many threads read one entry all the time, [`lookup`](Self::lookup) is faster:
    /// this takes turns with them in writing the lock.
    ///
    /// # Examples
    ///
    /// ```
    /// use cacheme_tinylfu::Cache;
    ///
    /// let cache = Cache::new(100);
    /// cache.insert(7, "a long text".to_owned());
    /// let length = cache.get_ref(&7).map(|text| text.len());
    /// assert_eq!(length, Some(11));
    /// ```
    pub fn get_ref<Q>(&self, key: &Q) -> Option<EntryRef<'_, K, V>>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let hash = self.hasher.hash_one(key);
        let print = Print::new(hash);
        let shard = self.partition.shard(hash).read_long();
        let Some((slot, node)) = shard.find(print, key) else {
            self.lookups.miss();
            return None;
        };
        if shard.touch(slot, node, &self.clock) {
            self.lookups.hit();
            return Some(EntryRef::new(shard, slot));
        }
        drop(shard);
        self.lookups.miss();
        self.drop_expired(hash, print, key);
        None
    }

    /// A clone of the value of a key, as [`get`](Self::get), without a trace: the policy, the stats and
    /// the time for which the entry may be idle take no notice.
    ///
    /// # Examples
    ///
    /// ```
    /// use cacheme_tinylfu::Cache;
    ///
    /// let cache = Cache::new(100);
    /// cache.insert("one", 1);
    /// assert_eq!(cache.peek("one"), Some(1));
    /// assert_eq!(cache.peek("two"), None);
    /// ```
    pub fn peek<Q>(&self, key: &Q) -> Option<V>
    where
        Q: Hash + Equivalent<K> + ?Sized,
        V: Clone,
    {
        self.peek_key_value(key, |_key, value| value.clone())
    }

    /// Runs a closure on the entry of a key, with the key as it was inserted, if it has one that is
    /// live. Leaves no trace, as [`peek`](Self::peek); the closure is one as for
    /// [`lookup_key_value`](Self::lookup_key_value).
    ///
    /// # Examples
    ///
    /// ```
    /// use cacheme_tinylfu::Cache;
    ///
    /// let cache = Cache::new(100);
    /// cache.insert("one".to_owned(), 1);
    /// let entry = cache.peek_key_value("one", |key, value| format!("{key} is {value}"));
    /// assert_eq!(entry.as_deref(), Some("one is 1"));
    /// ```
    pub fn peek_key_value<Q, R>(&self, key: &Q, read: impl FnOnce(&K, &V) -> R) -> Option<R>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let hash = self.hasher.hash_one(key);
        let shard = self.partition.shard(hash).read();
        let (slot, node) = shard.find(Print::new(hash), key)?;
        let is_live = shard.is_live(slot, &self.clock);
        is_live.then(|| read(&node.key, &node.value))
    }

    /// Whether a key has a live entry. Leaves no trace, as [`peek`](Self::peek).
    ///
    /// # Examples
    ///
    /// ```
    /// use cacheme_tinylfu::Cache;
    ///
    /// let cache = Cache::new(100);
    /// cache.insert("one", 1);
    /// assert!(cache.contains_key("one"));
    /// ```
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let hash = self.hasher.hash_one(key);
        let shard = self.partition.shard(hash).read();
        let found = shard.find(Print::new(hash), key);
        found.is_some_and(|(slot, _)| shard.is_live(slot, &self.clock))
    }

    /// Removes the entry of a key if it has expired, also by now.
    #[cold]
    fn drop_expired<Q>(&self, hash: u64, print: Print, key: &Q)
    where
        Q: Equivalent<K> + ?Sized,
    {
        let mut gone = Gone::new();
        let mut shard = self.partition.shard(hash).write();
        if let Some((slot, _)) = shard.find(print, key)
            && !shard.is_live(slot, &self.clock)
        {
            shard.remove_expired(slot, &mut gone);
        }
        drop(shard);
        self.rules.let_go(gone);
    }
}
