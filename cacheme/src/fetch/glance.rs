//! What a request does before it boards: read the first remote tier for all that nobody is loading.
//!
//! Flights make loads one per key, and keep stale values out of the tiers. An entry that a remote tier has needs no load,
//! so it needs no flight, which for small values would cost as much as reading them. What the tier doesn't
//! have boards then, and its flights don't ask the tier again unless a flight has ended meanwhile, which may have written
//! there. What it has goes into the local tiers before it by the rules of a flight: unless something happened to the node
//! since before the read ([`Table`](crate::flight::Table) knows by its turns).

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::mem;
use std::thread;
use std::time::Duration;

use super::get_all::{Values, Wanted};
use super::leg::{Arrived, Leg};
use super::marks::Marks;
use super::tier::Request;
use super::{Fetch, Loader, Reads, Source};
use crate::cached::Landed;
use crate::chain::Remote;
use crate::codec::Cacheable;
use crate::error::{Error, Result};
use crate::flight::{Aim, Flights, Group, Hashed, Purpose, Table, Waiting};
use crate::key::{Digest, Key, KeyBatch};
use crate::lease::There;
use crate::node::Node;
use crate::prefix::Prefix;
use crate::runtime::Cacheme;
use crate::stats::{Miss, NodeEvent};
use crate::sync::Handle;

/// What a batch has looked for in the first remote tier, in vain.
#[derive(Default)]
pub(super) struct Looked {
    /// The table's turn before.
    since: u64,
    /// Why the tier doesn't have the nodes, in their order; nothing for one that wasn't looked for.
    reasons: Vec<Option<Miss>>,
}

/// The nodes of a batch that the leading local tiers didn't have, before any of them boards.
struct Sorted<N: Node, V> {
    /// The table's turn when it was asked.
    since: u64,
    /// Those that are to be looked for.
    open: Vec<Wanted<N>>,
    /// Those that are there once more: the place in the result, and that of the first one.
    twins: Vec<(usize, usize)>,
    /// Those that others' flights are under way for: the place in the result.
    joined: Vec<(usize, Waiting<N, V>)>,
}

/// Nodes that are being looked for. When the batch is dropped meanwhile they board all the same, so that who asks with
/// little patience has them in a nearer tier in the end.
struct Looking<'a, N: Node, V: Cacheable<N::Codec>> {
    fetch: &'a Fetch<N>,
    request: Request<'a>,
    tokio: Handle,
    load: Option<Loader<N, V>>,
    open: Vec<Wanted<N>>,
}

impl Looked {
    /// Why the first remote tier doesn't have the node of a place, unless it may have it by now.
    pub(super) fn lacks<N: Node>(
        &self,
        table: &Table<N>,
        aim: &Aim<N>,
        place: usize,
    ) -> Option<Miss> {
        let reason = (*self.reasons.get(place)?)?;
        table.is_as_seen(aim, self.since).then_some(reason)
    }
}

impl<N: Node> Fetch<N> {
    /// The tier that batches read before they board, with its place, if they may. What has to do with tags of nodes and
    /// with old values is left to flights.
    pub(super) fn glanced_at(&self, runtime: &Cacheme) -> Option<(usize, Remote<'_>)> {
        let meta = &self.chain.meta;
        let is_plain = meta.tags().is_empty()
            && meta.stale().is_none()
            && meta.soft_timeout().is_none()
            && !meta.is_renewed()
            && meta.lease().is_none();
        if !is_plain || !runtime.is_enabled() {
            return None;
        }
        let (place, first) = self.chain.behind().next()?;
        Some((place, first.remote()?))
    }

