//! Many values at once.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::time::Instant;

use super::glance::Looked;
use super::leg::Leg;
use super::tier::Request;
use super::{Boarding, Fetch, Loader, Reads, Source};
use crate::cached::{Asked, Landed};
use crate::codec::Cacheable;
use crate::error::{Error, Result};
use crate::flight::{Aim, Flights, Group, Purpose, Started, Table, Waiting};
use crate::load::Load;
use crate::node::{Id, Node};
use crate::prefix::Prefix;
use crate::runtime::Cacheme;
use crate::stats::NodeEvent;

impl Cacheme {
    /// The values of `nodes`, in their order; a node that is there twice gives its value twice.
    ///
    /// What local tiers have comes from there. The rest is one batch: one read per remote tier,
    /// one [`load_all`](Load::load_all) for what none has, one write per tier. Nodes that are
    /// being loaded for other callers are waited for instead, and callers of those that this batch
    /// loads wait for it. `nodes` is read before the first await.
    ///
    /// # Errors
    ///
    /// The error of the first node, in their order, that could not be loaded; the values of the
    /// others are in their tiers by then, or on their way. Otherwise as [`get`](Self::get).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe, as [`get`](Self::get).
    pub fn get_all<N, I>(&self, nodes: I) -> impl Future<Output = Result<Vec<N::Value>>> + Send
    where
        N: Load,
        I: IntoIterator<Item = N>,
    {
        let nodes: Vec<N> = nodes.into_iter().collect();
        async move {
            let fetch = self.fetch::<N>()?;
            let outcomes = fetch.batch(self, nodes, load_all::<N>).await?;
            outcomes.into_iter().flatten().collect()
        }
    }
}

/// The result of a batch, growing: what became of each node.
pub(super) type Values<V> = Vec<Option<Result<V>>>;

/// A node and the place in the result that its value goes to.
pub(super) type Wanted<N> = (usize, Aim<N>);

/// What became of the nodes of a batch that the leading local tiers didn't have.
pub(super) struct Boarded<N: Node, V> {
    /// The flights that this batch leads.
    pub(super) started: Option<Started<N, V>>,
    pub(super) legs: Vec<Leg>,
    /// Nodes that are there once more: the place in the group, and that of the flight.
    twins: Vec<(usize, usize)>,
    /// Nodes that others' flights are under way for: the place in the group.
    joined: Vec<(usize, Waiting<N, V>)>,
}

impl<N: Node> Fetch<N> {
    /// What became of each node, in their order; `load` gives those that no tier has.
    pub(crate) async fn batch<V: Cacheable<N::Codec>>(
        &self,
        runtime: &Cacheme,
        nodes: Vec<N>,
        load: impl Fn() -> Loader<N, V>,
    ) -> Result<Values<V>> {
        let prefix = self.prefix(runtime);
        let (mut values, missing) = if runtime.is_enabled() {
            let (values, missing, due) = self.split(prefix.scope, nodes);
            if !due.is_empty() {
                self.renew_soon(runtime, due, Source::Own(load()));
            }
            (values, missing)
        } else {
            let values = vec![None; nodes.len()];
            let aims = nodes.into_iter();
            let aims = aims.map(|node| self.flights.aim(prefix.scope, Id(node)));
            (values, aims.enumerate().collect())
        };
        if missing.is_empty() {
            return Ok(values);
        }
        let request = self.request::<V>(runtime, &prefix)?;
        let counters = &self.chain().counters;
        counters.add(NodeEvent::Passed, missing.len());
        // Boxed, so that the future of a batch of hits is small.
        if let Some(tier) = self.glanced_at(runtime) {
            let look = self.glance(request, tier, &mut values, missing, load);
            Box::pin(look).await?;
        } else {
            let looked = Looked::default();
            let miss = self.miss_all(request, &mut values, missing, looked, load);
            Box::pin(miss).await?;
        }
        Ok(values)
    }

