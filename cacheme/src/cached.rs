//! A value with what is known of it.

use std::sync::Arc;
use std::time::Duration;

use crate::tag::Stamp;

/// A value, where it came from and how old it is, as [`get_entry`](crate::Cacheme::get_entry)
/// returns it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cached<V> {
    value: V,
    source: Source,
    age: Duration,
    is_stale: bool,
}

/// A value as a flight ends with it. Where it came from is a name only for who asks.
#[derive(Clone, Debug)]
pub(crate) struct Landed<V> {
    pub(crate) value: V,
    pub(crate) origin: Origin,
    pub(crate) age: Duration,
    /// Whether its time to live is over.
    pub(crate) is_stale: bool,
    /// When it is over, by the monotonic clock.
    pub(crate) until: Option<Duration>,
    /// What ends it before that.
    pub(crate) stamp: Option<Arc<Stamp>>,
    /// Of a node with `lease`, the moment at which it was in its tier, or wasn't older than its source.
    pub(crate) seen: u64,
}

/// The moment of what is as new as anybody may ask for.
pub(crate) const LATEST: u64 = u64::MAX;

/// When a request came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    /// How many invalidations there had been.
    pub(crate) invalidations: u64,
    /// The moment, where the node has `lease`; 0 where it hasn't.
    pub(crate) moment: u64,
}

/// A [`Source`] without the name.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Origin {
    /// The place in the chain.
    Tier(usize),
    Loaded,
    Joined,
}

impl<V> Landed<V> {
    /// As those see it who waited for another request's flight.
    pub(crate) fn joined(self) -> Self {
        let origin = Origin::Joined;
        Self { origin, ..self }
    }

    pub(crate) fn into_value(self) -> V {
        self.value
    }

    /// Whether it may be older than who asked may get: an invalidation that came before the request, here or in another
    /// process, may have ended it.
    pub(crate) fn is_before(&self, asked: Asked) -> bool {
        let stamp = self.stamp.as_ref();
        let is_ended = stamp.is_some_and(|stamp| stamp.ended_before(asked.invalidations));
        is_ended || self.seen < asked.moment
    }

    /// Whether its life has ended.
    pub(crate) fn is_over(&self, now: impl FnOnce() -> Duration) -> bool {
        self.until.is_some_and(|until| until <= now())
    }
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// A tier had it: the one in the storage of this name.
    Tier(Arc<str>),
    /// This request loaded it.
    Loaded,
    /// Another request's flight, which was joined, found or loaded it.
    Joined,
}

impl<V> Cached<V> {
    pub(crate) fn new(value: V, source: Source, age: Duration, is_stale: bool) -> Self {
        Self {
            value,
            source,
            age,
            is_stale,
        }
    }

    /// The value.
    pub fn value(&self) -> &V {
        &self.value
    }

    /// The value, without the rest.
    pub fn into_value(self) -> V {
        self.value
    }

    /// Where the value came from.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// How long before it was found the value had been loaded or put; zero for one that was loaded
    /// now. Copies in nearer tiers are as old as what they were copied from. Where clocks of several
    /// processes have a part in it, it is as right as they are; a remote tier counts in whole
    /// milliseconds.
    pub fn age(&self) -> Duration {
        self.age
    }

    /// Whether its time to live is over: it was kept by the node's `stale`, and its source failed, or took longer than
    /// `soft_timeout`.
    pub fn is_stale(&self) -> bool {
        self.is_stale
    }
}
