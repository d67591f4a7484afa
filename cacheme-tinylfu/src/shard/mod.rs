//! One part of the cache, with its share of the capacity, behind one lock.
//!
//! A table finds the slot of a key, a slab keeps what is in the slots and an order says which slot
//! leaves. The three always agree: a slot is in the table exactly when it holds an entry and exactly
//! then it is in one list of the order; there are never more of them than the capacity.
//!
//! User code runs in two places: a key's equality while it is looked for, and the clock while
//! deadlines are compared. Both come before anything is changed, so a panic there leaves the shard as
//! it was. Nothing of the user's is dropped here: what leaves is handed to the caller.

#[cfg(test)]
mod validate;

use equivalent::Equivalent;
use hashbrown::HashTable;

use crate::clock::{Clock, Deadline};
use crate::node::Node;
use crate::policy::{Order, Policy};
use crate::slab::{Entry, Slab};

#[derive(Debug)]
pub(crate) struct Shard<K, V> {
    table: HashTable<u32>,
    slab: Slab<K, V>,
    order: Order,
    capacity: u32,
}

/// What [`Shard::access`] found.
pub(crate) enum Access<'a, K, V> {
    Hit(&'a Entry<K, V>),
    /// The entry was too old and is removed.
    Expired(Option<Entry<K, V>>),
    Absent,
}

/// What [`Shard::insert`] is going to do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Plan {
    /// The key has an entry.
    Replace { slot: u32, live: bool },
    /// The key is new; where there is a victim, it has to leave.
    Add { victim: Option<u32> },
    /// There is no room for any entry.
    Reject,
}

/// What [`Shard::insert`] or [`Shard::remove`] put out.
pub(crate) enum Displaced<K, V> {
    /// The live entry of the same key.
    Live(Option<Entry<K, V>>),
    /// What nobody asks for any more: an expired entry of the same key, another key's entry, or the
    /// new entry itself.
    Dead(Option<Entry<K, V>>),
}

impl<K, V> Displaced<K, V> {
    /// Drops the rest. Must not be called while a shard is locked.
    pub(crate) fn into_live(self) -> Option<V> {
        match self {
            Self::Live(entry) => entry.map(|entry| entry.value),
            Self::Dead(_) => None,
        }
    }
}

impl<K, V> Shard<K, V> {
    pub(crate) fn new(policy: Policy, capacity: u32, seed: u64) -> Self {
        Self {
            table: HashTable::new(),
            slab: Slab::new(),
            order: Order::new(policy, capacity, seed),
            capacity,
        }
    }

    pub(crate) fn capacity(&self) -> u32 {
        self.capacity
    }

    pub(crate) fn len(&self) -> usize {
        self.slab.len()
    }

    /// All entries with their deadlines, expired ones too.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Deadline, &Entry<K, V>)> {
        self.slab.iter().map(|(node, entry)| (node.deadline, entry))
    }

    /// Uses the entry of a key, as a request for it does.
    #[inline]
    pub(crate) fn access<Q>(&mut self, hash: u64, key: &Q, clock: &Clock) -> Access<'_, K, V>
    where
        Q: Equivalent<K> + ?Sized,
    {
        let Some(slot) = self.find(hash, key) else {
            self.order.miss(hash);
            return Access::Absent;
        };
        if self.slab.nodes[slot].deadline.has_passed(clock) {
            self.order.miss(hash);
            return Access::Expired(self.take(slot));
        }
        self.order.hit(&mut self.slab.nodes, slot);
        match self.slab.get(slot) {
            Some(entry) => Access::Hit(entry),
            None => Access::Absent,
        }
    }

    /// Removes a key's entry, live or expired.
    pub(crate) fn remove<Q>(&mut self, hash: u64, key: &Q, clock: &Clock) -> Displaced<K, V>
    where
        Q: Equivalent<K> + ?Sized,
    {
        let Some(slot) = self.find(hash, key) else {
            return Displaced::Dead(None);
        };
        if self.slab.nodes[slot].deadline.has_passed(clock) {
            Displaced::Dead(self.take(slot))
        } else {
            Displaced::Live(self.take(slot))
        }
    }

    /// Decides how a key's new entry will be kept. Here is where an insertion runs user code.
    pub(crate) fn plan(&mut self, hash: u64, key: &K, clock: &Clock) -> Plan
    where
        K: Eq,
    {
        if let Some(slot) = self.find(hash, key) {
            let live = !self.slab.nodes[slot].deadline.has_passed(clock);
            return Plan::Replace { slot, live };
        }
        if self.len() < self.capacity as usize {
            return Plan::Add { victim: None };
        }
        match self.order.victim(&self.slab.nodes, clock) {
            None => Plan::Reject,
            victim => Plan::Add { victim },
        }
    }

    /// Carries out a plan that was made under the same lock.
    pub(crate) fn insert(
        &mut self,
        plan: Plan,
        entry: Entry<K, V>,
        hash: u64,
        deadline: Deadline,
    ) -> Displaced<K, V> {
        match plan {
            Plan::Replace { slot, live } => {
                self.order.hit(&mut self.slab.nodes, slot);
                self.slab.nodes[slot].deadline = deadline;
                let old = self.slab.replace(slot, entry);
                if live {
                    Displaced::Live(old)
                } else {
                    Displaced::Dead(old)
                }
            }
            Plan::Add { victim } => {
                let old = victim.and_then(|slot| self.take(slot));
                self.add(entry, Node::new(hash, deadline));
                Displaced::Dead(old)
            }
            Plan::Reject => Displaced::Dead(Some(entry)),
        }
    }

    #[inline]
    fn find<Q>(&self, hash: u64, key: &Q) -> Option<u32>
    where
        Q: Equivalent<K> + ?Sized,
    {
        let is_it = |&slot: &u32| {
            let entry = self.slab.get(slot);
            entry.is_some_and(|entry| key.equivalent(&entry.key))
        };
        self.table.find(hash, is_it).copied()
    }

    fn add(&mut self, entry: Entry<K, V>, node: Node) {
        let slot = self.slab.insert(entry, node, self.capacity as usize);
        let nodes = &mut self.slab.nodes;
        self.table
            .insert_unique(node.hash, slot, |&slot| nodes[slot].hash);
        self.order.insert(nodes, slot);
    }

    fn take(&mut self, slot: u32) -> Option<Entry<K, V>> {
        let hash = self.slab.nodes[slot].hash;
        if let Ok(found) = self.table.find_entry(hash, |&other| other == slot) {
            found.remove();
        }
        self.order.remove(&mut self.slab.nodes, slot);
        self.slab.remove(slot)
    }
}
