//! The libraries that are measured, one file each, behind one trait.
//!
//! To add one: a file with a type that implements [`Peer`], and a variant of [`Library`] with its name
//! and its arm in [`Library::build`]. Every library runs with its defaults; the hasher is its own or
//! `ahash`, whichever was measured to be faster (the table is in the README of this package).

mod cacheme;
mod drive;
mod foyer;
mod lru;
mod moka;
mod quick_cache;
mod tinyufo;

use std::hash::Hash;
use std::sync::Arc;

pub(crate) use drive::Drive;

/// A cache of a library.
pub(crate) trait Peer<K, V>: Send + Sync {
    /// A copy of the value under `key`; counts as a use of it.
    fn get(&self, key: &K) -> Option<V>;

    /// Puts `value` under `key`, if the library's policy admits it.
    fn insert(&self, key: K, value: V);

    /// How many entries can be found now, including those that the library's own count hasn't heard of
    /// yet. None if it can't tell.
    fn len(&self) -> Option<usize>;

    /// Waits for whatever the library has put off.
    fn settle(&self) {}
}

/// What keys and values are made of: equal numbers give equal ones.
pub(crate) trait Sample: Clone + Eq + Hash + Send + Sync + 'static {
    /// The key or value of this number.
    fn sample(number: u64) -> Self;
}

impl Sample for u64 {
    fn sample(number: u64) -> Self {
        number
    }
}

impl Sample for String {
    fn sample(number: u64) -> Self {
        format!("user:{number:020}")
    }
}

/// A value of 1 KiB.
impl Sample for Arc<[u8]> {
    fn sample(number: u64) -> Self {
        Self::from([number.to_le_bytes()[0]; 1024])
    }
}

/// A library, and its policy where it offers several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Library {
    /// The exact LRU of the crate `lru` behind a mutex: a reference for hit ratios.
    Lru,
    /// moka's `sync::Cache`.
    Moka,
    /// `quick_cache`'s `sync::Cache`.
    QuickCache,
    /// foyer's cache in memory, evicting by LRU.
    FoyerLru,
    /// foyer's cache in memory, evicting by W-TinyLFU.
    FoyerLfu,
    /// foyer's cache in memory, evicting by S3-FIFO.
    FoyerS3Fifo,
    /// `TinyUFO`.
    TinyUfo,
    /// `cacheme-tinylfu` as `Cache::new` makes it.
    Cacheme,
}

impl Library {
    /// All of them, in the order of the tables.
    pub(crate) const ALL: [Self; 8] = [
        Self::Lru,
        Self::Moka,
        Self::QuickCache,
        Self::FoyerLru,
        Self::FoyerLfu,
        Self::FoyerS3Fifo,
        Self::TinyUfo,
        Self::Cacheme,
    ];

    /// What it is called in tables and by `--library`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Lru => "lru",
            Self::Moka => "moka",
            Self::QuickCache => "quick_cache",
            Self::FoyerLru => "foyer-lru",
            Self::FoyerLfu => "foyer-lfu",
            Self::FoyerS3Fifo => "foyer-s3fifo",
            Self::TinyUfo => "tinyufo",
            Self::Cacheme => "cacheme",
        }
    }

    /// An empty cache of `capacity` entries, the capacity being at least 1.
    pub(crate) fn build<K: Sample, V: Sample>(self, capacity: usize) -> Box<dyn Drive<K, V>> {
        match self {
            Self::Lru => Box::new(lru::Lru::new(capacity)),
            Self::Moka => Box::new(moka::Moka::new(capacity)),
            Self::QuickCache => Box::new(quick_cache::QuickCache::new(capacity)),
            Self::FoyerLru => Box::new(foyer::Foyer::lru(capacity)),
            Self::FoyerLfu => Box::new(foyer::Foyer::lfu(capacity)),
            Self::FoyerS3Fifo => Box::new(foyer::Foyer::s3fifo(capacity)),
            Self::TinyUfo => Box::new(tinyufo::Ufo::new(capacity)),
            Self::Cacheme => Box::new(cacheme::Cacheme::new(capacity)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_library_finds_what_was_inserted() {
        for library in Library::ALL {
            let cache = library.build::<u64, u64>(1000);
            for key in 0..100 {
                cache.insert(key, key + 1);
            }
            cache.settle();
            let found = (0..100).filter(|key| cache.get(key) == Some(key + 1));
            assert_eq!(found.count(), 100, "{}", library.name());
            assert_eq!(cache.get(&100), None, "{}", library.name());
            assert_eq!(cache.len().unwrap_or(100), 100, "{}", library.name());
        }
    }

    #[test]
    fn samples_differ_and_repeat() {
        assert_ne!(String::sample(1), String::sample(2));
        assert_eq!(String::sample(1), String::sample(1));
        assert_ne!(Arc::<[u8]>::sample(1), Arc::<[u8]>::sample(2));
        assert_eq!(Arc::<[u8]>::sample(1).len(), 1024);
    }
}
