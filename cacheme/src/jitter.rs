//! A random part of each entry's time to live taken off, so that entries that were written together
//! don't expire together.
//!
//! The part belongs to a number that the entry's flight has: all tiers of one entry ask by the same
//! number, so theirs is the same, and nothing has to be carried along.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// The largest part that is taken off, and the randomness.
#[derive(Debug)]
pub(crate) struct Jitter {
    most: f64,
    random: RandomState,
}

impl Jitter {
    /// `None` unless `most` is above 0 and at most 1.
    pub(crate) fn new(most: f64) -> Option<Self> {
        let random = RandomState::new();
        (most > 0.0 && most <= 1.0).then_some(Self { most, random })
    }

    /// `ttl` less the part that belongs to `draw`; never zero for a `ttl` that isn't.
    pub(crate) fn shortened(&self, ttl: Duration, draw: u64) -> Duration {
        let part = self.most * unit(self.random.hash_one(draw));
        ttl.saturating_sub(ttl.mul_f64(part))
            .max(ttl.min(Duration::from_millis(1)))
    }
}

/// The upper bits as a number from 0 to below 1.
pub(crate) fn unit(bits: u64) -> f64 {
    /// What an `f64` holds exactly.
    const BITS: u32 = 53;
    #[expect(clippy::cast_precision_loss, reason = "both fit")]
    let unit = (bits >> (u64::BITS - BITS)) as f64 / (1_u64 << BITS) as f64;
    unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_up_to_its_part_off_and_evenly() {
        let jitter = Jitter::new(0.25).expect("a part");
        let ttl = Duration::from_secs(1000);
        let mut tenths = [0; 10];
        for draw in 0..10_000 {
            let short = jitter.shortened(ttl, draw);
            assert!(
                Duration::from_secs(750) < short && short <= ttl,
                "{short:?}"
            );
            assert_eq!(short, jitter.shortened(ttl, draw));
            let tenth = ttl.saturating_sub(short).as_secs() / 25;
            tenths[usize::try_from(tenth).expect("below 10")] += 1;
        }
        // 1000 each, with a standard deviation of 30.
        assert!(
            tenths.iter().all(|count| (800..1200).contains(count)),
            "{tenths:?}"
        );
    }

    #[test]
    fn takes_any_time() {
        let jitter = Jitter::new(1.0).expect("a part");
        for draw in 0..1000 {
            for ttl in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
                let short = jitter.shortened(ttl, draw);
                assert!(short <= ttl && short.is_zero() == ttl.is_zero());
            }
        }
    }

    #[test]
    fn is_a_part() {
        for most in [0.0, -0.1, 1.01, f64::NAN, f64::INFINITY] {
            assert!(Jitter::new(most).is_none(), "{most}");
        }
    }
}
