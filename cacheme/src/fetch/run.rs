//! What a flight does: read the remote tiers, load what none has, write back, land.
//!
//! One run leads a batch of flights, which for a `get` is a batch of one. Each stage works on all
//! of them at once, so that a tier costs one round trip to read and one to write.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Reads, Source, ValueType};
use crate::chain::{Chain, Link, Remote};
use crate::codec::Cacheable;
use crate::envelope::Seal;
use crate::error::{BoxError, Error, Result};
use crate::flight::{Flight, Flights, catch_panic, panic_message};
use crate::key::Key;
use crate::load::{LoadContext, Loaded};
use crate::node::Node;
use crate::runtime::Cacheme;
use crate::stats::{Miss, NodeEvent};
use crate::storage::{Entry, Found};

pub(super) struct Run<N> {
    pub(super) chain: Arc<Chain>,
    pub(super) flights: Arc<Flights<N>>,
    pub(super) value_type: ValueType,
    pub(super) runtime: Cacheme,
}

/// One flight of the batch.
struct Leg<N: Node, V> {
    flight: Flight<N, V>,
    /// Absent where no tier is remote.
    key: Option<Key>,
}

/// A flight with its value.
struct Arrived<N: Node, V> {
    leg: Leg<N, V>,
    found: Found<V>,
    /// How many tiers, the first ones, don't have the value and get it.
    lacking: usize,
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
        let mut read = Vec::new();
        let mut down = Vec::new();
        if reads == Reads::Tiers {
            (read, open) = self.read(open, &mut down).await;
            self.chain
                .counters
                .add(NodeEvent::Missed, requests - read.len());
        }
        for arrived in &read {
            self.keep_local(arrived);
            arrived.land();
        }
        let loaded = self.load(open, source).await;
        for arrived in &loaded {
            self.keep_local(arrived);
        }
        let all: Vec<_> = read.iter().chain(&loaded).collect();
        for (place, link) in self.chain.tiers.iter().enumerate() {
            match link.remote() {
                // It has just cost its deadline, and would once more.
                Some(_) if down.contains(&place) => link.counters.failed(all.len()),
                Some(remote) => self.keep_remote(place, link, remote, &all).await,
                None => {}
            }
        }
        for arrived in &loaded {
            arrived.land();
        }
    }

    /// Flights whose key can't be written land with that error.
    fn legs<V>(&self, flights: Vec<Flight<N, V>>) -> Vec<Leg<N, V>> {
        let prefix = self.runtime.prefix();
        let leg = |flight: Flight<N, V>| {
            let node = &flight.id().0;
            let key = || Key::of(node, &self.chain.meta, &prefix);
            match self.chain.has_remote().then(key).transpose() {
                Ok(key) => Some(Leg { flight, key }),
                Err(error) => {
                    flight.land(Err(error));
                    None
                }
            }
        };
        flights.into_iter().filter_map(leg).collect()
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
            if open.is_empty() {
                break;
            }
            let answers = self.ask(link, &open).await;
            if matches!(answers.first(), Some(Err(Miss::Unavailable))) {
                down.push(lacking);
            }
            let asked = std::mem::take(&mut open);
            for (leg, answer) in asked.into_iter().zip(answers) {
                match answer {
                    Ok(found) => {
                        link.counters.hit();
                        arrived.push(Arrived {
                            leg,
                            found,
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
            let scope = self.runtime.scope();
            let get = |leg: &Leg<N, V>| cache.find(scope, &leg.flight.id().0);
            return legs.iter().map(get).collect();
        }
        let Some(remote) = link.remote() else {
            return Vec::new();
        };
        let keys: Vec<_> = legs.iter().filter_map(|leg| leg.key.clone()).collect();
        let frames = remote.read(&keys, self.runtime.storage_timeout()).await;
        let answers = keys.iter().zip(frames);
        answers
            .map(|(key, frame)| self.decode(key, &frame?))
            .collect()
    }

    fn seal(&self, key: &Key) -> Seal {
        Seal {
            codec: self.value_type.codec,
            fingerprint: self.value_type.fingerprint,
            digest: Seal::digest(&self.chain.meta, key),
        }
    }

    fn decode<V: Cacheable<N::Codec>>(&self, key: &Key, frame: &[u8]) -> Result<Found<V>, Miss> {
        let (bytes, left) = self.seal(key).open(frame, self.runtime.clock().unix())?;
        let value = quietly(|| V::decode(bytes)).map_err(|_| Miss::Corrupt)?;
        Ok(Found { value, left })
    }

    fn encode<V: Cacheable<N::Codec>>(
        &self,
        key: &Key,
        value: &V,
        ttl: Option<Duration>,
    ) -> Result<Entry, BoxError> {
        let now = self.runtime.clock().unix();
        let encode = |out: &mut Vec<u8>| quietly(|| value.encode(out));
        let frame = self.seal(key).close(now, ttl, encode)?;
        let entry = Entry::new(key.clone(), frame);
        Ok(match ttl {
            Some(ttl) => entry.with_ttl(ttl),
            None => entry,
        })
    }

    /// Loads what is open. Flights whose load failed land with the error.
    async fn load<V: Cacheable<N::Codec>>(
        &self,
        open: Vec<Leg<N, V>>,
        source: Source<N, V>,
    ) -> Vec<Arrived<N, V>> {
        if open.is_empty() {
            return Vec::new();
        }
        let nodes = open.iter().map(|leg| leg.flight.id().0.duplicate());
        let mut loaded = self.call(nodes.collect(), source).await;
        let node = self.chain.meta.name();
        let arrive = |leg: Leg<N, V>| {
            let value = match &mut loaded {
                Ok(loaded) => loaded.take(leg.flight.id()),
                Err(error) => Some(Err(error.clone())),
            };
            match value.unwrap_or_else(|| Err(Error::left_out(node))) {
                Ok(value) => Some(Arrived {
                    leg,
                    found: Found { value, left: None },
                    lacking: self.chain.tiers.len(),
                }),
                Err(error) => {
                    leg.flight.land(Err(error));
                    None
                }
            }
        };
        let asked = open.len();
        let arrived: Vec<_> = open.into_iter().filter_map(arrive).collect();
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
        let loading = catch_panic(async { source(nodes, cx).await });
        let ended = tokio::time::timeout(deadline, loading).await;
        self.chain.counters.called(started.elapsed());
        match ended {
            Ok(Ok(loaded)) => loaded.map_err(|error| Error::load(node, error)),
            Ok(Err(message)) => Err(Error::panic(node, &message)),
            Err(_) => Err(Error::timeout(node, deadline)),
        }
    }

    /// Puts a value into the local tiers that lack it.
    fn keep_local<V: Cacheable<N::Codec>>(&self, arrived: &Arrived<N, V>) {
        let Arrived {
            leg,
            found,
            lacking,
        } = arrived;
        let scope = self.runtime.scope();
        let table = self.flights.lock();
        if !table.lets(&leg.flight) {
            return;
        }
        for link in &self.chain.tiers[..*lacking] {
            if let Some(cache) = link.local() {
                let node = leg.flight.id().0.duplicate();
                cache.put(scope, node, found.value.clone(), link.ttl(found.left));
                link.counters.wrote(1);
            }
        }
    }

    /// Writes the values that one remote tier lacks, in one round trip.
    async fn keep_remote<V: Cacheable<N::Codec>>(
        &self,
        place: usize,
        link: &Link,
        remote: Remote<'_>,
        arrived: &[&Arrived<N, V>],
    ) {
        let mut written = Vec::new();
        let mut entries = Vec::new();
        for arrived in arrived {
            let Some(key) = &arrived.leg.key else {
                continue;
            };
            if arrived.lacking <= place || !arrived.leg.flight.is_current() {
                continue;
            }
            match self.encode(key, &arrived.found.value, link.ttl(arrived.found.left)) {
                Ok(entry) => {
                    written.push((&arrived.leg.flight, key));
                    entries.push(entry);
                }
                Err(_) => link.counters.failed(1),
            }
        }
        if entries.is_empty() {
            return;
        }
        let deadline = self.runtime.storage_timeout();
        remote.write(&entries, deadline).await;
        written.retain(|(flight, _)| !flight.is_current());
        if !written.is_empty() {
            // Voided while it was written. A failure is counted there.
            let keys: Vec<_> = written.into_iter().map(|(_, key)| key.clone()).collect();
            let _ = remote.remove(&keys, deadline).await;
        }
    }
}

impl<N: Node, V: Clone> Arrived<N, V> {
    fn land(&self) {
        self.leg.flight.land(Ok(self.found.value.clone()));
    }
}

/// Calls a codec; a panic in the user's `Serialize` or `Deserialize` is an error.
fn quietly<T>(codec: impl FnOnce() -> Result<T, BoxError>) -> Result<T, BoxError> {
    catch_unwind(AssertUnwindSafe(codec)).unwrap_or_else(|panic| Err(panic_message(&*panic).into()))
}
