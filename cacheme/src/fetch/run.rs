//! What a flight does: read the remote tiers, load what none has, write back, land.
//!
//! One run leads a batch of flights, which for a `get` is a batch of one. Each stage works on all
//! of them at once, so that a tier costs one round trip to read and one to write.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::{Reads, Source, ValueType};
use crate::cached::{Landed, Origin};
use crate::chain::Chain;
use crate::codec::Cacheable;
use crate::envelope::{Opened, Seal};
use crate::error::{BoxError, Result};
use crate::flight::Started;
use crate::key::Key;
use crate::node::Node;
use crate::panic::panic_message;
use crate::runtime::{Cacheme, Prefix};
use crate::stats::{Miss, NodeEvent};
use crate::storage::Found;

pub(super) struct Run<N: Node, V> {
    pub(super) started: Started<N, Landed<V>>,
    pub(super) value_type: ValueType,
    pub(super) runtime: Cacheme,
    pub(super) prefix: Prefix,
}

/// One flight of the batch.
pub(super) struct Leg {
    /// Its place in the group.
    pub(super) place: usize,
    /// With the digest of its entries; absent until it is [keyed](Run::keyed), and where no tier is
    /// remote.
    pub(super) key: Option<(Key, u64)>,
}

/// A flight with its value.
pub(super) struct Arrived<V> {
    pub(super) leg: Leg,
    pub(super) value: V,
    pub(super) origin: Origin,
    /// How old it was when it arrived.
    pub(super) age: Duration,
    /// When it arrived, by the monotonic clock.
    pub(super) at: Duration,
    /// How long it may be kept, by the monotonic clock.
    pub(super) until: Option<Duration>,
    /// How many tiers, the first ones, don't have the value and get it.
    pub(super) lacking: usize,
}

impl<N: Node, V: Cacheable<N::Codec>> Run<N, V> {
    pub(super) fn chain(&self) -> &Arc<Chain> {
        self.started.flights().chain()
    }

    pub(super) async fn lead(self, legs: Vec<Leg>, source: Source<N, V>, reads: Reads) {
        let requests = legs.len();
        let mut open = self.keyed(legs);
        let mut down = Vec::new();
        if reads == Reads::Tiers {
            open = self.find(requests, open, &mut down).await;
        }
        if !open.is_empty() {
            // Boxed, so that a flight that finds its value is small.
            Box::pin(self.fill(open, source, reads, &down)).await;
        }
    }

    /// Loads, and puts what was loaded into the tiers but those that are `down`.
    async fn fill(&self, open: Vec<Leg>, source: Source<N, V>, reads: Reads, down: &[usize]) {
        let loaded = self.load(open, source, reads).await;
        if reads == Reads::Nothing {
            self.forget(&loaded).await;
        }
        self.keep_local(&loaded);
        // What couldn't be written is counted, and no failure of the load.
        let _ = self.keep_remote(&loaded, down).await;
        if reads == Reads::Nothing {
            // Those whose life ended meanwhile are in some tiers only.
            self.forget(&loaded).await;
        }
        self.started.land(loaded.into_iter().map(Arrived::landing));
    }

    /// Looks into the tiers. Flights whose value is there land with it, and it goes into the nearer
    /// tiers; the others are returned.
    pub(super) async fn find(
        &self,
        requests: usize,
        open: Vec<Leg>,
        down: &mut Vec<usize>,
    ) -> Vec<Leg> {
        let (read, open) = self.read(open, down).await;
        let missed = requests - read.len();
        self.chain().counters.add(NodeEvent::Missed, missed);
        // Before the load, while they live; and these flights end here.
        self.keep_local(&read);
        if self.lacks_remote(&read) {
            self.started.answer(read.iter().map(Arrived::answer));
            let _ = Box::pin(self.keep_remote(&read, down)).await;
        }
        self.started.land(read.into_iter().map(Arrived::landing));
        open
    }

    /// Gives the flights their keys. Those whose key can't be written land with that error.
    pub(super) fn keyed(&self, mut legs: Vec<Leg>) -> Vec<Leg> {
        if !self.chain().has_remote() {
            return legs;
        }
        let mut keys = self.chain().keys(self.prefix.text());
        let mut failed = Vec::new();
        for leg in &mut legs {
            match keys.of(self.started.aim(leg.place).node()) {
                Ok(key) => leg.key = Some(key),
                Err(error) => failed.push(error),
            }
        }
        if !failed.is_empty() {
            let unwritten = legs.extract_if(.., |leg| leg.key.is_none());
            self.started.land(
                unwritten
                    .zip(failed)
                    .map(|(leg, error)| (leg.place, Err(error))),
            );
        }
        legs
    }

