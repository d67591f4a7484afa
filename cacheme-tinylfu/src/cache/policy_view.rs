//! What the policy thinks of the entries.

use std::fmt;

use super::Cache;

/// The entries of a cache as its policy ranks them; made by [`Cache::policy`].
///
/// Reading it is no request for any key.
///
/// # Examples
///
/// A dump of what is worth having, to be inserted again after a restart, the coldest first. It has no
/// lifetimes in it: what is inserted lives as long as a new entry.
///
/// ```
/// use cacheme_tinylfu::Cache;
///
/// let cache = Cache::new(100);
/// for key in 0..100 {
///     cache.insert(key, key);
/// }
/// for _ in 0..3 {
///     cache.get(&7);
/// }
/// let dump = cache.policy().hottest(10);
/// assert_eq!(dump.first(), Some(&(7, 7)));
///
/// let restored = Cache::new(100);
/// for (key, value) in dump.into_iter().rev() {
///     restored.insert(key, value);
/// }
/// ```
pub struct PolicyView<'a, K, V, S> {
    cache: &'a Cache<K, V, S>,
}

impl<K, V, S> Cache<K, V, S> {
    /// What the policy thinks of the entries: which are the hottest and which the next to leave.
    pub fn policy(&self) -> PolicyView<'_, K, V, S> {
        PolicyView { cache: self }
    }
}

impl<K: Clone, V: Clone, S> PolicyView<'_, K, V, S> {
    /// Clones of up to `count` live entries, those first that the policy would keep the longest.
    ///
    /// Ranks the entries of one shard after the other while it shares the shard with readers, which
    /// takes time and memory in proportion to what there is in it.
    pub fn hottest(&self, count: usize) -> Vec<(K, V)> {
        self.ranked(count, |heat| u64::MAX - heat)
    }

    /// Clones of up to `count` live entries, those first that are next to leave. Costs what
    /// [`hottest`](Self::hottest) does.
    pub fn coldest(&self, count: usize) -> Vec<(K, V)> {
        self.ranked(count, |heat| heat)
    }

    fn ranked(&self, count: usize, rank: impl Fn(u64) -> u64) -> Vec<(K, V)> {
        let mut ranked: Vec<(u64, K, V)> = Vec::new();
        for index in 0..self.cache.partition.len() {
            let Some(shard) = self.cache.partition.at(index) else {
                break;
            };
            let shard = shard.read_long();
            let mut slots = shard.heats();
            slots.retain(|&(slot, _)| shard.is_live(slot, &self.cache.clock));
            slots.sort_by_key(|&(_, heat)| rank(heat));
            ranked.extend(slots.into_iter().take(count).map(|(slot, heat)| {
                let node = shard.node(slot);
                (rank(heat), node.key.clone(), node.value.clone())
            }));
        }
        ranked.sort_by_key(|(rank, _, _)| *rank);
        ranked.truncate(count);
        let entries = ranked.into_iter();
        entries.map(|(_, key, value)| (key, value)).collect()
    }
}

impl<K, V, S> fmt::Debug for PolicyView<'_, K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicyView").finish_non_exhaustive()
    }
}
