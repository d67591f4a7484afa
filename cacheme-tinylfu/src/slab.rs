//! Where a shard's entries are kept: slots that are used again and never move.
//!
//! The table and the lists refer to entries by slot. A slot is either free, and then in the chain of
//! free ones, or it holds an entry, and then a list of the policy has it. All that a hit needs of an
//! entry is side by side: with small keys and values, in one cache line. The slab grows with use and
//! never past its limit, so an empty cache of any capacity takes next to no memory.

use std::ops::{Index, IndexMut};

use crate::cpu::prefetch;
use crate::mark::Mark;

/// The slot that no entry has. Marks the ends of lists.
pub(crate) const NONE: u32 = u32::MAX;

/// A key and its value.
#[derive(Debug)]
pub(crate) struct Entry<K, V> {
    pub(crate) key: K,
    pub(crate) value: V,
}

/// Which list of the policy holds an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Region {
    /// New entries.
    Window,
    /// Those that may leave next; all of those of [`Policy::Lru`](crate::Policy::Lru).
    Probation,
    /// Those that were used while they were next.
    Protected,
}

/// An entry, and what the cache knows of it: 16 bytes.
#[derive(Debug)]
pub(crate) struct Node<K, V> {
    pub(crate) key: K,
    pub(crate) value: V,
    /// The upper half of the key's hash, kept so that growing the table runs no user code.
    pub(crate) upper: u32,
    /// The neighbour nearer to the front of the list.
    pub(crate) prev: u32,
    /// The neighbour nearer to the back of the list.
    pub(crate) next: u32,
    pub(crate) region: Region,
    pub(crate) mark: Mark,
}

#[derive(Debug)]
enum Slot<K, V> {
    Held(Node<K, V>),
    /// Names the free slot that comes next.
    Free(u32),
}

/// Entries by slot.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Slab<K, V> {
    slots: Vec<Slot<K, V>>,
    /// The weight of each slot's entry; empty where every entry weighs one.
    weights: Vec<u32>,
    free: u32,
    len: usize,
}

impl<K, V> Slab<K, V> {
    pub(crate) fn new() -> Self {
        Self {
            slots: Vec::new(),
            weights: Vec::new(),
            free: NONE,
            len: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Keeps an entry in a free slot, or in a new one of at most `limit`. It is in no list yet.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a shard's capacity fits in a slot index, and the slab is never longer"
    )]
    pub(crate) fn insert(&mut self, entry: Entry<K, V>, upper: u32, limit: usize) -> u32 {
        let node = Node {
            key: entry.key,
            value: entry.value,
            upper,
            prev: NONE,
            next: NONE,
            region: Region::Window,
            mark: Mark::default(),
        };
        self.len += 1;
        if let Some(Slot::Free(next)) = self.slots.get(self.free as usize) {
            let slot = self.free;
            self.free = *next;
            self.slots[slot as usize] = Slot::Held(node);
            return slot;
        }
        if self.slots.len() == self.slots.capacity() {
            let room = (self.slots.len() * 2).max(4).min(limit.max(1));
            self.slots
                .reserve_exact(room.saturating_sub(self.slots.len()));
        }
        self.slots.push(Slot::Held(node));
        (self.slots.len() - 1) as u32
    }

    /// What the entry of a slot weighs.
    #[inline]
    pub(crate) fn weight(&self, slot: u32) -> u64 {
        self.weights
            .get(slot as usize)
            .map_or(1, |&weight| weight.into())
    }

    /// Sets what the entry of a slot weighs. The slot must be in no list.
    pub(crate) fn set_weight(&mut self, slot: u32, weight: u32) {
        let at = slot as usize;
        if at >= self.weights.len() {
            if weight == 1 {
                return;
            }
            self.weights.resize(self.slots.len(), 1);
        }
        self.weights[at] = weight;
    }

    /// Puts a value in the place of the one that the slot holds, and returns that one.
    pub(crate) fn replace(&mut self, slot: u32, entry: Entry<K, V>) -> Entry<K, V> {
        let node = &mut self[slot];
        let key = std::mem::replace(&mut node.key, entry.key);
        let value = std::mem::replace(&mut node.value, entry.value);
        Entry { key, value }
    }

