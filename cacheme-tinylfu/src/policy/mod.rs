//! Which entry leaves when a new one needs its place.
//!
//! A policy is told what comes to a shard and what leaves it, and names what leaves when there is no
//! room. It owns the lists through the entries and nothing else: it knows neither keys nor values. Every
//! slot that holds an entry is in exactly one of its lists. It isn't told of hits: these set a bit of
//! the entry (see [`crate::mark`]), at which it looks when the entry is next in line.
//!
//! Each policy has a file. A new one is a file here, a variant of [`Policy`] and one of [`Order`], whose
//! methods are those that a policy may have.

mod history;
mod lru;
mod tinylfu;
mod window;

use lru::Lru;
use tinylfu::TinyLfu;

use crate::slab::{Region, Slab};

/// How a full cache chooses the entry that makes room for a new one.
///
/// Both cost a constant time per operation, and nothing but a bit in the entry for a hit.
///
/// # Examples
///
/// ```
/// use cacheme_tinylfu::{BuildError, Cache, Policy};
///
/// # fn main() -> Result<(), BuildError> {
/// let recent: Cache<u32, u32> = Cache::builder().capacity(2).policy(Policy::Lru).build()?;
/// recent.insert(1, 10);
/// recent.insert(2, 20);
/// recent.get(&1);
/// recent.insert(3, 30);
/// assert_eq!(recent.get(&2), None);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Policy {
    /// Keeps what is asked for often, and as much of what was asked for lately as pays. The default.
    ///
    /// W-TinyLFU (Einziger, Friedman and Manes, "`TinyLFU`: A Highly Efficient Cache Admission
    /// Policy", ACM Transactions on Storage 2017). A new entry starts in a window; when it leaves
    /// that, it stays only if it was asked for more often, for its weight, than the entry that it would
    /// put out. A scan of keys that are used once doesn't push out those used often. How large the
    /// window is, 1 to 90 % of the capacity, is learned all the time. Remembers for each entry two that
    /// left, which takes 8 bytes once the cache is full.
    #[default]
    TinyLfu,
    /// Keeps what was used last.
    ///
    /// The entry leaves that was not used for about the longest time: CLOCK (Corbató, "A Paging
    /// Experiment with the Multics System", 1968), which knows for each entry whether it was used since
    /// it was last in line, but not in which order. Takes whatever fits, so that with a
    /// [weigher](crate::Builder::weigher) a giant does put out all others.
    Lru,
}

/// A policy at work in one shard.
#[derive(Debug)]
pub(crate) enum Order {
    TinyLfu(TinyLfu),
    Lru(Lru),
}

impl Order {
    /// The seed drives what the policy does by chance; equal seeds do the same.
    pub(crate) fn new(policy: Policy, capacity: u64, seed: u64) -> Self {
        match policy {
            Policy::TinyLfu => Self::TinyLfu(TinyLfu::new(capacity, seed)),
            Policy::Lru => Self::Lru(Lru::new()),
        }
    }

    /// What all entries weigh.
    pub(crate) fn weight(&self) -> u64 {
        match self {
            Self::TinyLfu(order) => order.weight(),
            Self::Lru(order) => order.weight(),
        }
    }

    /// Whether so much more weight may come into a full cache, so that a giant doesn't flush it.
    pub(crate) fn accepts<K, V>(&mut self, slab: &Slab<K, V>, upper: u32, weight: u64) -> bool {
        match self {
            Self::TinyLfu(order) => order.accepts(slab, upper, weight),
            Self::Lru(_) => true,
        }
    }

    /// A slot received an entry. The shard has made room for it.
    pub(crate) fn insert<K, V>(&mut self, slab: &mut Slab<K, V>, slot: u32) {
        match self {
            Self::TinyLfu(order) => order.insert(slab, slot),
            Self::Lru(order) => order.insert(slab, slot),
        }
    }

    /// Takes a slot out that is about to lose its entry or to weigh something else.
    pub(crate) fn remove<K, V>(&mut self, slab: &mut Slab<K, V>, slot: u32) {
        match self {
            Self::TinyLfu(order) => order.remove(slab, slot),
            Self::Lru(order) => order.remove(slab, slot),
        }
    }

    /// The slot that is looked at first when one has to leave.
    #[inline]
    pub(crate) fn last(&self) -> Option<u32> {
        match self {
            Self::TinyLfu(order) => order.last(),
            Self::Lru(order) => order.last(),
        }
    }

    /// Asks for what is going to be read of a key that comes or leaves.
    #[inline]
    pub(crate) fn prefetch(&self, upper: u32) {
        match self {
            Self::TinyLfu(order) => order.prefetch(upper),
            Self::Lru(_) => {}
        }
    }

    /// Takes out the slot that has to leave for a new entry. There is one unless the shard is empty.
    pub(crate) fn evict<K, V>(&mut self, slab: &mut Slab<K, V>) -> Option<u32> {
        match self {
            Self::TinyLfu(order) => order.evict(slab),
            Self::Lru(order) => order.evict(slab),
        }
    }

    /// Remembers a slot that is about to be taken out, in case its key comes back.
    pub(crate) fn remember<K, V>(&mut self, slab: &Slab<K, V>, slot: u32) {
        match self {
            Self::TinyLfu(order) => order.remember(slab, slot, Region::Probation),
            Self::Lru(_) => {}
        }
    }

    pub(crate) fn resize(&mut self, capacity: u64) {
        match self {
            Self::TinyLfu(order) => order.resize(capacity),
            Self::Lru(_) => {}
        }
    }

    /// All slots with a number that is the greater the longer the policy would keep them.
    pub(crate) fn heats<K, V>(&self, slab: &Slab<K, V>) -> Vec<(u32, u64)> {
        match self {
            Self::TinyLfu(order) => order.heats(slab),
            Self::Lru(order) => order.heats(slab),
        }
    }
}

#[cfg(test)]
impl Order {
    /// Checks every list and bound; returns all slots that the policy holds.
    pub(crate) fn validate<K, V>(&self, slab: &Slab<K, V>) -> Vec<u32> {
        match self {
            Self::TinyLfu(order) => order.validate(slab),
            Self::Lru(order) => order.validate(slab),
        }
    }
}
