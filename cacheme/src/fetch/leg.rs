//! One flight of a batch, on its way and when it has its value.

use std::sync::Arc;
use std::time::Duration;

use crate::cached::{LATEST, Landed, Origin};
use crate::error::Result;
use crate::key::{Digest, Key};
use crate::stats::Miss;
use crate::storage::Found;
use crate::tag::{Stamp, Tag};

/// One flight of the batch.
#[derive(Clone, Debug)]
pub(super) struct Leg {
    /// Its place in the group.
    pub(super) place: usize,
    /// With its digest; absent until it is [keyed](Run::keyed), and where no tier is
    /// remote.
    pub(super) key: Option<(Key, Digest)>,
    /// The node's own tags until its value is there, and then the value's.
    pub(super) stamp: Option<Arc<Stamp>>,
    /// Why the first remote tier doesn't have it, where that was seen right before the flight.
    pub(super) lacks: Option<Miss>,
}

/// A flight with its value.
#[derive(Clone)]
pub(super) struct Arrived<V> {
    pub(super) leg: Leg,
    pub(super) value: V,
    pub(super) origin: Origin,
    /// How old it was when it arrived.
    pub(super) age: Duration,
    /// When it arrived, by the monotonic clock; where it was loaded, when that began.
    pub(super) at: Duration,
    /// How long it may be kept, by the monotonic clock.
    pub(super) until: Option<Duration>,
    /// What tells an entry of a remote tier from others.
    pub(super) draw: u64,
    /// As [`Landed::seen`].
    pub(super) seen: u64,
    /// How many tiers, the first ones, don't have the value and get it.
    pub(super) lacking: usize,
    /// Of an old value, for how long it may be used as one, `until` it is asked for again at its source.
    pub(super) stale: Option<Duration>,
}

impl Leg {
    /// The flight of a place.
    pub(super) fn of(place: usize) -> Self {
        Self {
            place,
            key: None,
            stamp: None,
            lacks: None,
        }
    }

    /// The key of its entries in remote tiers.
    pub(super) fn key(&self) -> Option<&Key> {
        self.key.as_ref().map(|(key, _)| key)
    }

    /// The digest of that key.
    pub(super) fn digest(&self) -> Digest {
        self.key
            .as_ref()
            .map_or_else(Digest::default, |(_, digest)| *digest)
    }

    /// Its tags.
    pub(super) fn tags(&self) -> impl Iterator<Item = &Arc<Tag>> + Clone {
        self.stamp.iter().flat_map(|stamp| stamp.tags())
    }

    /// Whether none of its tags has been invalidated.
    pub(super) fn is_current(&self) -> bool {
        self.stamp.as_ref().is_none_or(|stamp| stamp.is_current())
    }

    /// The flight with what a tier gave at this time.
    pub(super) fn arrives<V>(self, found: Found<V>, at: Duration, place: usize) -> Arrived<V> {
        let Found {
            value,
            left,
            age,
            stamp,
            is_stale,
            draw,
        } = found;
        Arrived {
            leg: Self { stamp, ..self },
            value,
            origin: Origin::Tier(place),
            age,
            at,
            until: left.map(|left| at.saturating_add(left)),
            draw,
            seen: LATEST,
            lacking: place,
            stale: left.filter(|_| is_stale),
        }
    }
}

impl<V: Clone> Arrived<V> {
    pub(super) fn landing(self) -> (usize, Result<Landed<V>>) {
        let landed = Landed {
            value: self.value,
            origin: self.origin,
            age: self.age,
            is_stale: self.stale.is_some(),
            until: self.until,
            stamp: self.leg.stamp,
            seen: self.seen,
        };
        (self.leg.place, Ok(landed))
    }

    /// The same, while it is needed here.
    pub(super) fn answer(&self) -> (usize, Result<Landed<V>>) {
        self.clone().landing()
    }
}