    /// What a request that begins now has in common for all tiers.
    pub(super) fn request<'a, V: Cacheable<N::Codec>>(
        &'a self,
        runtime: &'a Cacheme,
        prefix: &'a Prefix,
    ) -> Result<Request<'a>> {
        Ok(Request {
            runtime,
            prefix,
            value_type: self.value_type::<V>()?,
            since: runtime.tags().now(),
            moment: self.asked(runtime).moment,
            chain: &self.chain,
        })
    }

    /// Takes what the leading local tiers have. The nodes in the third place are to be renewed.
    fn split<V: Cacheable<N::Codec>>(
        &self,
        scope: u64,
        nodes: Vec<N>,
    ) -> (Values<V>, Vec<Wanted<N>>, Vec<N>) {
        let mut values = Vec::with_capacity(nodes.len());
        let (mut missing, mut due) = (Vec::new(), Vec::new());
        for (place, node) in nodes.into_iter().enumerate() {
            let hit = self.hit(scope, &node).or_else(|| {
                let value = self.due(scope, &node)?;
                due.push(node.duplicate());
                Some(value)
            });
            values.push(hit.map(Ok));
            if values[place].is_none() {
                missing.push((place, self.flights.aim(scope, Id(node))));
            }
        }
        (values, missing, due)
    }

    /// Gets the missing values from flights, which know what was looked for before.
    pub(super) async fn miss_all<V: Cacheable<N::Codec>>(
        &self,
        mut request: Request<'_>,
        values: &mut Values<V>,
        mut missing: Vec<Wanted<N>>,
        mut looked: Looked,
        load: impl Fn() -> Loader<N, V>,
    ) -> Result<()> {
        let Request {
            runtime, prefix, ..
        } = request;
        let patience = self.patience();
        while !missing.is_empty() {
            let (wanted, aims): (Vec<_>, Vec<_>) = std::mem::take(&mut missing).into_iter().unzip();
            let group = Group::many(&self.flights, Purpose::Load, aims);
            request.since = runtime.tags().now();
            let looked = std::mem::take(&mut looked);
            let boarded = self.board_all(runtime, &group, (request.asked(), &looked));
            let mut old = HashMap::new();
            if let Some(started) = boarded.started {
                let (source, reads) = (Source::Own(load()), Reads::Tiers);
                let led = self.depart(runtime, prefix, started, boarded.legs, source, reads)?;
                let over = led.until(group.over());
                let over = self
                    .or_all_old(runtime, prefix, &group, patience, over)
                    .await;
                old.extend(over.err().into_iter().flatten());
            }
            let mut lost = None;
            group.hand_out(|place, outcome| {
                let outcome = outcome.or_else(|| {
                    let old = old.remove(&place)?;
                    self.count_stale(&old);
                    Some(Ok(old))
                });
                let outcome = outcome.unwrap_or_else(|| {
                    let new = || Error::lost(self.chain().meta.name());
                    Err(lost.get_or_insert_with(new).clone())
                });
                values[wanted[place]] = Some(outcome.map(Landed::into_value));
            });
            for (place, flight) in boarded.twins {
                let value = values[wanted[flight]].clone();
                values[wanted[place]] = value;
            }
            let joined = boarded.joined.into_iter();
            let joined = joined.map(|(place, waiting)| (wanted[place], waiting));
            missing = self.join_all(request, values, joined, patience).await;
        }
        Ok(())
    }

    /// Waits for others' flights. What they don't give is wanted anew, and counted.
    pub(super) async fn join_all<V: Cacheable<N::Codec>>(
        &self,
        request: Request<'_>,
        values: &mut Values<V>,
        joined: impl Iterator<Item = (usize, Waiting<N, Landed<V>>)>,
        patience: Option<Instant>,
    ) -> Vec<Wanted<N>> {
        let Request {
            runtime, prefix, ..
        } = request;
        let mut missing = Vec::new();
        for (place, waiting) in joined {
            let outcome = waiting.outcome();
            let outcome = self
                .or_old(runtime, prefix, waiting.aim(), patience, outcome)
                .await;
            match outcome.unwrap_or_else(|old| Some(Ok(old))) {
                // It was invalidated before this request, and loaded before that.
                Some(Ok(landed)) if landed.is_before(request.asked()) => {
                    missing.push((place, waiting.aim().clone()));
                }
                Some(outcome) => values[place] = Some(outcome.map(Landed::into_value)),
                // Its tokio runtime is gone: a request anew, and somebody has to lead.
                None => missing.push((place, waiting.aim().clone())),
            }
        }
        self.chain().counters.add(NodeEvent::Passed, missing.len());
        missing
    }

    /// Joins the flights that are under way, and starts one for each of the other nodes.
    pub(super) fn board_all<V: Cacheable<N::Codec>>(
        &self,
        runtime: &Cacheme,
        group: &Arc<Group<N, Landed<V>>>,
        (asked, looked): (Asked, &Looked),
    ) -> Boarded<N, Landed<V>> {
        let mut boarded = Boarded {
            started: None,
            legs: Vec::with_capacity(group.len()),
            twins: Vec::new(),
            joined: Vec::new(),
        };
        let mut places = 0..group.len();
        while !places.is_empty() {
            let before = boarded.joined.len();
            let mut table = self.flights.lock();
            for place in places.by_ref().take(Flights::<N>::AT_ONCE) {
                let start = |table: &mut Table<N>| {
                    let lacks = looked.lacks(table, group.aim(place), place);
                    let started = boarded.started.get_or_insert_with(|| table.open(group));
                    table.start(started, place);
                    Leg {
                        lacks,
                        ..Leg::of(place)
                    }
                };
                match self.board(runtime, &mut table, group.aim(place), asked, start) {
                    Boarding::There(landed) => group.give(place, Some(Ok(landed))),
                    Boarding::Joins(waiting) if waiting.is_of(group) => {
                        boarded.twins.push((place, waiting.place()));
                    }
                    Boarding::Joins(waiting) => boarded.joined.push((place, waiting)),
                    Boarding::Leads(leg) => boarded.legs.push(leg),
                }
            }
            drop(table);
            for (_, waiting) in &boarded.joined[before..] {
                waiting.share();
            }
        }
        // These have no flight of their own.
        let joined = boarded.joined.iter().map(|(place, _)| place);
        for &place in joined.chain(boarded.twins.iter().map(|(place, _)| place)) {
            group.give(place, None);
        }
        // Counted before the wait, which may be cancelled.
        let joined = group.len() - boarded.legs.len();
        self.chain().counters.add(NodeEvent::Joined, joined);
        boarded
    }
}

/// The source of a batch.
pub(super) fn load_all<N: Load>() -> Loader<N, N::Value> {
    Box::new(|nodes, cx| {
        Box::pin(async move {
            let loaded = N::load_all(&nodes, &cx).await;
            loaded.map_err(|error| Error::load(cx.node(), error))
        })
    })
}
