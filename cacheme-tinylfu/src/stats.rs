//! Figures of a cache.
//!
//! What changes a shard is counted in it, under its lock, which costs nothing to speak of. Hits and
//! misses are counted only when the user asks for it, by each thread in a place of its own, so that
//! counting makes no thread wait for another.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::thread;

/// Places for counting; threads beyond that share them.
const PLACES: usize = 16;

/// What a cache has done since it was made.
///
/// Made by [`Cache::stats`](crate::Cache::stats).
///
/// # Examples
///
/// ```
/// use cacheme_tinylfu::{BuildError, Cache};
///
/// # fn main() -> Result<(), BuildError> {
/// let cache = Cache::builder().capacity(100).record_stats().build()?;
/// cache.insert("one", 1);
/// cache.get("one");
/// cache.get("two");
/// let stats = cache.stats();
/// assert_eq!((stats.hits, stats.misses, stats.insertions), (1, 1, 1));
/// assert_eq!(stats.hit_ratio(), Some(0.5));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Lookups that found a live entry. Counted only with
    /// [`record_stats`](crate::Builder::record_stats).
    pub hits: u64,
    /// Lookups that found none. Counted only with [`record_stats`](crate::Builder::record_stats).
    pub misses: u64,
    /// Entries that were kept under a key that had none.
    pub insertions: u64,
    /// Values that took the place of a live one of the same key.
    pub replacements: u64,
    /// Entries that left so that there is room for others.
    pub evictions: u64,
    /// Entries that left since they had expired.
    pub expirations: u64,
    /// Entries that were not kept since they were too heavy or the doorkeeper didn't know their keys.
    pub refusals: u64,
}

impl Stats {
    /// The part of lookups that found a live entry, 0 to 1; `None` before the first lookup.
    #[expect(clippy::cast_precision_loss, reason = "a ratio needs no 64 bits")]
    pub fn hit_ratio(&self) -> Option<f64> {
        let lookups = self.hits + self.misses;
        (lookups != 0).then(|| self.hits as f64 / lookups as f64)
    }
}

/// What is counted under the lock of a shard.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) insertions: u64,
    pub(crate) replacements: u64,
    pub(crate) evictions: u64,
    pub(crate) expirations: u64,
    pub(crate) refusals: u64,
}

/// Hits and misses of some threads, off the lines that other threads write.
#[derive(Default)]
#[repr(align(128))]
struct Place {
    hits: AtomicU64,
    misses: AtomicU64,
}

/// Hits and misses, where they are counted.
pub(crate) struct Lookups(Option<Box<[Place; PLACES]>>);

impl Lookups {
    pub(crate) fn uncounted() -> Self {
        Self(None)
    }

    pub(crate) fn counted() -> Self {
        Self(Some(Box::default()))
    }

    #[inline]
    pub(crate) fn hit(&self) {
        if let Some(place) = self.place() {
            place.hits.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[inline]
    pub(crate) fn miss(&self) {
        if let Some(place) = self.place() {
            place.misses.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Where this thread counts, if it does.
    #[inline]
    fn place(&self) -> Option<&Place> {
        let places = self.0.as_ref()?;
        Some(&places[thread::number() % PLACES])
    }

    /// All figures, with those of the shards.
    pub(crate) fn stats(&self, shards: impl Iterator<Item = Counts>) -> Stats {
        let mut stats = Stats::default();
        for place in self.0.iter().flat_map(|places| places.iter()) {
            stats.hits += place.hits.load(Ordering::Relaxed);
            stats.misses += place.misses.load(Ordering::Relaxed);
        }
        for counts in shards {
            stats.insertions += counts.insertions;
            stats.replacements += counts.replacements;
            stats.evictions += counts.evictions;
            stats.expirations += counts.expirations;
            stats.refusals += counts.refusals;
        }
        stats
    }
}

impl fmt::Debug for Lookups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lookups").finish_non_exhaustive()
    }
}