    /// Gets the missing values: from the first remote tier, and what that doesn't have from flights.
    pub(super) async fn glance<V: Cacheable<N::Codec>>(
        &self,
        request: Request<'_>,
        tier: (usize, Remote<'_>),
        values: &mut Values<V>,
        missing: Vec<Wanted<N>>,
        load: impl Fn() -> Loader<N, V>,
    ) -> Result<()> {
        let tokio = self.tokio()?;
        let Sorted {
            since,
            open,
            twins,
            joined,
        } = self.sort(request, missing);
        if !open.is_empty() {
            let looking = Looking {
                fetch: self,
                request,
                tokio,
                load: Some(load()),
                open,
            };
            let (missing, looked) = looking.look(tier, values, since).await;
            self.miss_all(request, values, missing, looked, &load)
                .await?;
        }
        if !joined.is_empty() {
            let joined = joined.into_iter();
            let missing = self.join_all(request, values, joined, None).await;
            let looked = Looked::default();
            self.miss_all(request, values, missing, looked, load)
                .await?;
        }
        for (place, first) in twins {
            let value = values[first].clone();
            values[place] = value;
        }
        Ok(())
    }

    /// Gets one value: from the first remote tier, and if that doesn't have it from a flight.
    pub(super) async fn glance_one<V: Cacheable<N::Codec>>(
        &self,
        runtime: &Cacheme,
        tier: (usize, Remote<'_>),
        (prefix, aim): (&Prefix, Aim<N>),
        load: impl Fn() -> Loader<N, V>,
    ) -> Result<V> {
        let request = self.request::<V>(runtime, prefix)?;
        self.chain.counters.add(NodeEvent::Passed, 1);
        let mut values = vec![None];
        self.glance(request, tier, &mut values, vec![(0, aim)], load)
            .await?;
        let value = values.pop().flatten();
        value.unwrap_or_else(|| Err(Error::lost(self.chain.meta.name())))
    }

    /// Sets aside what isn't looked for.
    fn sort<V: Cacheable<N::Codec>>(
        &self,
        request: Request<'_>,
        mut open: Vec<Wanted<N>>,
    ) -> Sorted<N, Landed<V>> {
        let (runtime, asked) = (request.runtime, request.asked());
        let twins = take_twins(&mut open);
        let (mut since, mut joined) = (None, Vec::new());
        for nodes in open.chunks(Flights::<N>::AT_ONCE) {
            let before = joined.len();
            let mut table = self.flights.lock();
            since.get_or_insert_with(|| table.look());
            if table.is_idle() {
                break;
            }
            for (place, aim) in nodes {
                if let Some(waiting) = Self::joins(runtime, &table, aim, asked) {
                    joined.push((*place, waiting));
                }
            }
            drop(table);
            for (_, waiting) in &joined[before..] {
                waiting.share();
            }
        }
        // Both are in the order of places.
        let mut aside = joined.iter().map(|(place, _)| *place).peekable();
        open.retain(|(place, _)| aside.next_if_eq(place).is_none());
        // Counted before the wait, which may be cancelled.
        let joins = joined.len() + twins.len();
        self.chain.counters.add(NodeEvent::Joined, joins);
        Sorted {
            since: since.unwrap_or(0),
            open,
            twins,
            joined,
        }
    }

    /// Puts what the first remote tier gave into the local tiers before it, if nothing happened to the node since.
    fn let_in<V: Cacheable<N::Codec>>(
        &self,
        runtime: &Cacheme,
        aim: &Aim<N>,
        arrived: &Arrived<V>,
        since: u64,
    ) {
        let mut table = self.flights.lock();
        // One that is there already may be newer.
        if runtime.is_enabled() && table.lets_in(aim, since) && self.landed::<V>(aim).is_none() {
            let draw = table.draw(1);
            arrived.keep_local(&self.chain, aim, draw, runtime.clock().monotonic());
        }
    }
}

impl<N: Node, V: Cacheable<N::Codec>> Looking<'_, N, V> {
    /// Reads entries, and returns the nodes that the tier doesn't have.
    async fn look(
        mut self,
        (tier, remote): (usize, Remote<'_>),
        values: &mut Values<V>,
        since: u64,
    ) -> (Vec<Wanted<N>>, Looked) {
        let Self { fetch, request, .. } = self;
        let (mut missing, keys, digests) = self.keyed();
        let mut reasons = vec![None; missing.len()];
        let (there, mut marks) = (request.of(remote, Duration::ZERO), Marks::default());
        let frames = there.read_plain(&mut marks, keys, &digests).await;
        let (at, now) = (request.runtime.clock().monotonic(), there.now());
        let asked = digests.len();
        let open = mem::take(&mut self.open);
        for (((place, aim), digest), frame) in open.into_iter().zip(digests).zip(frames) {
            let open = |entry: There| there.open_plain::<V, N::Codec>(&marks, digest, &entry, now);
            match frame.and_then(open) {
                Ok(found) if tier == 0 => values[place] = Some(Ok(found.value)),
                Ok(found) => {
                    let arrived = Leg::of(place).arrives(found, at, tier);
                    fetch.let_in(request.runtime, &aim, &arrived, since);
                    values[place] = Some(Ok(arrived.value));
                }
                Err(reason) => {
                    missing.push((place, aim));
                    reasons.push(Some(reason));
                }
            }
        }
        remote.found(asked - reasons.iter().flatten().count());
        (missing, Looked { since, reasons })
    }

    /// The nodes whose keys can't be written, and the keys of the others, with their digests.
    fn keyed(&mut self) -> (Vec<Wanted<N>>, Vec<Key>, Vec<Digest>) {
        let mut keys = self.fetch.chain.keys(self.request.prefix.text());
        let (mut batch, mut digests) = (KeyBatch::of(self.open.len()), Vec::new());
        digests.reserve(self.open.len());
        let unwritable = self.open.extract_if(.., |(_, aim)| {
            let digest = keys.append(aim.node(), &mut batch);
            digest.map(|digest| digests.push(digest)).is_err()
        });
        (unwritable.collect(), batch.into_keys(), digests)
    }
}

impl<N: Node, V: Cacheable<N::Codec>> Drop for Looking<'_, N, V> {
    fn drop(&mut self) {
        let Self { fetch, request, .. } = self;
        let Some(load) = self.load.take().filter(|_| !self.open.is_empty()) else {
            return;
        };
        if thread::panicking() {
            return;
        }
        let aims = mem::take(&mut self.open).into_iter();
        let aims = aims.map(|(_, aim)| aim);
        let group = Group::many(&fetch.flights, Purpose::Load, aims);
        let boarded = fetch.board_all(
            request.runtime,
            &group,
            (request.asked(), &Looked::default()),
        );
        let Some(started) = boarded.started else {
            return;
        };
        let work = started.work().clone();
        // Its type of value is known by now.
        if let Ok(run) = fetch.run::<V>(request.runtime, request.prefix, started) {
            let run = run.lead(boarded.legs, Source::Own(load), Reads::Tiers);
            // Without anybody who leads it, it is a task.
            drop(work.lead(Box::pin(run), self.tokio.clone()));
        }
    }
}

/// Takes out what is there once more: its place in the result, and that of the first one.
fn take_twins<N: Node>(open: &mut Vec<Wanted<N>>) -> Vec<(usize, usize)> {
    let mut twins = Vec::new();
    if open.len() < 2 {
        return twins;
    }
    let mut seen: HashMap<u64, usize, Hashed> =
        HashMap::with_capacity_and_hasher(open.len(), Hashed::default());
    for (index, (place, aim)) in open.iter().enumerate() {
        match seen.entry(aim.hash()) {
            Entry::Vacant(entry) => {
                entry.insert(index);
            }
            Entry::Occupied(entry) => {
                let (first, other) = &open[*entry.get()];
                // Another node may have the same hash. It is looked for as often as it is there.
                if other == aim {
                    twins.push((*place, *first));
                }
            }
        }
    }
    let mut aside = twins.iter().map(|(place, _)| *place).peekable();
    open.retain(|(place, _)| aside.next_if_eq(place).is_none());
    twins
}