    /// Asks the tiers behind the leading local ones, in order, for what is still open. The places
    /// of those that don't answer go into `down`.
    async fn read(&self, mut open: Vec<Leg>, down: &mut Vec<usize>) -> (Vec<Arrived<V>>, Vec<Leg>) {
        let mut arrived = Vec::new();
        for (place, link) in self.chain().behind() {
            if open.is_empty() || !self.runtime.is_enabled() {
                break;
            }
            let asked = std::mem::take(&mut open);
            arrived.reserve(asked.len());
            if let Some(cache) = link.local() {
                let at = self.runtime.clock().monotonic();
                for leg in asked {
                    let aim = self.started.aim(leg.place);
                    match link.counted(cache.find(aim.scope, aim.node())) {
                        Some(found) => arrived.push(leg.arrives(found, at, place)),
                        None => open.push(leg),
                    }
                }
            } else if let Some(remote) = link.remote() {
                let keys = asked
                    .iter()
                    .filter_map(|leg| Some(leg.key.as_ref()?.0.clone()));
                let keys: Vec<_> = keys.collect();
                let frames = remote.read(keys).await;
                if matches!(frames.first(), Some(Err(Miss::Unavailable))) {
                    down.push(place);
                }
                let at = self.runtime.clock().monotonic();
                let now = remote.now(&**self.runtime.clock());
                for (leg, frame) in asked.into_iter().zip(frames) {
                    let digest = leg.key.as_ref().map_or(0, |(_, digest)| *digest);
                    let decode =
                        |frame: Bytes| self.value_type.decode::<V, N::Codec>(digest, &frame, now);
                    match link.counted(frame.and_then(decode)) {
                        Some(found) => arrived.push(leg.arrives(found, at, place)),
                        None => open.push(leg),
                    }
                }
            }
        }
        (arrived, open)
    }
}

impl Leg {
    /// The flight of a place.
    pub(super) fn of(place: usize) -> Self {
        Self { place, key: None }
    }

    /// The flight with what a tier gave at this time.
    fn arrives<V>(self, found: Found<V>, at: Duration, place: usize) -> Arrived<V> {
        let Found { value, left, age } = found;
        Arrived {
            leg: self,
            value,
            origin: Origin::Tier(place),
            age,
            at,
            until: left.map(|left| at.saturating_add(left)),
            lacking: place,
        }
    }
}

impl<V: Clone> Arrived<V> {
    pub(super) fn landing(self) -> (usize, Result<Landed<V>>) {
        let landed = Landed {
            value: self.value,
            origin: self.origin,
            age: self.age,
        };
        (self.leg.place, Ok(landed))
    }

    pub(super) fn answer(&self) -> (usize, Result<Landed<V>>) {
        let landed = Landed {
            value: self.value.clone(),
            origin: self.origin,
            age: self.age,
        };
        (self.leg.place, Ok(landed))
    }
}

impl ValueType {
    /// What an entry with this digest has to show.
    pub(super) fn seal(&self, digest: u64) -> Seal {
        Seal {
            codec: self.codec,
            fingerprint: self.fingerprint,
            digest,
        }
    }

    /// Reads the value in a frame, by the time of its storage.
    pub(super) fn decode<V: Cacheable<C>, C>(
        &self,
        digest: u64,
        frame: &[u8],
        now: Duration,
    ) -> Result<Found<V>, Miss> {
        let Opened { value, left, age } = self.seal(digest).open(frame, now)?;
        let value = quietly(|| V::decode(value)).map_err(|_| Miss::Corrupt)?;
        Ok(Found { value, left, age })
    }
}

/// Calls a codec; a panic in the user's `Serialize` or `Deserialize` is an error.
pub(super) fn quietly<T>(codec: impl FnOnce() -> Result<T, BoxError>) -> Result<T, BoxError> {
    catch_unwind(AssertUnwindSafe(codec)).unwrap_or_else(|panic| Err(panic_message(&*panic).into()))
}
