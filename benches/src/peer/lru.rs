//! The exact LRU of the crate `lru`. Its mutex makes it a reference for hit ratios, not for speed.

use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ahash::RandomState;
use lru::LruCache;

use super::{Peer, Sample};

pub(super) struct Lru<K: Sample, V>(Mutex<LruCache<K, V, RandomState>>);

impl<K: Sample, V: Sample> Lru<K, V> {
    pub(super) fn new(capacity: usize) -> Self {
        let capacity = NonZeroUsize::new(capacity).unwrap_or(NonZeroUsize::MIN);
        let cache = LruCache::with_hasher(capacity, RandomState::new());
        Self(Mutex::new(cache))
    }

    fn lock(&self) -> MutexGuard<'_, LruCache<K, V, RandomState>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Sample, V: Sample> Peer<K, V> for Lru<K, V> {
    fn get(&self, key: &K) -> Option<V> {
        self.lock().get(key).cloned()
    }

    fn insert(&self, key: K, value: V) {
        self.lock().put(key, value);
    }

    fn len(&self) -> Option<usize> {
        Some(self.lock().len())
    }
}
