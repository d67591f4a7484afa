//! How long a value is kept by what its load says, beneath the tiers' own times to live.
//!
//! It travels with the value from the load to where the tiers are filled. It only ever shortens:
//! what several say of one value is the shortest time, and all of the tags.

use std::sync::Arc;
use std::time::Duration;

use crate::chain::shortest;

/// The longest that a value may be kept, in any tier.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Life {
    /// Zero is not at all; without one the tiers say it alone.
    ttl: Option<Duration>,
    /// The names of tags whose invalidation ends it.
    tags: Vec<Arc<str>>,
}

impl Life {
    /// That of a value which no tier keeps.
    pub(crate) const NONE: Self = Self {
        ttl: Some(Duration::ZERO),
        tags: Vec::new(),
    };

    pub(crate) fn at_most(ttl: Duration) -> Self {
        let tags = Vec::new();
        Self {
            ttl: Some(ttl),
            tags,
        }
    }

    /// As long as the tags of these names aren't invalidated.
    pub(crate) fn of_tags(tags: impl IntoIterator<Item = Arc<str>>) -> Self {
        let tags = tags.into_iter().collect();
        Self { ttl: None, tags }
    }

    /// What ends when one of both does.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.ttl = shortest(self.ttl, other.ttl);
        self.tags.extend(other.tags);
        self
    }

    pub(crate) fn map(mut self, change: impl FnOnce(Duration) -> Duration) -> Self {
        self.ttl = self.ttl.map(change);
        self
    }

    /// When the life of a value that begins now ends at the latest; `None` is never.
    pub(crate) fn until(&self, now: impl FnOnce() -> Duration) -> Option<Duration> {
        self.ttl.map(|ttl| now().saturating_add(ttl))
    }

    /// The names of its tags.
    pub(crate) fn tags(&self) -> &[Arc<str>] {
        &self.tags
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_holds_in_any_order() {
        let lives = [None, Some(0), Some(5), Some(9)];
        let life = |ttl: Option<u64>| Life {
            ttl: ttl.map(Duration::from_secs),
            ..Life::default()
        };
        for one in lives {
            for other in lives {
                let shortest = one.into_iter().chain(other).min();
                assert_eq!(life(one).and(life(other)), life(shortest));
            }
        }
    }

    #[test]
    fn all_of_the_tags_hold() {
        let tags = Life::of_tags(["one".into()]).and(Life::of_tags(["two".into()]));
        assert_eq!(tags.tags(), ["one".into(), "two".into()]);
    }

    #[test]
    fn a_value_of_which_nothing_is_said_asks_for_no_time() {
        assert_eq!(Life::default().until(|| unreachable!()), None);
    }
}
