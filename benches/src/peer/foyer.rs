//! foyer's cache in memory, with `ahash`, by one of its policies.

use ahash::RandomState;
use foyer_memory::{Cache, CacheBuilder, EvictionConfig, LfuConfig, LruConfig, S3FifoConfig};

use super::{Peer, Sample};

pub(super) struct Foyer<K: Sample, V: Sample>(Cache<K, V, RandomState>);

impl<K: Sample, V: Sample> Foyer<K, V> {
    pub(super) fn lru(capacity: usize) -> Self {
        Self::new(capacity, LruConfig::default())
    }

    pub(super) fn lfu(capacity: usize) -> Self {
        Self::new(capacity, LfuConfig::default())
    }

    pub(super) fn s3fifo(capacity: usize) -> Self {
        Self::new(capacity, S3FifoConfig::default())
    }

    fn new(capacity: usize, policy: impl Into<EvictionConfig>) -> Self {
        let builder = CacheBuilder::new(capacity)
            .with_hash_builder(RandomState::new())
            .with_eviction_config(policy);
        Self(builder.build())
    }
}

impl<K: Sample, V: Sample> Peer<K, V> for Foyer<K, V> {
    fn get(&self, key: &K) -> Option<V> {
        self.0.get(key).map(|entry| entry.value().clone())
    }

    fn insert(&self, key: K, value: V) {
        self.0.insert(key, value);
    }

    fn len(&self) -> Option<usize> {
        Some(self.0.entries())
    }
}
