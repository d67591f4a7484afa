//! Which entry leaves when a new one needs its place.
//!
//! A policy is told what happens to each slot of a shard and, when the shard is full, names the slot
//! that leaves. It owns the lists through the nodes and nothing else: it knows neither keys nor values.
//! Every slot that holds an entry is in exactly one of its lists. Each policy has a file, and all have
//! the same methods.

mod lru;
mod tinylfu;

pub(crate) use lru::Lru;
pub(crate) use tinylfu::TinyLfu;

use crate::clock::Clock;
use crate::node::Nodes;

/// How a full cache chooses the entry that makes room for a new one.
///
/// Both cost a constant time per operation.
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
    /// Keeps what is asked for often. The default.
    ///
    /// W-TinyLFU (Einziger, Friedman and Manes, "`TinyLFU`: A Highly Efficient Cache Admission
    /// Policy", ACM Transactions on Storage 2017). A new entry starts in a small window; when it
    /// leaves that, it stays only if it was asked for more often than the entry that it would put
    /// out. A scan of keys that are used once doesn't push out those used often. Takes 8 to 16 bytes
    /// per entry for the counts.
    #[default]
    TinyLfu,
    /// Keeps what was used last: the entry that was not used for the longest time leaves.
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
    pub(crate) fn new(policy: Policy, capacity: u32, seed: u64) -> Self {
        match policy {
            Policy::TinyLfu => Self::TinyLfu(TinyLfu::new(capacity, seed)),
            Policy::Lru => Self::Lru(Lru::new()),
        }
    }

    /// An entry was used.
    pub(crate) fn hit(&mut self, nodes: &mut Nodes, slot: u32) {
        match self {
            Self::TinyLfu(order) => order.hit(nodes, slot),
            Self::Lru(order) => order.hit(nodes, slot),
        }
    }

    /// A key was asked for that is not there.
    pub(crate) fn miss(&mut self, hash: u64) {
        match self {
            Self::TinyLfu(order) => order.miss(hash),
            Self::Lru(_) => {}
        }
    }

    /// The slot that has to leave for a new entry. Only a full shard may ask.
    pub(crate) fn victim(&mut self, nodes: &Nodes, clock: &Clock) -> Option<u32> {
        match self {
            Self::TinyLfu(order) => order.victim(nodes, clock),
            Self::Lru(order) => order.victim(),
        }
    }

    /// A slot received an entry. The shard has made room for it.
    pub(crate) fn insert(&mut self, nodes: &mut Nodes, slot: u32) {
        match self {
            Self::TinyLfu(order) => order.insert(nodes, slot),
            Self::Lru(order) => order.insert(nodes, slot),
        }
    }

    /// A slot is about to lose its entry.
    pub(crate) fn remove(&mut self, nodes: &mut Nodes, slot: u32) {
        match self {
            Self::TinyLfu(order) => order.remove(nodes, slot),
            Self::Lru(order) => order.remove(nodes, slot),
        }
    }
}

#[cfg(test)]
impl Order {
    /// Checks every list and bound; returns all slots that the policy holds.
    pub(crate) fn validate(&self, nodes: &Nodes, capacity: u32) -> Vec<u32> {
        match self {
            Self::TinyLfu(order) => order.validate(nodes, capacity),
            Self::Lru(order) => order.validate(nodes),
        }
    }
}
