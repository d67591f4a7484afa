//! What a flight does: read the remote tiers, load what none has, write back, land.
//!
//! One run leads a batch of flights, which for a `get` is a batch of one. Each stage works on all
//! of them at once, so that a tier costs one round trip to read and one to write.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Reads, Source, ValueType};
use crate::chain::{Chain, Link};
use crate::codec::Cacheable;
use crate::envelope::Seal;
use crate::error::{BoxError, Error, Result};
use crate::flight::{Aim, Flight, Flights, Work, catch_panic, panic_message};
use crate::key::{Key, Keys};
use crate::load::{LoadContext, Loaded};
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
    pub(super) flight: Flight<N, V>,
    /// With the digest of its entries; absent where no tier is remote.
    pub(super) key: Option<(Key, u64)>,
}

/// A flight with its value.
pub(super) struct Arrived<N: Node, V> {
    pub(super) leg: Leg<N, V>,
    pub(super) value: V,
    /// How long it may be kept, by the monotonic clock.
    pub(super) until: Option<Duration>,
    /// How many tiers, the first ones, don't have the value and get it.
    pub(super) lacking: usize,
}

impl<N: Node> Run<N> {
    pub(super) async fn lead<V: Cacheable<N::Codec>>(
        self,
        flights: Vec<Flight<N, V>>,
        source: Source<N, V>,
        reads: Reads,
    ) {
        let requests = flights.len();
        let mut open = self.legs(flights);
        let mut down = Vec::new();
        if reads == Reads::Tiers {
            let read;
            (read, open) = self.read(open, &mut down).await;
            self.chain
                .counters
                .add(NodeEvent::Missed, requests - read.len());
            // Before the load, while they live; and these flights end here.
            self.keep_local(&read);
            if self.lacks_remote(&read) {
                Flight::answer_all(read.iter().map(Arrived::answer));
                self.keep_remote(&read, &down).await;
            }
            Flight::land_all(read.into_iter().map(Arrived::landing));
        }
        if open.is_empty() {
            return;
        }
        let loaded = self.load(open, source).await;
        if reads == Reads::Nothing && !self.runtime.is_enabled() {
            // Caching may be on again before the old values expire.
            self.take_out(&loaded).await;
        }
        self.keep_local(&loaded);
        self.keep_remote(&loaded, &down).await;
        Flight::land_all(loaded.into_iter().map(Arrived::landing));
    }

    /// Flights whose key can't be written land with that error.
    fn legs<V>(&self, flights: Vec<Flight<N, V>>) -> Vec<Leg<N, V>> {
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
                        let Found { value, left } = found;
                        arrived.push(Arrived {
                            leg,
                            value,
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
            .map(|(digest, frame)| self.decode(digest, &frame?, now))
            .collect()
    }

    pub(super) fn seal(&self, digest: u64) -> Seal {
        Seal {
            codec: self.value_type.codec,
            fingerprint: self.value_type.fingerprint,
            digest,
        }
    }

    fn decode<V: Cacheable<N::Codec>>(
        &self,
        digest: u64,
        frame: &[u8],
        now: Duration,
    ) -> Result<Found<V>, Miss> {
        let (bytes, left) = self.seal(digest).open(frame, now)?;
        let value = quietly(|| V::decode(bytes)).map_err(|_| Miss::Corrupt)?;
        Ok(Found { value, left })
    }

    /// Loads what is open. Flights whose load failed land with the error.
    async fn load<V: Cacheable<N::Codec>>(
        &self,
        open: Vec<Leg<N, V>>,
        source: Source<N, V>,
    ) -> Vec<Arrived<N, V>> {
        let nodes = open.iter().map(|leg| leg.flight.aim().node().duplicate());
        let mut loaded = self.call(nodes.collect(), source).await;
        let node = self.chain.meta.name();
        let asked = open.len();
        let (mut arrived, mut failed) = (Vec::with_capacity(asked), Vec::new());
        for leg in open {
            let value = match &mut loaded {
                Ok(loaded) => loaded.take(&leg.flight.aim().id),
                Err(error) => Some(Err(error.clone())),
            };
            match value.unwrap_or_else(|| Err(Error::left_out(node))) {
                Ok(value) => arrived.push(Arrived {
                    leg,
                    value,
                    until: None,
                    lacking: self.chain.tiers.len(),
                }),
                Err(error) => failed.push((leg.flight, Err(error))),
            }
        }
        Flight::land_all(failed);
        let counters = &self.chain.counters;
        counters.add(NodeEvent::Loaded, arrived.len());
        counters.add(NodeEvent::Failed, asked - arrived.len());
        arrived
    }

    /// Calls the loader, which may fail, panic or take too long.
    async fn call<V>(&self, nodes: Vec<N>, source: Source<N, V>) -> Result<Loaded<N, V>> {
        let node = self.chain.meta.name();
        let cx = LoadContext::new(self.runtime.clone(), node);
        let deadline = self.runtime.load_timeout();
        let started = Instant::now();
        let mut loading = pin!(catch_panic(async { source(nodes, cx.clone()).await }));
        let ended = loop {
            match tokio::time::timeout(deadline, &mut loading).await {
                // Its parts have deadlines of their own, so it ends.
                Err(_) if cx.is_split() => {}
                ended => break ended,
            }
        };
        self.chain.counters.called(started.elapsed());
        match ended {
            Ok(Ok(loaded)) => loaded.map_err(|error| Error::load(node, error)),
            Ok(Err(message)) => Err(Error::panic(node, &message)),
            Err(_) => Err(Error::timeout(node, deadline)),
        }
    }
}

impl<N: Node, V: Clone> Arrived<N, V> {
    fn landing(self) -> (Flight<N, V>, Result<V>) {
        (self.leg.flight, Ok(self.value))
    }

    fn answer(&self) -> (&Flight<N, V>, Result<V>) {
        (&self.leg.flight, Ok(self.value.clone()))
    }
}

/// Calls a codec; a panic in the user's `Serialize` or `Deserialize` is an error.
pub(super) fn quietly<T>(codec: impl FnOnce() -> Result<T, BoxError>) -> Result<T, BoxError> {
    catch_unwind(AssertUnwindSafe(codec)).unwrap_or_else(|panic| Err(panic_message(&*panic).into()))
}
