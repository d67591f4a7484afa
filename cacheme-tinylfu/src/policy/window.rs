//! How much of the capacity the window gets, learned from what either side loses.
//!
//! Two things happen that say what a change would bring. A key is asked for again soon after its entry
//! left the window: had the window been longer by as much, that were a hit. Or an entry of probation,
//! the part of main that loses if the window grows, is found used. The first makes the window larger by
//! a step, the second smaller, so that it comes to rest where both are worth the same. This needs no
//! count of hits, which Caffeine's hill climbing does (Einziger, Eytan, Friedman and Manes, "Adaptive
//! Software Cache Management", Middleware 2018), and works as fast as evictions come.

const LEAST: f64 = 0.01;
const MOST: f64 = 0.9;
/// The step of a cache of one entry, as a share of its capacity. In larger ones it falls with the square
/// root of the entries, as the noise of what is counted does.
const STEP: f64 = 0.015;
/// How soon is soon: within as many insertions as a fifth of the entries.
const SOON: u32 = 5;
/// The bounds of how much more or less a used entry of probation counts, where that is short or long.
const WORTH: (f64, f64) = (0.25, 4.0);

/// The window's share of the capacity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct WindowShare(f64);

impl WindowShare {
    pub(super) fn new() -> Self {
        Self(LEAST)
    }

    /// The share of a capacity: room for something at least.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a share of a capacity is positive and need not be exact"
    )]
    pub(super) fn of(self, capacity: u64) -> u64 {
        ((capacity as f64 * self.0) as u64).max(1)
    }

    /// A key came back after so many insertions that left the window without a place in main.
    pub(super) fn came_back(&mut self, since: u64, entries: usize) {
        if since < (entries as u64 / u64::from(SOON)).max(1) {
            self.shift(1.0, entries);
        }
    }

    /// An entry was found used that is in probation, which has this part of all weight.
    pub(super) fn was_used(&mut self, probation: f64, entries: usize) {
        let worth = 1.0 / (probation * f64::from(SOON));
        self.shift(-worth.clamp(WORTH.0, WORTH.1), entries);
    }

    #[expect(clippy::cast_precision_loss, reason = "a step need not be exact")]
    fn shift(&mut self, steps: f64, entries: usize) {
        let step = STEP / (entries.max(1) as f64).sqrt();
        self.0 = (self.0 + steps * step).clamp(LEAST, MOST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn share_stays_within_its_bounds() {
        let mut share = WindowShare::new();
        share.was_used(0.5, 1);
        assert_eq!(share.of(1000), 10);
        (0..100_000).for_each(|_| share.came_back(199, 1000));
        assert_eq!(share.of(1000), 900);
        assert_eq!((share.of(1), share.of(0)), (1, 1));
    }

    #[test]
    fn keys_that_come_back_late_change_nothing() {
        let mut share = WindowShare(0.5);
        share.came_back(200, 1000);
        assert_eq!(share, WindowShare(0.5));
        share.came_back(199, 1000);
        assert!(share.of(1_000_000) > 500_000);
    }

    #[test]
    fn used_entries_of_a_short_probation_count_more() {
        let after = |probation| {
            let mut share = WindowShare(0.5);
            share.was_used(probation, 100);
            share.of(1_000_000)
        };
        assert!(after(0.1) < after(0.2));
        assert_eq!(after(0.0), after(0.001), "but not without bound");
    }
}
