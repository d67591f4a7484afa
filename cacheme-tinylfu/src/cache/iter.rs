//! A walk over a cache that leaves it usable meanwhile.
//!
//! It holds clones of one shard's entries at a time and no lock between two items. Deadlines are
//! compared when an item is handed out, so that none is expired by then.

use std::fmt;
use std::vec;

use super::Cache;
use crate::clock::{Clock, Deadline};
use crate::partition::Partition;

impl<K, V, S> Cache<K, V, S> {
    /// Clones of all live entries, in no particular order.
    ///
    /// The iterator takes one shard at a time: it clones its entries while it shares the shard with
    /// readers, and holds no lock while an item is in hand. Each key comes at most once. An entry that is
    /// there all the time comes; one that is inserted or removed meanwhile may or may not. Does not count
    /// as a request for any key. An entry that would have expired as
    /// idle, had it not been used since its shard was cloned, is left out.
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
        Iter {
            partition: &self.partition,
            clock: &self.clock,
            next_shard: 0,
            batch: Vec::new().into_iter(),
        }
    }
}

impl<'a, K: Clone, V: Clone, S> IntoIterator for &'a Cache<K, V, S> {
    type Item = (K, V);
    type IntoIter = Iter<'a, K, V>;

    fn into_iter(self) -> Iter<'a, K, V> {
        self.iter()
    }
}

/// The iterator of [`Cache::iter`](crate::Cache::iter).
///
/// # Examples
///
/// ```
/// use cacheme_tinylfu::Cache;
///
/// let cache = Cache::new(100);
/// cache.insert("one", 1);
/// for (key, value) in &cache {
///     cache.insert(key, value + 1);
/// }
/// assert_eq!(cache.get("one"), Some(2));
/// ```
pub struct Iter<'a, K, V> {
    partition: &'a Partition<K, V>,
    clock: &'a Clock,
    next_shard: usize,
    batch: vec::IntoIter<(Deadline, K, V)>,
}

impl<K: Clone, V: Clone> Iterator for Iter<'_, K, V> {
    type Item = (K, V);

    fn next(&mut self) -> Option<(K, V)> {
        loop {
            for (deadline, key, value) in self.batch.by_ref() {
                if !deadline.has_passed(self.clock) {
                    return Some((key, value));
                }
            }
            // Made before the lock is taken: where a clone panics, the others are dropped unlocked.
            let mut batch = Vec::new();
            let shard = self.partition.at(self.next_shard)?.read_long();
            batch.extend(shard.iter().map(|(slot, node)| {
                let deadline = shard.deadline(slot);
                (deadline, node.key.clone(), node.value.clone())
            }));
            self.next_shard += 1;
            self.batch = batch.into_iter();
        }
    }
}

impl<K, V> fmt::Debug for Iter<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Iter").finish_non_exhaustive()
    }
}
