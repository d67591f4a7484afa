//! How an entry is used: one bit that readers set, and a count that the policy keeps.
//!
//! It is what makes a hit cheap. A hit changes no list and takes no lock: it sets the bit of its own
//! entry, and while that is set, as that of every hot entry nearly always is, it writes nothing at all.
//! The policy looks at the bit when the entry is next in line to leave, and counts it then.

use std::sync::atomic::{AtomicBool, Ordering};

/// The greatest count.
const MOST: u8 = 15;
/// Bits of a count, above those of the epoch.
const SHIFT: u8 = 4;
const EPOCHS: u8 = 1 << SHIFT;

/// The use of one entry: 2 bytes.
#[derive(Debug, Default)]
pub(crate) struct Mark {
    used: AtomicBool,
    /// The count, and the epoch at which it held, modulo [`EPOCHS`]. It is halved for each epoch since.
    counted: u8,
}

impl Mark {
    /// Notes a use.
    #[inline]
    pub(crate) fn set_used(&self) {
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
    }

    /// Whether there was a use since the last [`take_used`](Self::take_used).
    #[inline]
    pub(crate) fn is_used(&self) -> bool {
        self.used.load(Ordering::Relaxed)
    }

    /// Counts the use that was noted and clears it. Returns whether there was one.
    #[inline]
    pub(crate) fn take_used(&mut self, epoch: u8) -> bool {
        let used = std::mem::take(self.used.get_mut());
        if used {
            self.set_count(self.count(epoch) + 1, epoch);
        }
        used
    }

    /// The count, as it is in this epoch.
    #[inline]
    pub(crate) fn count(&self, epoch: u8) -> u8 {
        let since = epoch.wrapping_sub(self.counted) % EPOCHS;
        (self.counted >> SHIFT)
            .checked_shr(since.into())
            .unwrap_or(0)
    }

    #[inline]
    pub(crate) fn set_count(&mut self, count: u8, epoch: u8) {
        self.counted = (count.min(MOST) << SHIFT) | (epoch % EPOCHS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_count_once_until_they_are_taken() {
        let mut mark = Mark::default();
        mark.set_count(3, 0);
        assert!(!mark.take_used(0));
        mark.set_used();
        mark.set_used();
        assert!(mark.is_used() && mark.take_used(0) && !mark.is_used());
        assert_eq!(mark.count(0), 4);
    }

    #[test]
    fn counts_stop_at_the_most() {
        let mut mark = Mark::default();
        for _ in 0..40 {
            mark.set_used();
            mark.take_used(9);
        }
        assert_eq!(mark.count(9), MOST);
    }

    #[test]
    fn counts_are_halved_for_each_epoch() {
        let mut mark = Mark::default();
        mark.set_count(13, 254);
        let later = [254, 255, 0, 1, 2, 9].map(|epoch| mark.count(epoch));
        assert_eq!(later, [13, 6, 3, 1, 0, 0]);
    }
}
