//! One load in progress per key, shared by all who wait for it.
//!
//! The [`Work`] of a flight belongs to nobody but itself, so that no caller's cancellation ends it.
//! Flights that begin together are a [group]: they have one work. Those who wait for one of them get its
//! outcome when there is one, and notice at once when it ended without one.
//!
//! The [table] of a node's flights also keeps stale values out of the tiers. A flight may
//! change a tier only while it is the one in the table and no invalidation of its node is under
//! way. Local tiers are changed under the table's lock. A remote one is changed between two looks
//! at the table; when the second finds the flight voided, somebody may have read what was written,
//! so the node is removed from all tiers once more.
//!
//! Lock order: the table, then a shard of a local cache. Nothing is awaited under either.

mod group;
mod started;
mod table;
mod work;

use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;

use foldhash::fast::RandomState;

pub(crate) use self::group::{Group, Waiting};
pub(crate) use self::started::Started;
pub(crate) use self::table::{Hashed, Table};
pub(crate) use self::work::{Led, Work};

use crate::chain::Chain;
use crate::node::{Id, Node};
use crate::sync::{Mutex, MutexGuard, lock};

/// What a flight is for: a node, under the prefix whose scope this is.
#[derive(Debug)]
pub(crate) struct Aim<N> {
    pub(crate) scope: u64,
    pub(crate) id: Id<N>,
    /// Of both of these, by the [`Flights`] that it belongs to.
    hash: u64,
}

impl<N: Node> Aim<N> {
    pub(crate) fn node(&self) -> &N {
        &self.id.0
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }
}

impl<N: Node> Clone for Aim<N> {
    fn clone(&self) -> Self {
        let id = self.id.clone();
        Self { id, ..*self }
    }
}

impl<N: Node> PartialEq for Aim<N> {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash && self.scope == other.scope && self.id == other.id
    }
}

impl<N: Node> Eq for Aim<N> {}

impl<N: Node> Hash for Aim<N> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

/// What a flight is for, which says who waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The value, loaded if need be.
    Load,
    /// The value, if a tier has it.
    Look,
}

/// The flights of a node type.
#[derive(Debug)]
pub(crate) struct Flights<N> {
    chain: Arc<Chain>,
    hasher: RandomState,
    table: Mutex<Table<N>>,
}

impl<N: Node> Flights<N> {
    /// How many flights begin before others get the table's lock.
    pub(crate) const AT_ONCE: usize = 128;

    /// No flights yet, of the node whose chain this is.
    pub(crate) fn new(chain: Arc<Chain>) -> Arc<Self> {
        Arc::new(Self {
            chain,
            hasher: RandomState::default(),
            table: Mutex::new(Table::new()),
        })
    }

    pub(crate) fn chain(&self) -> &Arc<Chain> {
        &self.chain
    }

    /// What a flight for a node is for.
    pub(crate) fn aim(&self, scope: u64, id: Id<N>) -> Aim<N> {
        let hash = self.hasher.hash_one((scope, &id));
        Aim { scope, id, hash }
    }

    /// Begins all flights of a group.
    pub(crate) fn start<V: Send + Sync + 'static>(
        &self,
        group: &Arc<Group<N, V>>,
    ) -> Started<N, V> {
        let started = self.lock().open(group);
        let places: Vec<_> = (0..group.len()).collect();
        for places in places.chunks(Self::AT_ONCE) {
            let mut table = self.lock();
            for &place in places {
                table.start(&started, place);
            }
        }
        started
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Table<N>> {
        lock(&self.table)
    }
}

#[cfg(all(test, shuttle))]
mod models;
#[cfg(test)]
mod tests;
