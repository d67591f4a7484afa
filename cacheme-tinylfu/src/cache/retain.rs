//! Taking out many entries at once.

use super::Cache;
use crate::shard::{Found, Gone};

/// Steps of a timer wheel under one lock, after which others get their turn.
const STEPS: u32 = 1000;

impl<K, V, S> Cache<K, V, S> {
    /// Removes all entries for which the closure says no, and those that have expired.
    ///
    /// Locks one shard after the other, each while the closure looks at all of its entries: it should be
    /// short and must not use this cache, or it deadlocks. An entry that is inserted meanwhile may or may
    /// not be looked at. If the closure panics, what it has said no to is removed, and what has
    /// expired in that shard is dropped untold. No listener is called for what the closure says no to.
    ///
    /// # Examples
    ///
    /// ```
    /// use cacheme_tinylfu::Cache;
    ///
    /// let cache = Cache::new(100);
    /// (0..10).for_each(|key| {
    ///     cache.insert(key, key * key);
    /// });
    /// cache.retain(|_key, value| value % 2 == 0);
    /// assert_eq!(cache.len(), 5);
    /// ```
    pub fn retain(&self, mut keep: impl FnMut(&K, &V) -> bool) {
        for index in 0..self.partition.len() {
            let mut gone = Gone::new();
            // Made before the lock is taken: where the closure panics, they are dropped unlocked.
            let mut removed = Vec::new();
            if let Some(shard) = self.partition.at(index) {
                let mut shard = shard.write();
                for slot in shard.slots() {
                    let node = shard.node(slot);
                    let live = shard.is_live(slot, &self.clock);
                    if !live || !keep(&node.key, &node.value) {
                        removed.extend(shard.remove(Found { slot, live }, &mut gone));
                    }
                }
            }
            drop(removed);
            self.rules.let_go(gone);
        }
    }

    /// Removes all entries that have expired.
    ///
    /// Insertions do so bit by bit. This is for caches into which nothing is inserted for long, to have
    /// the memory back or the listener called. Entries that expired less than a few milliseconds ago may
    /// stay. Costs a lock of each shard and a constant time for each expired entry.
    ///
    /// # Examples
    ///
    /// ```
    /// use cacheme_tinylfu::Cache;
    ///
    /// let cache = Cache::<u64, u64>::new(100);
    /// cache.remove_expired();
    /// ```
    #[doc(alias = "run_pending_tasks")]
    pub fn remove_expired(&self) {
        for index in 0..self.partition.len() {
            let mut more = true;
            while more {
                let mut gone = Gone::new();
                if let Some(shard) = self.partition.at(index) {
                    let mut shard = shard.write();
                    let now = self.moment(&shard);
                    more = shard.expire(now, STEPS, &mut gone);
                }
                self.rules.let_go(gone);
            }
        }
    }
}
