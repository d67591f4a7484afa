//! `quick_cache`: its default policy, with `ahash`.

use ahash::RandomState;
use quick_cache::UnitWeighter;
use quick_cache::sync::{Cache, DefaultLifecycle};

use super::{Peer, Sample};

pub(super) struct QuickCache<K, V>(Cache<K, V, UnitWeighter, RandomState>);

impl<K: Sample, V: Sample> QuickCache<K, V> {
    pub(super) fn new(capacity: usize) -> Self {
        Self(Cache::with(
            capacity,
            capacity as u64,
            UnitWeighter,
            RandomState::new(),
            DefaultLifecycle::default(),
        ))
    }
}

impl<K: Sample, V: Sample> Peer<K, V> for QuickCache<K, V> {
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
