//! What sets the entries of a node that were ended all at once apart from those that came later.

use std::sync::atomic::{AtomicU64, Ordering};

use twox_hash::XxHash3_64;

use crate::switch::NOWHERE;

/// A part of the [scope](crate::prefix::Prefix::scope) of a node's entries in process: after a step those of before
/// aren't found any more.
#[derive(Debug, Default)]
pub(crate) struct Epoch(AtomicU64);

impl Epoch {
    /// An odd number whose multiples are all different, with no pattern in their bits.
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

    /// Begins the next one.
    pub(crate) fn next(&self) {
        self.0.fetch_add(Self::STEP, Ordering::Release);
    }

    /// The scope of entries of this epoch, within that one.
    #[inline]
    pub(crate) fn within(&self, scope: u64) -> u64 {
        scope ^ self.0.load(Ordering::Acquire)
    }

    /// The scope of a runtime's entries in this epoch, of a prefix of this id. It has nothing in common with those of other
    /// epochs, so that no [step](Self::next) of a node leads back to one of them.
    pub(crate) fn of(&self, id: u64) -> u64 {
        match self.0.load(Ordering::Acquire) {
            0 => id,
            epoch => XxHash3_64::oneshot_with_seed(epoch, &id.to_le_bytes()).clamp(1, NOWHERE - 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_scope_comes_back() {
        let mut seen = HashSet::new();
        for id in [0, 1, 2] {
            let runtime = Epoch::default();
            for _ in 0..30 {
                let node = Epoch::default();
                for _ in 0..30 {
                    assert!(seen.insert(node.within(runtime.of(id))));
                    node.next();
                }
                runtime.next();
            }
        }
        assert!(!seen.contains(&NOWHERE));
    }
}
