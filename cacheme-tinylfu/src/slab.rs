//! Where a shard's entries are kept: slots that are used again and never move.
//!
//! The table and the lists refer to entries by slot. A slot is either free, and then in the free list
//! and without an entry, or it holds an entry, and then a policy's list has it. The slab grows with
//! use and never past its limit, so an empty cache of any capacity takes next to no memory.

#[cfg(test)]
use std::collections::HashSet;

use crate::list::List;
use crate::node::{Node, Nodes, Region};

/// A key and its value.
#[derive(Debug)]
pub(crate) struct Entry<K, V> {
    pub(crate) key: K,
    pub(crate) value: V,
}

/// Entries and their nodes, by slot.
#[derive(Debug)]
pub(crate) struct Slab<K, V> {
    pub(crate) nodes: Nodes,
    entries: Vec<Option<Entry<K, V>>>,
    free: List,
}

impl<K, V> Slab<K, V> {
    pub(crate) fn new() -> Self {
        Self {
            nodes: Nodes::default(),
            entries: Vec::new(),
            free: List::new(Region::Free),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len() - self.free.len() as usize
    }

    pub(crate) fn get(&self, slot: u32) -> Option<&Entry<K, V>> {
        self.entries[slot as usize].as_ref()
    }

    /// Puts an entry in the place of the one that the slot holds, and returns that one.
    pub(crate) fn replace(&mut self, slot: u32, entry: Entry<K, V>) -> Option<Entry<K, V>> {
        self.entries[slot as usize].replace(entry)
    }

    /// Keeps an entry in a free slot, or in a new one of at most `limit`.
    ///
    /// The node is in no list yet.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a shard's capacity fits in a slot index, and the slab is never longer"
    )]
    pub(crate) fn insert(&mut self, entry: Entry<K, V>, node: Node, limit: usize) -> u32 {
        if let Some(slot) = self.free.back() {
            self.free.remove(&mut self.nodes, slot);
            self.nodes[slot] = node;
            self.entries[slot as usize] = Some(entry);
            return slot;
        }
        let slot = self.entries.len();
        debug_assert!(slot < limit, "the slab is at its limit");
        reserve(&mut self.nodes.0, limit);
        reserve(&mut self.entries, limit);
        self.nodes.0.push(node);
        self.entries.push(Some(entry));
        slot as u32
    }

    /// Frees a slot that no list holds any more, and returns its entry.
    pub(crate) fn remove(&mut self, slot: u32) -> Option<Entry<K, V>> {
        self.free.push_front(&mut self.nodes, slot);
        self.entries[slot as usize].take()
    }

    /// All entries with their nodes, in no order that means anything.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Node, &Entry<K, V>)> {
        self.nodes
            .0
            .iter()
            .zip(&self.entries)
            .filter_map(|(node, entry)| Some((node, entry.as_ref()?)))
    }
}

/// Makes room for one more item: twice the room there was, but none that the limit leaves unused.
fn reserve<T>(items: &mut Vec<T>, limit: usize) {
    if items.len() == items.capacity() {
        let room = (items.len() * 2).max(4).min(limit);
        items.reserve_exact(room.saturating_sub(items.len()));
    }
}

#[cfg(test)]
impl<K, V> Slab<K, V> {
    /// Checks that exactly the slots in the free list have no entry; returns how many slots there are.
    pub(crate) fn validate(&self) -> usize {
        assert_eq!(self.nodes.0.len(), self.entries.len());
        let free: HashSet<u32> = self.free.validate(&self.nodes).into_iter().collect();
        for (slot, entry) in (0..).zip(&self.entries) {
            assert_eq!(entry.is_none(), free.contains(&slot), "slot {slot}");
        }
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Deadline;

    fn put(slab: &mut Slab<u64, u64>, key: u64, limit: usize) -> u32 {
        let entry = Entry { key, value: key };
        slab.insert(entry, Node::new(key, Deadline::NEVER), limit)
    }

    #[test]
    fn freed_slots_are_used_before_new_ones() {
        let mut slab = Slab::new();
        let slots: Vec<u32> = (0..3).map(|key| put(&mut slab, key, 3)).collect();
        assert_eq!(slots, [0, 1, 2]);
        assert_eq!(slab.remove(1).map(|entry| entry.key), Some(1));
        assert_eq!((slab.len(), slab.validate()), (2, 3));
        assert!(slab.get(1).is_none());
        assert_eq!(put(&mut slab, 9, 3), 1);
        assert_eq!((slab.len(), slab.validate()), (3, 3));
    }

    #[test]
    fn room_is_never_reserved_past_the_limit() {
        let mut slab = Slab::new();
        for key in 0..100 {
            put(&mut slab, key, 100);
            assert!(slab.entries.capacity() <= 100);
            assert!(slab.nodes.0.capacity() <= 100);
        }
    }
}