    /// Frees a slot that no list holds any more, and returns its entry.
    pub(crate) fn remove(&mut self, slot: u32) -> Entry<K, V> {
        let held = std::mem::replace(&mut self.slots[slot as usize], Slot::Free(self.free));
        let Slot::Held(Node { key, value, .. }) = held else {
            vacant(slot)
        };
        self.free = slot;
        self.len -= 1;
        Entry { key, value }
    }

    /// The entry of a slot, if it has one.
    #[inline]
    pub(crate) fn get(&self, slot: u32) -> Option<&Node<K, V>> {
        match self.slots.get(slot as usize) {
            Some(Slot::Held(node)) => Some(node),
            _ => None,
        }
    }

    /// Asks for a slot's entry.
    #[inline]
    pub(crate) fn prefetch(&self, slot: u32) {
        if let Some(held) = self.slots.get(slot as usize) {
            prefetch(held);
        }
    }

    /// All entries with their slots, in no order that means anything.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Node<K, V>)> {
        (0..)
            .zip(&self.slots)
            .filter_map(|(slot, held)| match held {
                Slot::Held(node) => Some((slot, node)),
                Slot::Free(_) => None,
            })
    }
}

impl<K, V> Index<u32> for Slab<K, V> {
    type Output = Node<K, V>;

    #[inline]
    fn index(&self, slot: u32) -> &Node<K, V> {
        match &self.slots[slot as usize] {
            Slot::Held(node) => node,
            Slot::Free(_) => vacant(slot),
        }
    }
}

impl<K, V> IndexMut<u32> for Slab<K, V> {
    #[inline]
    fn index_mut(&mut self, slot: u32) -> &mut Node<K, V> {
        match &mut self.slots[slot as usize] {
            Slot::Held(node) => node,
            Slot::Free(_) => vacant(slot),
        }
    }
}

#[cold]
fn vacant(slot: u32) -> ! {
    unreachable!("slot {slot} is free")
}

#[cfg(test)]
impl<K, V> Slab<K, V> {
    /// Checks that the free slots are chained, each once, and that the length is right.
    pub(crate) fn validate(&self) {
        let mut free = self.free;
        let mut count = 0;
        while let Some(Slot::Free(next)) = self.slots.get(free as usize) {
            count += 1;
            assert!(count <= self.slots.len(), "the chain has a cycle");
            free = *next;
        }
        assert_eq!(free, NONE, "the chain ends in a slot that is held");
        assert_eq!(self.iter().count(), self.len);
        assert_eq!(self.len + count, self.slots.len(), "a free slot is lost");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(slab: &mut Slab<u64, u64>, key: u64, limit: usize) -> u32 {
        slab.insert(Entry { key, value: key }, 0, limit)
    }

    #[test]
    fn freed_slots_are_used_before_new_ones() {
        let mut slab = Slab::new();
        let slots: Vec<u32> = (0..3).map(|key| put(&mut slab, key, 3)).collect();
        assert_eq!(slots, [0, 1, 2]);
        assert_eq!(slab.remove(1).key, 1);
        slab.validate();
        assert_eq!(put(&mut slab, 9, 3), 1);
        assert_eq!(slab.len(), 3);
        slab.validate();
    }

    #[test]
    fn room_is_never_reserved_past_the_limit() {
        let mut slab = Slab::new();
        for key in 0..100 {
            put(&mut slab, key, 100);
            assert!(slab.slots.capacity() <= 100);
        }
    }

    #[test]
    fn entry_takes_the_bytes_that_the_docs_state() {
        assert_eq!(size_of::<Slot<u64, u64>>(), 16 + 16);
    }

    #[test]
    fn weights_are_of_the_slot_they_were_set_for() {
        let mut slab = Slab::new();
        let slots = [0, 1, 2].map(|key| put(&mut slab, key, 3));
        slab.set_weight(slots[1], 7);
        assert_eq!(slots.map(|slot| slab.weight(slot)), [1, 7, 1]);
        slab.set_weight(slots[1], 1);
        assert_eq!(slots.map(|slot| slab.weight(slot)), [1, 1, 1]);
    }
}
