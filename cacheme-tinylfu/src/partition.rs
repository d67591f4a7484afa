//! The shards of a cache, and which of them a key belongs to.
//!
//! More shards mean less waiting for locks, but each evicts by itself, so that small shards cost hit
//! ratio. A shard has at least 512 entries of capacity, unless it is the only one, and there are no
//! more than a few per CPU. The number is a power of two and the capacities of the shards sum up to
//! that of the cache exactly.
//!
//! A lock that was poisoned is used as if it wasn't. That is sound because a shard runs no user code
//! between the first and the last step of a change (see [`crate::shard`]): a panic finds it whole.

use std::fmt;
#[cfg(test)]
use std::sync::TryLockError;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::policy::Policy;
use crate::shard::Shard;

/// The least capacity that a shard has where there are several.
const MIN_CAPACITY: usize = 512;
const SHARDS_PER_CPU: usize = 4;
/// The lowest bit of the hash that chooses the shard. The table takes its tag from the top 7 bits and
/// its bucket from the low ones: less than 34, since slots are `u32`.
const FIRST_BIT: u32 = 40;
/// As many shards as the bits between have numbers for.
const MAX_SHARDS: usize = 1 << (u64::BITS - 7 - FIRST_BIT);

/// A shard and its lock, kept off the cache line of the next one, and off the pair of lines that CPUs
/// fetch together.
#[repr(align(128))]
struct Part<K, V>(Mutex<Shard<K, V>>);

impl<K, V> Part<K, V> {
    fn lock(&self) -> MutexGuard<'_, Shard<K, V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All shards of a cache.
pub(crate) struct Partition<K, V>(Box<[Part<K, V>]>);

impl<K, V> Partition<K, V> {
    /// Splits a capacity into shards; `seed` gives the seed of each.
    pub(crate) fn new(capacity: u32, policy: Policy, seed: impl Fn(usize) -> u64) -> Self {
        let count = shard_count(capacity as usize, cpus());
        let shards = capacities(capacity, count)
            .enumerate()
            .map(|(index, capacity)| Part(Mutex::new(Shard::new(policy, capacity, seed(index)))));
        Self(shards.collect())
    }

    /// Locks the shard that a hash belongs to.
    pub(crate) fn lock(&self, hash: u64) -> MutexGuard<'_, Shard<K, V>> {
        let index = (hash >> FIRST_BIT) as usize & (self.0.len() - 1);
        self.0[index].lock()
    }

    /// Locks a shard by its index; there is none past the last.
    pub(crate) fn lock_at(&self, index: usize) -> Option<MutexGuard<'_, Shard<K, V>>> {
        self.0.get(index).map(Part::lock)
    }

    /// Locks one shard after the other. A guard has to be dropped before the next is taken.
    pub(crate) fn locks(&self) -> impl Iterator<Item = MutexGuard<'_, Shard<K, V>>> {
        self.0.iter().map(Part::lock)
    }
}

#[cfg(test)]
impl<K, V> Partition<K, V> {
    pub(crate) fn is_unlocked(&self) -> bool {
        self.0
            .iter()
            .all(|shard| !matches!(shard.0.try_lock(), Err(TryLockError::WouldBlock)))
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

fn shard_count(capacity: usize, cpus: usize) -> usize {
    let wanted = (cpus * SHARDS_PER_CPU).next_power_of_two();
    let most = (capacity / MIN_CAPACITY).max(1).ilog2();
    wanted.min(1 << most).min(MAX_SHARDS)
}

/// The capacity of each shard: equal, but for the remainder, which goes to the first ones.
#[expect(
    clippy::cast_possible_truncation,
    reason = "there are at most 131,072 shards"
)]
fn capacities(capacity: u32, count: usize) -> impl Iterator<Item = u32> {
    let count = count as u32;
    (0..count).map(move |index| capacity / count + u32::from(index < capacity % count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_few_and_never_small() {
        assert_eq!(shard_count(0, 8), 1);
        assert_eq!(shard_count(1023, 8), 1);
        assert_eq!(shard_count(1024, 8), 2);
        assert_eq!(shard_count(4000, 8), 4);
        assert_eq!(shard_count(1_000_000, 2), 8);
        assert_eq!(shard_count(1_000_000, 3), 16);
        assert_eq!(shard_count(usize::MAX, 1 << 20), MAX_SHARDS);
    }

    #[test]
    fn capacities_sum_up_exactly() {
        for capacity in [0, 1, 511, 4099, 1_000_003, u32::MAX] {
            let count = shard_count(capacity as usize, 64);
            let parts: Vec<u64> = capacities(capacity, count).map(u64::from).collect();
            assert_eq!(parts.iter().sum::<u64>(), u64::from(capacity));
            assert!(parts.len() == 1 || parts.iter().all(|&part| part >= 512));
        }
    }

    #[test]
    fn bits_that_the_table_uses_choose_no_shard() {
        let partition: Partition<u8, u8> = Partition::new(1 << 20, Policy::Lru, |_| 1);
        for hash in [u64::MAX << 57, (1 << 34) - 1] {
            let _first = partition.lock(hash);
            assert!(partition.0[0].0.try_lock().is_err());
        }
    }

    #[test]
    fn hashes_reach_every_shard() {
        let partition: Partition<u8, u8> = Partition::new(2048, Policy::Lru, |_| 1);
        let count = partition.locks().count();
        assert!(count > 1);
        for index in 0..count as u64 {
            let _one = partition.lock(index << FIRST_BIT);
            let others = partition
                .0
                .iter()
                .filter(|shard| shard.0.try_lock().is_ok());
            assert_eq!(others.count(), count - 1);
        }
    }
}
