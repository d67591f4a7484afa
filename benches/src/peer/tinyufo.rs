//! `TinyUFO`, with every entry weighing 1. Its hasher is `ahash`, always.

use tinyufo::TinyUfo;

use super::{Peer, Sample};

pub(super) struct Ufo<K, V>(TinyUfo<K, V>);

impl<K: Sample, V: Sample> Ufo<K, V> {
    pub(super) fn new(capacity: usize) -> Self {
        Self(TinyUfo::new(capacity, capacity))
    }
}

impl<K: Sample, V: Sample> Peer<K, V> for Ufo<K, V> {
    fn get(&self, key: &K) -> Option<V> {
        self.0.get(key)
    }

    fn insert(&self, key: K, value: V) {
        self.0.put(key, value, 1);
    }

    fn len(&self) -> Option<usize> {
        None
    }
}
