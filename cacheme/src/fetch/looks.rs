//! Which nodes single requests are looking for in a remote tier, so that many requests for one node at a time don't each
//! look for it: the first one does, and the others share a flight.

use crate::sync::{AtomicBool, OnceLock, Ordering};

/// Nodes by parts of their hashes. One that shares a part with another only goes by a flight while that is looked for.
#[derive(Default)]
pub(super) struct Looks(OnceLock<Box<[AtomicBool]>>);

/// A look that is under way, until it is dropped.
pub(super) struct Look<'a>(&'a AtomicBool);

const PARTS: usize = 1024;

impl Looks {
    /// Begins to look for the node of a hash, unless somebody does.
    pub(super) fn begin(&self, hash: u64) -> Option<Look<'_>> {
        let new = || (0..PARTS).map(|_| AtomicBool::new(false)).collect();
        let parts = self.0.get_or_init(new);
        let part = usize::try_from(hash % PARTS as u64).unwrap_or(0);
        let is_looked_for = parts[part].swap(true, Ordering::Relaxed);
        (!is_looked_for).then(|| Look(&parts[part]))
    }
}

impl Drop for Look<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

impl std::fmt::Debug for Looks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Looks").finish_non_exhaustive()
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_looked_for_once_at_a_time() {
        let looks = Looks::default();
        let (one, other) = (looks.begin(1), looks.begin(2));
        assert!(one.is_some() && other.is_some() && looks.begin(1).is_none());
        drop(one);
        assert!(looks.begin(1).is_some() && looks.begin(2).is_none());
    }
}
