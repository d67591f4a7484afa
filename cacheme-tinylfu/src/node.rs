//! What the cache knows of an entry besides its key and value.
//!
//! Nodes are kept apart from entries so that lists and policies are compiled once, not once for each
//! pair of key and value types, and so that walking a list never pulls user data into the CPU's cache.
//! Nodes are addressed by `u32` slots, which are half the size of pointers and need no unsafe code.

use std::ops::{Index, IndexMut};

use crate::clock::Deadline;

/// The slot that no node has. Marks the ends of lists.
pub(crate) const NONE: u32 = u32::MAX;

/// Which list holds a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Region {
    /// No entry is in the slot.
    Free,
    /// The only list of [`Lru`](crate::policy::Lru).
    Recent,
    /// New entries of [`TinyLfu`](crate::policy::TinyLfu).
    Window,
    /// Its entries that were admitted and not used since.
    Probation,
    /// Its entries that were used after they were admitted.
    Protected,
}

/// One slot's hash, deadline and place in a list: 32 bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    /// The key's hash, kept so that growing the table runs no user code.
    pub(crate) hash: u64,
    pub(crate) deadline: Deadline,
    /// The neighbour nearer to the front of the list.
    pub(crate) prev: u32,
    /// The neighbour nearer to the back of the list.
    pub(crate) next: u32,
    pub(crate) region: Region,
}

impl Node {
    pub(crate) fn new(hash: u64, deadline: Deadline) -> Self {
        Self {
            hash,
            deadline,
            prev: NONE,
            next: NONE,
            region: Region::Free,
        }
    }
}

/// All nodes of a shard, by slot.
#[derive(Debug, Default)]
pub(crate) struct Nodes(pub(crate) Vec<Node>);

impl Index<u32> for Nodes {
    type Output = Node;

    fn index(&self, slot: u32) -> &Node {
        &self.0[slot as usize]
    }
}

impl IndexMut<u32> for Nodes {
    fn index_mut(&mut self, slot: u32) -> &mut Node {
        &mut self.0[slot as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_takes_the_bytes_that_the_readme_states() {
        assert_eq!(size_of::<Node>(), 32);
    }
}
