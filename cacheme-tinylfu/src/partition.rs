//! The shards of a cache and their locks.
//!
//! Keys are spread over shards by bits of their hash that nothing else uses, so that threads that work
//! on different keys seldom meet at a lock. Where the capacity is small, one shard has all of it: a
//! shard with too few entries would evict what another has room for.

use std::fmt;
use std::thread;

use crate::flight::Flights;
use crate::lock::{Lock, ReadGuard, WriteGuard};
use crate::shard::{Admission, Shard};

/// The least capacity that a shard has where there are several.
const MIN_CAPACITY: u64 = 1024;
const SHARDS_PER_CPU: usize = 16;
/// The lowest bit of the hash that chooses the shard. The table takes its tag from the 8 bits below, and
/// its bucket from the upper half.
const FIRST_BIT: u32 = 8;
/// As many shards as the bits between have numbers for.
const MAX_SHARDS: usize = 1 << (32 - FIRST_BIT);

/// A shard and its lock, kept off the cache line of the next one, and off the pair of lines that CPUs
/// fetch together.
#[repr(C, align(128))]
struct Part<K, V> {
    shard: Lock<Shard<K, V>>,
    flights: Flights,
}

/// All shards of a cache.
pub(crate) struct Partition<K, V>(Box<[Part<K, V>]>);

impl<K, V> Partition<K, V> {
    /// Splits a capacity into shards, as many as are asked for or as suit it; `seed` gives the seed of
    /// each.
    pub(crate) fn new(
        capacity: u64,
        shards: Option<usize>,
        admission: Admission,
        seed: impl Fn(usize) -> u64,
    ) -> Self {
        let count = match shards {
            Some(shards) => {
                // None is without any capacity.
                let most = 1 << capacity.max(1).ilog2().min(MAX_SHARDS.ilog2());
                shards.clamp(1, MAX_SHARDS).next_power_of_two().min(most)
            }
            None => shard_count(capacity, cpus()),
        };
        let parts = capacities(capacity, count)
            .enumerate()
            .map(|(index, capacity)| Part {
                shard: Lock::new(Shard::new(admission, capacity, seed(index))),
                flights: Flights::default(),
            });
        Self(parts.collect())
    }

    /// How many shards there are: a power of two.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The shard that a hash belongs to.
    #[inline]
    pub(crate) fn shard(&self, hash: u64) -> &Lock<Shard<K, V>> {
        &self.part(hash).shard
    }

    /// The flights of the shard that a hash belongs to.
    pub(crate) fn flights(&self, hash: u64) -> &Flights {
        &self.part(hash).flights
    }

    #[inline]
    fn part(&self, hash: u64) -> &Part<K, V> {
        let index = (hash >> FIRST_BIT) as usize & (self.0.len() - 1);
        &self.0[index]
    }

    /// A shard by its index; there is none past the last.
    pub(crate) fn at(&self, index: usize) -> Option<&Lock<Shard<K, V>>> {
        self.0.get(index).map(|part| &part.shard)
    }

    /// Shares one shard after the other. A guard has to be dropped before the next is taken.
    pub(crate) fn reads(&self) -> impl Iterator<Item = ReadGuard<'_, Shard<K, V>>> {
        self.0.iter().map(|part| part.shard.read_long())
    }

    /// Locks one shard after the other. A guard has to be dropped before the next is taken.
    pub(crate) fn writes(&self) -> impl Iterator<Item = WriteGuard<'_, Shard<K, V>>> {
        self.0.iter().map(|part| part.shard.write())
    }
}

#[cfg(test)]
impl<K, V> Partition<K, V> {
    pub(crate) fn is_unlocked(&self) -> bool {
        self.0.iter().all(|part| part.shard.is_free())
    }
}

impl<K, V> fmt::Debug for Partition<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Partition")
            .field("shards", &self.0.len())
            .finish()
    }
}

fn cpus() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

fn shard_count(capacity: u64, cpus: usize) -> usize {
    let wanted = (cpus * SHARDS_PER_CPU).next_power_of_two();
    let most = (capacity / MIN_CAPACITY).max(1).ilog2();
    wanted.min(1 << most.min(MAX_SHARDS.ilog2()))
}

/// The capacity of each of `count` shards: equal, but for the remainder, which goes to the first ones.
pub(crate) fn capacities(capacity: u64, count: usize) -> impl Iterator<Item = u64> {
    let count = count as u64;
    (0..count).map(move |index| capacity / count + u64::from(index < capacity % count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;

    const LRU: Admission = Admission {
        policy: Policy::Lru,
        doorkeeper: false,
    };

    #[test]
    fn shards_are_few_and_never_small() {
        assert_eq!(shard_count(0, 8), 1);
        assert_eq!(shard_count(2047, 8), 1);
        assert_eq!(shard_count(2048, 8), 2);
        assert_eq!(shard_count(9000, 8), 8);
        assert_eq!(shard_count(1_000_000, 2), 32);
        assert_eq!(shard_count(1_000_000, 3), 64);
        assert_eq!(shard_count(u64::MAX, 1 << 20), MAX_SHARDS);
    }

    #[test]
    fn capacities_sum_up_exactly() {
        for capacity in [0, 1, 511, 4099, 1_000_003, 1 << 40] {
            let count = shard_count(capacity, 64);
            let parts: Vec<u64> = capacities(capacity, count).collect();
            assert_eq!(parts.iter().sum::<u64>(), capacity);
            assert!(parts.len() == 1 || parts.iter().all(|&part| part >= MIN_CAPACITY));
        }
    }

    #[test]
    fn bits_that_the_table_uses_choose_no_shard() {
        let partition: Partition<u8, u8> = Partition::new(1 << 20, None, LRU, |_| 1);
        for hash in [u64::MAX << 32, 0xFF] {
            assert!(std::ptr::eq(partition.shard(hash), partition.shard(0)));
        }
    }

    #[test]
    fn no_shard_that_was_asked_for_is_without_capacity() {
        let shards = |capacity, asked| {
            let partition: Partition<u8, u8> = Partition::new(capacity, Some(asked), LRU, |_| 1);
            partition.len()
        };
        assert_eq!([shards(10, 1000), shards(0, 4), shards(100, 5)], [8, 1, 8]);
        assert_eq!(shards(100, 0), 1);
    }

    #[test]
    fn hashes_reach_every_shard() {
        let partition: Partition<u8, u8> = Partition::new(4096, None, LRU, |_| 1);
        assert_eq!(partition.len(), 4);
        for index in 0..partition.len() {
            let shard = partition.shard((index as u64) << FIRST_BIT);
            assert!(std::ptr::eq(shard, &raw const partition.0[index].shard));
        }
    }
}
