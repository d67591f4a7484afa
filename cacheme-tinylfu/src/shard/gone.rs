//! What left a shard, until its lock is released.
//!
//! The values of users are not dropped and their listener is not called while a shard is locked. Nearly
//! always there is one at most, which allocates nothing.

use crate::listener::Cause;
use crate::slab::Entry;

/// Entries that nobody gets back, and why.
#[derive(Debug)]
pub(crate) struct Gone<K, V> {
    first: Option<(Entry<K, V>, Cause)>,
    rest: Vec<(Entry<K, V>, Cause)>,
}

impl<K, V> Gone<K, V> {
    pub(crate) fn new() -> Self {
        Self {
            first: None,
            rest: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, entry: Entry<K, V>, cause: Cause) {
        if self.first.is_none() {
            self.first = Some((entry, cause));
        } else {
            self.rest.push((entry, cause));
        }
    }

    /// Hands out each entry. Must not be called while a shard is locked.
    #[inline]
    pub(crate) fn for_each(self, mut each: impl FnMut(Entry<K, V>, Cause)) {
        let Some((entry, cause)) = self.first else {
            return;
        };
        each(entry, cause);
        for (entry, cause) in self.rest {
            each(entry, cause);
        }
    }
}
