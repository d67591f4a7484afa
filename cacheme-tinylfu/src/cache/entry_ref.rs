//! An entry that is read in place.

use std::fmt;
use std::ops::Deref;

use crate::lock::ReadGuard;
use crate::shard::Shard;

/// A live entry of a cache, made by [`Cache::get_ref`](crate::Cache::get_ref). Derefs to the value.
///
/// The shard can't be changed until it is dropped, and this thread must not use the cache until then: it
/// deadlocks if another thread waits to write.
///
/// # Examples
///
/// ```
/// use cacheme_tinylfu::Cache;
///
/// let cache = Cache::new(100);
/// cache.insert("one".to_owned(), 1);
/// if let Some(entry) = cache.get_ref("one") {
///     assert_eq!((entry.key().as_str(), *entry.value()), ("one", 1));
/// }
/// ```
pub struct EntryRef<'a, K, V> {
    shard: ReadGuard<'a, Shard<K, V>>,
    slot: u32,
}

impl<'a, K, V> EntryRef<'a, K, V> {
    pub(super) fn new(shard: ReadGuard<'a, Shard<K, V>>, slot: u32) -> Self {
        Self { shard, slot }
    }

    /// The key as it was inserted.
    pub fn key(&self) -> &K {
        &self.shard.node(self.slot).key
    }

    /// The value.
    pub fn value(&self) -> &V {
        &self.shard.node(self.slot).value
    }
}

impl<K, V> Deref for EntryRef<'_, K, V> {
    type Target = V;

    fn deref(&self) -> &V {
        self.value()
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for EntryRef<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntryRef")
            .field("key", self.key())
            .field("value", self.value())
            .finish()
    }
}
