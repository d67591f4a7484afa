//! Least recently used: one list, the last used at its front, and the back leaves.

use crate::list::List;
use crate::node::{Nodes, Region};

#[derive(Debug)]
pub(crate) struct Lru {
    recent: List,
}

impl Lru {
    pub(crate) fn new() -> Self {
        Self {
            recent: List::new(Region::Recent),
        }
    }

    pub(crate) fn hit(&mut self, nodes: &mut Nodes, slot: u32) {
        self.recent.move_to_front(nodes, slot);
    }

    pub(crate) fn victim(&self) -> Option<u32> {
        self.recent.back()
    }

    pub(crate) fn insert(&mut self, nodes: &mut Nodes, slot: u32) {
        self.recent.push_front(nodes, slot);
    }

    pub(crate) fn remove(&mut self, nodes: &mut Nodes, slot: u32) {
        self.recent.remove(nodes, slot);
    }
}

#[cfg(test)]
impl Lru {
    pub(crate) fn validate(&self, nodes: &Nodes) -> Vec<u32> {
        self.recent.validate(nodes)
    }
}
