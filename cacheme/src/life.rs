//! How long a value is kept by what its load says, beneath the tiers' own times to live.
//!
//! It travels with the value from the load to where the tiers are filled. It only ever shortens:
//! what several say of one value is the shortest of it.

use std::time::Duration;

use crate::chain::shortest;

/// The longest that a value may be kept, in any tier. Zero is not at all; without one the tiers
/// say it alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Life(Option<Duration>);

impl Life {
    /// That of a value which no tier keeps.
    pub(crate) const NONE: Self = Self(Some(Duration::ZERO));

    pub(crate) fn at_most(ttl: Duration) -> Self {
        Self(Some(ttl))
    }

    /// The shorter one of both.
    pub(crate) fn and(self, other: Self) -> Self {
        Self(shortest(self.0, other.0))
    }

    pub(crate) fn map(self, change: impl FnOnce(Duration) -> Duration) -> Self {
        Self(self.0.map(change))
    }

    /// When the life of a value that begins now ends; `None` is never.
    pub(crate) fn until(self, now: impl FnOnce() -> Duration) -> Option<Duration> {
        self.0.map(|ttl| now().saturating_add(ttl))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_holds_in_any_order() {
        let lives = [None, Some(0), Some(5), Some(9)];
        let life = |ttl: Option<u64>| Life(ttl.map(Duration::from_secs));
        for one in lives {
            for other in lives {
                let shortest = one.into_iter().chain(other).min();
                assert_eq!(life(one).and(life(other)), life(shortest));
            }
        }
    }

    #[test]
    fn a_value_of_which_nothing_is_said_asks_for_no_time() {
        assert_eq!(Life::default().until(|| unreachable!()), None);
    }
}
