//! `cacheme-tinylfu`: the default policy and the default, keyed hasher.

use cacheme_tinylfu::Cache;

use super::{Peer, Sample};

pub(super) struct Cacheme<K, V>(Cache<K, V>);

impl<K: Sample, V: Sample> Cacheme<K, V> {
    pub(super) fn new(capacity: usize) -> Self {
        Self(Cache::new(capacity))
    }
}

impl<K: Sample, V: Sample> Peer<K, V> for Cacheme<K, V> {
    fn get(&self, key: &K) -> Option<V> {
        self.0.get(key)
    }

    fn insert(&self, key: K, value: V) {
        self.0.insert(key, value);
    }

    fn len(&self) -> Option<usize> {
        Some(self.0.len())
    }
}
