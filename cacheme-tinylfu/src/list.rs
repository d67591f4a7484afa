//! A doubly linked list through the entries of a shard.
//!
//! The links live in the entries, so moving one between lists allocates nothing. Each list stamps its
//! region on the entries it holds: an entry is in exactly the list that its stamp names.

use crate::slab::{NONE, Region, Slab};

/// The ends of a list and the weight of all that is in it; the rest is in the entries.
#[derive(Debug)]
pub(crate) struct List {
    region: Region,
    head: u32,
    tail: u32,
    weight: u64,
}

impl List {
    pub(crate) fn new(region: Region) -> Self {
        Self {
            region,
            head: NONE,
            tail: NONE,
            weight: 0,
        }
    }

    pub(crate) fn weight(&self) -> u64 {
        self.weight
    }

    /// The slot that was pushed the longest ago.
    pub(crate) fn back(&self) -> Option<u32> {
        (self.tail != NONE).then_some(self.tail)
    }

    /// The slot that was pushed last.
    pub(crate) fn front(&self) -> Option<u32> {
        (self.head != NONE).then_some(self.head)
    }

    /// All slots, those first that were pushed the longest ago.
    pub(crate) fn iter_from_back<K, V>(&self, slab: &Slab<K, V>) -> impl Iterator<Item = u32> {
        std::iter::successors(self.back(), |&slot| {
            let prev = slab[slot].prev;
            (prev != NONE).then_some(prev)
        })
    }

    /// Adds a slot that is in no list.
    pub(crate) fn push_front<K, V>(&mut self, slab: &mut Slab<K, V>, slot: u32) {
        let node = &mut slab[slot];
        node.prev = NONE;
        node.next = self.head;
        node.region = self.region;
        if self.head == NONE {
            self.tail = slot;
        } else {
            slab[self.head].prev = slot;
        }
        self.head = slot;
        self.weight += slab.weight(slot);
    }

    /// Takes the slot out that was pushed the longest ago.
    pub(crate) fn pop_back<K, V>(&mut self, slab: &mut Slab<K, V>) -> Option<u32> {
        let slot = self.back()?;
        let prev = slab[slot].prev;
        self.tail = prev;
        if prev == NONE {
            self.head = NONE;
        } else {
            slab[prev].next = NONE;
        }
        self.weight -= slab.weight(slot);
        Some(slot)
    }

    /// Takes a slot of this list out of it.
    pub(crate) fn remove<K, V>(&mut self, slab: &mut Slab<K, V>, slot: u32) {
        let node = &slab[slot];
        debug_assert_eq!(node.region, self.region, "slot {slot} is in another list");
        let (prev, next) = (node.prev, node.next);
        if prev == NONE {
            self.head = next;
        } else {
            slab[prev].next = next;
        }
        if next == NONE {
            self.tail = prev;
        } else {
            slab[next].prev = prev;
        }
        self.weight -= slab.weight(slot);
    }
}

#[cfg(test)]
impl List {
    /// Walks the whole list, checks every link and stamp, and returns its slots from front to back.
    pub(crate) fn validate<K, V>(&self, slab: &Slab<K, V>) -> Vec<u32> {
        let mut slots = Vec::new();
        let (mut prev, mut slot) = (NONE, self.head);
        while slot != NONE {
            let node = &slab[slot];
            assert_eq!(node.prev, prev, "slot {slot} has a wrong neighbour");
            assert_eq!(node.region, self.region, "slot {slot} has a wrong stamp");
            assert!(slots.len() < slab.len(), "the list has a cycle");
            slots.push(slot);
            (prev, slot) = (slot, node.next);
        }
        assert_eq!(self.tail, prev, "the tail is not the last node");
        let weight: u64 = slots.iter().map(|&slot| slab.weight(slot)).sum();
        assert_eq!(self.weight, weight, "the weight is wrong");
        slots
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slab::Entry;

    fn filled(count: u32) -> (List, Slab<u32, u32>) {
        let mut slab = Slab::new();
        let mut list = List::new(Region::Probation);
        for key in 0..count {
            let slot = slab.insert(Entry { key, value: key }, key, 100);
            list.push_front(&mut slab, slot);
        }
        (list, slab)
    }

    #[test]
    fn slots_come_out_at_the_back_in_the_order_they_went_in() {
        let (list, slab) = filled(3);
        assert_eq!(list.validate(&slab), [2, 1, 0]);
        assert_eq!((list.back(), list.weight()), (Some(0), 3));
    }

    #[test]
    fn remove_works_at_both_ends_and_between() {
        for (slot, left) in [(0, [2, 1]), (1, [2, 0]), (2, [1, 0])] {
            let (mut list, mut slab) = filled(3);
            list.remove(&mut slab, slot);
            assert_eq!(list.validate(&slab), left);
        }
    }

    #[test]
    fn remove_of_the_last_slot_leaves_an_empty_list() {
        let (mut list, mut slab) = filled(1);
        list.remove(&mut slab, 0);
        assert_eq!(list.validate(&slab), []);
        assert_eq!((list.back(), list.weight()), (None, 0));
    }
}
