//! When a value is renewed before its time to live ends, by who asks for it then.
//!
//! The moment is random, so that the processes of a fleet that have the same value don't renew it at the same time.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use crate::jitter::unit;

/// When a value is renewed, and the randomness.
#[derive(Debug)]
pub(crate) struct Renewal {
    rule: Rule,
    random: RandomState,
}

#[derive(Clone, Copy, Debug)]
enum Rule {
    /// From this part of its life on.
    At(f64),
    /// So many times as long before its end as a load takes.
    XFetch(f64),
}

impl Renewal {
    /// From this part of a life on; `None` unless it is above 0 and below 1.
    pub(crate) fn at(part: f64) -> Option<Self> {
        (part > 0.0 && part < 1.0).then(|| Self::by(Rule::At(part)))
    }

    /// By how long a load takes; `None` unless `beta` is above 0.
    pub(crate) fn xfetch(beta: f64) -> Option<Self> {
        (beta > 0.0 && beta.is_finite()).then(|| Self::by(Rule::XFetch(beta)))
    }

    fn by(rule: Rule) -> Self {
        let random = RandomState::new();
        Self { rule, random }
    }

    /// The moment of a value with such a life, whose load takes so long. `draw` tells it from others.
    ///
    /// From a part of its life on, it is between that and the middle of the rest. By how long loads take, it is before
    /// its end by a time that is exponentially distributed, and not before the middle of its life.
    pub(crate) fn moment(
        &self,
        life: Duration,
        draw: u64,
        load: impl FnOnce() -> Duration,
    ) -> Duration {
        let unit = unit(self.random.hash_one(draw));
        match self.rule {
            Rule::At(part) => life.mul_f64(part + (1.0 - part) / 2.0 * unit),
            Rule::XFetch(beta) => {
                // Not of 0, which has none.
                let ahead = load().as_secs_f64() * beta * -(1.0 - unit).ln();
                let ahead = Duration::try_from_secs_f64(ahead).unwrap_or(life);
                life.saturating_sub(ahead.min(life / 2))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_between_the_part_and_the_middle_of_the_rest() {
        let renewal = Renewal::at(0.8).expect("a part");
        let moment = |draw| renewal.moment(Duration::from_secs(1000), draw, || Duration::MAX);
        let moments = (0..1000).map(moment);
        let moments: Vec<_> = moments.map(|moment| moment.as_secs()).collect();
        assert!(moments.iter().all(|moment| (800..=900).contains(moment)));
        let early = moments.iter().filter(|moment| **moment < 850).count();
        assert!((400..600).contains(&early), "{early}");
    }

    #[test]
    fn is_a_part() {
        for from in [0.0, 1.0, -1.0, f64::NAN] {
            assert!(Renewal::at(from).is_none(), "{from}");
        }
        for beta in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(Renewal::xfetch(beta).is_none(), "{beta}");
        }
    }

    #[test]
    fn xfetch_is_as_far_ahead_as_loads_take() {
        let life = Duration::from_secs(1000);
        let mean = |beta, load: u64| {
            let renewal = Renewal::xfetch(beta).expect("above 0");
            let load = || Duration::from_secs(load);
            let ahead =
                (0..10_000).map(|draw| life.saturating_sub(renewal.moment(life, draw, load)));
            ahead.sum::<Duration>().as_secs_f64() / 10_000.0
        };
        let ratio = mean(1.0, 10) / 10.0;
        assert!((0.95..1.05).contains(&ratio), "{ratio}");
        let ratio = mean(3.0, 10) / 30.0;
        assert!((0.95..1.05).contains(&ratio), "{ratio}");
        // Most would be before it began.
        let mean = mean(1.0, 100_000) / 500.0;
        assert!((0.95..=1.0).contains(&mean), "{mean}");
        let renewal = Renewal::xfetch(1.0).expect("above 0");
        assert_eq!(renewal.moment(life, 1, || Duration::ZERO), life);
    }
}
