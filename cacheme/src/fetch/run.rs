//! What a flight does: read the remote tiers, load what none has, write back, land.
//!
//! One run leads a batch of flights, which for a `get` is a batch of one. Each stage works on all
//! of them at once, so that a tier costs one round trip to read and one to write.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::{Reads, Source, ValueType};
use crate::cached::{self, Cached};
use crate::chain::{Chain, Link};
use crate::codec::Cacheable;
use crate::envelope::{Opened, Seal};
use crate::error::{BoxError, Result};
use crate::flight::{Aim, Flight, Flights, Work, panic_message};
use crate::key::{Key, Keys};
use crate::node::Node;
use crate::runtime::{Cacheme, Prefix};
use crate::stats::{Miss, NodeEvent};
use crate::storage::Found;

pub(super) struct Run<N> {
    pub(super) chain: Arc<Chain>,
    pub(super) flights: Arc<Flights<N>>,
    pub(super) value_type: ValueType,
    pub(super) runtime: Cacheme,
    pub(super) prefix: Arc<Prefix>,
    pub(super) work: Work,
}

/// One flight of the batch.
pub(super) struct Leg<N: Node, V> {
    pub(super) flight: Flight<N, Cached<V>>,
    /// With the digest of its entries; absent where no tier is remote.
    pub(super) key: Option<(Key, u64)>,
}

/// A flight with its value.
pub(super) struct Arrived<N: Node, V> {
    pub(super) leg: Leg<N, V>,
    pub(super) value: V,
    pub(super) source: cached::Source,
    /// How old it was when it arrived.
    pub(super) age: Duration,
    /// When it arrived, by the monotonic clock.
    pub(super) at: Duration,
    /// How long it may be kept, by the monotonic clock.
    pub(super) until: Option<Duration>,
    /// How many tiers, the first ones, don't have the value and get it.
    pub(super) lacking: usize,
}

impl<N: Node> Run<N> {
    pub(super) async fn lead<V: Cacheable<N::Codec>>(
        self,
        flights: Vec<Flight<N, Cached<V>>>,
        source: Source<N, V>,
        reads: Reads,
    ) {
        let requests = flights.len();
        let mut open = self.legs(flights);
        let mut down = Vec::new();
        if reads == Reads::Tiers {
            open = self.find(requests, open, &mut down).await;
        }
        if open.is_empty() {
            return;
        }
        let loaded = self.load(open, source).await;
        if reads == Reads::Nothing {
            self.forget(&loaded).await;
        }
        self.keep_local(&loaded);
        // What couldn't be written is counted, and no failure of the load.
        let _ = self.keep_remote(&loaded, &down).await;
        if reads == Reads::Nothing {
            // Those whose life ended meanwhile are in some tiers only.
            self.forget(&loaded).await;
        }
        Flight::land_all(loaded.into_iter().map(Arrived::landing));
    }

    /// Looks into the tiers. Flights whose value is there land with it, and it goes into the nearer
    /// tiers; the others are returned.
    pub(super) async fn find<V: Cacheable<N::Codec>>(
        &self,
        requests: usize,
        open: Vec<Leg<N, V>>,
        down: &mut Vec<usize>,
    ) -> Vec<Leg<N, V>> {
        let (read, open) = self.read(open, down).await;
        let missed = requests - read.len();
        self.chain.counters.add(NodeEvent::Missed, missed);
        // Before the load, while they live; and these flights end here.
        self.keep_local(&read);
        if self.lacks_remote(&read) {
            Flight::answer_all(read.iter().map(Arrived::answer));
            let _ = self.keep_remote(&read, down).await;
        }
        Flight::land_all(read.into_iter().map(Arrived::landing));
        open
    }

    /// Flights whose key can't be written land with that error.
    pub(super) fn legs<V>(&self, flights: Vec<Flight<N, Cached<V>>>) -> Vec<Leg<N, V>> {
        let leg = |flight| Leg { flight, key: None };
        let mut legs: Vec<_> = flights.into_iter().map(leg).collect();
        if !self.chain.has_remote() {
            return legs;
        }
        let mut keys = Keys::new(&self.chain.meta, &self.prefix.text);
        let mut failed = Vec::new();
        for leg in &mut legs {
            match keys.of(leg.flight.aim().node()) {
                Ok(key) => leg.key = Some(key),
                Err(error) => failed.push(error),
            }
        }
        if !failed.is_empty() {
            let unwritten = legs.extract_if(.., |leg| leg.key.is_none());
            Flight::land_all(
                unwritten
                    .zip(failed)
                    .map(|(leg, error)| (leg.flight, Err(error))),
            );
        }
        legs
    }

    /// Asks the tiers behind the leading local ones, in order, for what is still open. The places
    /// of those that don't answer go into `down`.
    async fn read<V: Cacheable<N::Codec>>(
        &self,
        mut open: Vec<Leg<N, V>>,
        down: &mut Vec<usize>,
    ) -> (Vec<Arrived<N, V>>, Vec<Leg<N, V>>) {
        let mut arrived = Vec::new();
        for (lacking, link) in self.chain.behind() {
            if open.is_empty() || !self.runtime.is_enabled() {
                break;
            }
            let answers = self.ask(link, &open).await;
            if matches!(answers.first(), Some(Err(Miss::Unavailable))) {
                down.push(lacking);
            }
            let asked = std::mem::take(&mut open);
            let now = self.runtime.clock().monotonic();
            for (leg, answer) in asked.into_iter().zip(answers) {
                match answer {
                    Ok(found) => {
                        link.counters.hit();
                        let Found { value, left, age } = found;
                        arrived.push(Arrived {
                            leg,
                            value,
                            source: cached::Source::Tier(Arc::clone(link.name())),
                            age,
                            at: now,
                            until: left.map(|left| now.saturating_add(left)),
                            lacking,
                        });
                    }
                    Err(reason) => {
                        link.counters.miss(reason);
                        open.push(leg);
                    }
                }
            }
        }
        (arrived, open)
    }

    /// Asks one tier, in one round trip if it is remote.
    async fn ask<V: Cacheable<N::Codec>>(
        &self,
        link: &Link,
        legs: &[Leg<N, V>],
    ) -> Vec<Result<Found<V>, Miss>> {
        if let Some(cache) = link.local() {
            let find = |aim: &Aim<N>| cache.find(aim.scope, aim.node());
            let get = |leg: &Leg<N, V>| find(leg.flight.aim());
            return legs.iter().map(get).collect();
        }
        let Some(remote) = link.remote() else {
            return Vec::new();
        };
        let sealed = legs.iter().filter_map(|leg| leg.key.clone());
        let (keys, digests): (Vec<_>, Vec<_>) = sealed.unzip();
        let frames = remote.read(&keys, self.runtime.storage_timeout()).await;
        let now = remote.now(&**self.runtime.clock());
        let answers = digests.into_iter().zip(frames);
        answers
            .map(|(digest, frame)| self.value_type.decode::<V, N::Codec>(digest, &frame?, now))
            .collect()
    }
}

impl<N: Node, V: Clone> Arrived<N, V> {
    pub(super) fn landing(self) -> (Flight<N, Cached<V>>, Result<Cached<V>>) {
        let entry = Cached::new(self.value, self.source, self.age);
        (self.leg.flight, Ok(entry))
    }

    pub(super) fn answer(&self) -> (&Flight<N, Cached<V>>, Result<Cached<V>>) {
        let entry = Cached::new(self.value.clone(), self.source.clone(), self.age);
        (&self.leg.flight, Ok(entry))
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
