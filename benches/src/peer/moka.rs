//! moka: its default policy, with `ahash`.

use ahash::RandomState;
use moka::sync::Cache;

use super::{Peer, Sample};

pub(super) struct Moka<K, V>(Cache<K, V, RandomState>);

impl<K: Sample, V: Sample> Moka<K, V> {
    pub(super) fn new(capacity: usize) -> Self {
        let cache = Cache::builder().max_capacity(capacity as u64);
        Self(cache.build_with_hasher(RandomState::new()))
    }
}

impl<K: Sample, V: Sample> Peer<K, V> for Moka<K, V> {
    fn get(&self, key: &K) -> Option<V> {
        self.0.get(key)
    }

    fn insert(&self, key: K, value: V) {
        self.0.insert(key, value);
    }

    /// Counts by a walk, as `entry_count` lags behind until the next maintenance.
    fn len(&self) -> Option<usize> {
        Some(self.0.iter().count())
    }

    fn settle(&self) {
        self.0.run_pending_tasks();
    }
}
