//! One part of the cache, with its share of the capacity, behind one lock.
//!
//! A table finds the slot of a key, a slab keeps what is in the slots, an order says which slot leaves
//! for another and the times say which leaves by itself. They always agree: a slot is in the table
//! exactly when it holds an entry and exactly then it is in one list of the order; what the entries
//! weigh is never more than the capacity.
//!
//! What reads a shard shares it with others that read; what is in `change` has it alone.

mod change;
mod gone;
#[cfg(test)]
mod validate;

pub(crate) use change::{Arrival, Found};
pub(crate) use gone::Gone;

use equivalent::Equivalent;

use crate::clock::{Clock, Deadline};
use crate::doorkeeper::Doorkeeper;
use crate::policy::{Order, Policy};
use crate::slab::{Node, Slab};
use crate::stats::Counts;
use crate::table::{Print, Table};
use crate::times::Times;

/// In the order in which a lookup reads it, beginning in the line of the [lock](crate::lock::Lock).
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Shard<K, V> {
    table: Table,
    slab: Slab<K, V>,
    /// Made with the first entry that expires.
    times: Option<Box<Times>>,
    order: Order,
    doorkeeper: Option<Box<Doorkeeper>>,
    capacity: u64,
    counts: Counts,
}

/// What shards of a cache have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Admission {
    pub(crate) policy: Policy,
    pub(crate) doorkeeper: bool,
}

impl<K, V> Shard<K, V> {
    pub(crate) fn new(admission: Admission, capacity: u64, seed: u64) -> Self {
        Self {
            table: Table::default(),
            slab: Slab::new(),
            order: Order::new(admission.policy, capacity, seed),
            times: None,
            doorkeeper: admission.doorkeeper.then(|| Box::new(Doorkeeper::new(0))),
            capacity,
            counts: Counts::default(),
        }
    }

    #[cfg(test)]
    pub(crate) fn capacity(&self) -> u64 {
        self.capacity
    }

    pub(crate) fn len(&self) -> usize {
        self.slab.len()
    }

    pub(crate) fn weight(&self) -> u64 {
        self.order.weight()
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// The entry of a key, live or expired. Runs the key's equality.
    #[inline]
    pub(crate) fn find<Q>(&self, print: Print, key: &Q) -> Option<(u32, &Node<K, V>)>
    where
        Q: Equivalent<K> + ?Sized,
    {
        self.table.find(print, |slot| {
            let node = self.slab.get(slot)?;
            let same = node.upper == print.upper && key.equivalent(&node.key);
            same.then_some((slot, node))
        })
    }

    /// Whether a slot's entry is live. Reads the clock only if the entry expires.
    #[inline]
    pub(crate) fn is_live(&self, slot: u32, clock: &Clock) -> bool {
        match &self.times {
            None => true,
            Some(times) => !times.deadline(slot).has_passed(clock),
        }
    }

    /// Whether a slot's entry is live, and if it is, notes that it is used now.
    #[inline]
    pub(crate) fn touch(&self, slot: u32, node: &Node<K, V>, clock: &Clock) -> bool {
        if let Some(times) = &self.times
            && !times.touch(slot, clock)
        {
            return false;
        }
        node.mark.set_used();
        true
    }

    /// When a slot's entry expires.
    pub(crate) fn deadline(&self, slot: u32) -> Deadline {
        let times = self.times.as_ref();
        times.map_or(Deadline::NEVER, |times| times.deadline(slot))
    }

    pub(crate) fn node(&self, slot: u32) -> &Node<K, V> {
        &self.slab[slot]
    }

    /// All entries with their slots, expired ones too.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Node<K, V>)> {
        self.slab.iter()
    }

    /// The slots of all entries. They stay what they are while entries are removed.
    pub(crate) fn slots(&self) -> Vec<u32> {
        self.iter().map(|(slot, _)| slot).collect()
    }

    /// An empty shard of the same capacity and with the same counts.
    pub(crate) fn emptied(&self, admission: Admission, seed: u64) -> Self {
        let mut empty = Self::new(admission, self.capacity, seed);
        empty.counts = self.counts;
        empty
    }

    /// All slots with how much the policy makes of them: the more, the longer they stay.
    pub(crate) fn heats(&self) -> Vec<(u32, u64)> {
        self.order.heats(&self.slab)
    }
}
