//! When a value is renewed before its time to live ends, by who asks for it then.
//!
//! The moment is random, so that the processes of a fleet that have the same value don't renew it at the same time.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use crate::jitter::unit;

/// From which part of its life on a value is renewed, and the randomness.
#[derive(Debug)]
pub(crate) struct Renewal {
    from: f64,
    random: RandomState,
}

impl Renewal {
    /// `None` unless `from` is above 0 and below 1.
    pub(crate) fn new(from: f64) -> Option<Self> {
        let random = RandomState::new();
        (from > 0.0 && from < 1.0).then_some(Self { from, random })
    }

    /// The moment of a value with such a life, between that part of it and the middle of the rest. `draw` tells it
    /// from others.
    pub(crate) fn moment(&self, life: Duration, draw: u64) -> Duration {
        let span = (1.0 - self.from) / 2.0;
        life.mul_f64(self.from + span * unit(self.random.hash_one(draw)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_between_the_part_and_the_middle_of_the_rest() {
        let renewal = Renewal::new(0.8).expect("a part");
        let moments = (0..1000).map(|draw| renewal.moment(Duration::from_secs(1000), draw));
        let moments: Vec<_> = moments.map(|moment| moment.as_secs()).collect();
        assert!(moments.iter().all(|moment| (800..=900).contains(moment)));
        let early = moments.iter().filter(|moment| **moment < 850).count();
        assert!((400..600).contains(&early), "{early}");
    }

    #[test]
    fn is_a_part() {
        for from in [0.0, 1.0, -1.0, f64::NAN] {
            assert!(Renewal::new(from).is_none(), "{from}");
        }
    }
}
