//! A doubly linked list through the nodes of a shard.
//!
//! The links live in the nodes, so moving an entry between lists allocates nothing. Each list stamps
//! its region on the nodes it holds: a node is in exactly the list that its stamp names.

use crate::node::{NONE, Nodes, Region};

/// The ends of a list; the rest is in the nodes.
#[derive(Debug)]
pub(crate) struct List {
    region: Region,
    head: u32,
    tail: u32,
    len: u32,
}

impl List {
    pub(crate) fn new(region: Region) -> Self {
        Self {
            region,
            head: NONE,
            tail: NONE,
            len: 0,
        }
    }

    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    /// The slot that was pushed or moved to the front the longest ago.
    pub(crate) fn back(&self) -> Option<u32> {
        (self.tail != NONE).then_some(self.tail)
    }

    /// Adds a slot that is in no list.
    pub(crate) fn push_front(&mut self, nodes: &mut Nodes, slot: u32) {
        let node = &mut nodes[slot];
        node.prev = NONE;
        node.next = self.head;
        node.region = self.region;
        if self.head == NONE {
            self.tail = slot;
        } else {
            nodes[self.head].prev = slot;
        }
        self.head = slot;
        self.len += 1;
    }

    /// Takes a slot of this list out of it.
    pub(crate) fn remove(&mut self, nodes: &mut Nodes, slot: u32) {
        let node = nodes[slot];
        debug_assert_eq!(node.region, self.region, "slot {slot} is in another list");
        if node.prev == NONE {
            self.head = node.next;
        } else {
            nodes[node.prev].next = node.next;
        }
        if node.next == NONE {
            self.tail = node.prev;
        } else {
            nodes[node.next].prev = node.prev;
        }
        self.len -= 1;
    }

    /// Makes a slot of this list the last one that [`back`](Self::back) will come to.
    pub(crate) fn move_to_front(&mut self, nodes: &mut Nodes, slot: u32) {
        if self.head != slot {
            self.remove(nodes, slot);
            self.push_front(nodes, slot);
        }
    }
}

#[cfg(test)]
impl List {
    /// Walks the whole list, checks every link and stamp, and returns its slots from front to back.
    pub(crate) fn validate(&self, nodes: &Nodes) -> Vec<u32> {
        let mut slots = Vec::new();
        let (mut prev, mut slot) = (NONE, self.head);
        while slot != NONE {
            let node = nodes[slot];
            assert_eq!(node.prev, prev, "slot {slot} has a wrong neighbour");
            assert_eq!(node.region, self.region, "slot {slot} has a wrong stamp");
            assert!(slots.len() < nodes.0.len(), "the list has a cycle");
            slots.push(slot);
            (prev, slot) = (slot, node.next);
        }
        assert_eq!(self.tail, prev, "the tail is not the last node");
        assert_eq!(self.len as usize, slots.len(), "the length is wrong");
        slots
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Deadline;
    use crate::node::Node;

    fn filled(count: u32) -> (List, Nodes) {
        let mut nodes = Nodes(
            (0..count)
                .map(|slot| Node::new(slot.into(), Deadline::NEVER))
                .collect(),
        );
        let mut list = List::new(Region::Recent);
        for slot in 0..count {
            list.push_front(&mut nodes, slot);
        }
        (list, nodes)
    }

    #[test]
    fn slots_come_out_at_the_back_in_the_order_they_went_in() {
        let (list, nodes) = filled(3);
        assert_eq!(list.validate(&nodes), [2, 1, 0]);
        assert_eq!((list.back(), list.len()), (Some(0), 3));
    }

    #[test]
    fn remove_works_at_both_ends_and_between() {
        for (slot, left) in [(0, [2, 1]), (1, [2, 0]), (2, [1, 0])] {
            let (mut list, mut nodes) = filled(3);
            list.remove(&mut nodes, slot);
            assert_eq!(list.validate(&nodes), left);
        }
    }

    #[test]
    fn remove_of_the_last_slot_leaves_an_empty_list() {
        let (mut list, mut nodes) = filled(1);
        list.remove(&mut nodes, 0);
        assert_eq!(list.validate(&nodes), []);
        assert_eq!(list.back(), None);
    }

    #[test]
    fn move_to_front_keeps_the_order_of_the_others() {
        for (slot, order) in [(0, [0, 2, 1]), (1, [1, 2, 0]), (2, [2, 1, 0])] {
            let (mut list, mut nodes) = filled(3);
            list.move_to_front(&mut nodes, slot);
            assert_eq!(list.validate(&nodes), order);
        }
    }
}
