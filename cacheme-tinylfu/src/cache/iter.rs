//! A walk over a cache that leaves it usable meanwhile.
//!
//! It holds clones of one shard's entries at a time and no lock between two items. Deadlines are
//! compared when an item is handed out, so that none is expired by then.

use std::fmt;
use std::vec;

use crate::clock::{Clock, Deadline};
use crate::partition::Partition;

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

impl<'a, K, V> Iter<'a, K, V> {
    pub(crate) fn new(partition: &'a Partition<K, V>, clock: &'a Clock) -> Self {
        Self {
            partition,
            clock,
            next_shard: 0,
            batch: Vec::new().into_iter(),
        }
    }
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
            let shard = self.partition.lock_at(self.next_shard)?;
            batch.extend(
                shard
                    .iter()
                    .map(|(deadline, entry)| (deadline, entry.key.clone(), entry.value.clone())),
            );
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
