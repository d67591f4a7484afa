//! Values that tiers keep beyond their time to live: for requests whose load fails, or takes longer than they wait.

use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::Fetch;
use super::leg::{Arrived, Leg};
use super::marks::Marks;
use super::run::Run;
use super::tier::Request;
use crate::cached::Landed;
use crate::chain::Chain;
use crate::codec::Cacheable;
use crate::error::Error;
use crate::flight::{Aim, Group};
use crate::node::Node;
use crate::prefix::Prefix;
use crate::race::{First, first};
use crate::runtime::Cacheme;
use crate::stats::NodeEvent;
use crate::storage::Found;

/// How long an old value that was returned for a failed load is one that needs no load, in local tiers: so often at most
/// a source that fails is asked for it.
const PAUSE: Duration = Duration::from_secs(1);

/// A value that a tier keeps.
struct Kept<V> {
    leg: Leg,
    found: Found<V>,
    /// The tier's place in the chain.
    place: usize,
}

/// What the nearest tiers keep of these nodes, not counted.
async fn kept<'n, N: Node, V: Cacheable<N::Codec>>(
    chain: &Chain,
    request: Request<'_>,
    mut open: Vec<Leg>,
    node: impl Fn(usize) -> &'n N,
) -> Vec<Kept<V>> {
    let stale = chain.meta.stale().unwrap_or_default();
    let mut kept = Vec::new();
    for (place, link) in chain.tiers.iter().enumerate() {
        if open.is_empty() {
            break;
        }
        let asked = std::mem::take(&mut open);
        let mut sort = |leg: Leg, found: Option<Found<V>>| match found {
            Some(found) => kept.push(Kept { leg, found, place }),
            None => open.push(leg),
        };
        if let Some(cache) = link.local() {
            for leg in asked {
                let found = cache.find_kept(request.prefix.scope, node(leg.place));
                sort(leg, found.ok());
            }
        } else if let Some(remote) = link.remote() {
            let (tier, mut marks) = (request.of(remote, stale), Marks::default());
            let frames = tier.read(&mut marks, &asked).await;
            let now = tier.now();
            for (leg, frame) in asked.into_iter().zip(frames) {
                let frame = frame.ok();
                let found = frame
                    .and_then(|frame| tier.open::<V, N::Codec>(&marks, &leg, &frame, now).ok());
                sort(leg, found);
            }
        }
    }
    kept
}

impl<N: Node, V: Cacheable<N::Codec>> Run<N, V> {
    /// Ends flights whose load failed: with an old value where it may be one, else with the error.
    pub(super) async fn fail(&self, failed: Vec<(Leg, Error)>, takes_old: bool) {
        let chain = self.chain();
        let takes_old = takes_old && chain.meta.stale().is_some() && self.runtime.is_enabled();
        // Those that have a value were only to be renewed.
        let lacks = |(leg, _): &&(Leg, Error)| takes_old && !self.started.is_answered(leg.place);
        let open: Vec<_> = failed
            .iter()
            .filter(lacks)
            .map(|(leg, _)| leg.clone())
            .collect();
        let mut old = Vec::new();
        if !open.is_empty() {
            let node = |place| self.started.aim(place).node();
            let kept = kept::<N, V>(chain, self.request(), open, node).await;
            let at = self.runtime.clock().monotonic();
            old.extend(kept.into_iter().map(|kept| kept.arrives(at)));
            let is_stale = |arrived: &&Arrived<V>| arrived.stale.is_some();
            let stale = old.iter().filter(is_stale).count();
            chain.counters.add(NodeEvent::Stale, stale);
            self.keep_local(&old);
        }
        // The first outcome of a flight stays.
        self.started.answer(old.iter().map(Arrived::answer));
        let failed = failed.into_iter();
        self.started
            .land(failed.map(|(leg, error)| (leg.place, Err(error))));
    }
}

impl<V> Kept<V> {
    /// As it goes into local tiers in place of what wasn't loaded. One that somebody has brought meanwhile stays as it is.
    fn arrives(self, at: Duration) -> Arrived<V> {
        let Self { leg, found, place } = self;
        let (left, is_stale) = (found.left, found.is_stale);
        let mut arrived = leg.arrives(found, at, place);
        if let Some(left) = left.filter(|_| is_stale) {
            arrived.until = Some(at.saturating_add(left.min(PAUSE)));
            arrived.stale = Some(left);
            // The tier that has it as well, to know of the pause.
            arrived.lacking = place + 1;
        }
        arrived
    }
}

impl<N: Node> Fetch<N> {
    /// Until when a request that begins now waits where there is an old value.
    pub(super) fn patience(&self) -> Option<Instant> {
        let soft = self.chain.meta.soft_timeout()?;
        Instant::now().checked_add(soft)
    }

    /// What `outcome` gives, or the old value of a node when that takes longer than `patience`.
    pub(super) async fn or_old<V: Cacheable<N::Codec>, T>(
        &self,
        runtime: &Cacheme,
        prefix: &Prefix,
        aim: &Aim<N>,
        patience: Option<Instant>,
        outcome: impl Future<Output = T>,
    ) -> Result<T, Landed<V>> {
        let old = async || {
            let old = self.old(runtime, prefix, &[0], |_| aim.node()).await?;
            old.into_iter().next()
        };
        let outcome = softly(patience, outcome, old).await;
        outcome.map_err(|(_, old)| {
            self.count_stale(&old);
            old
        })
    }

    /// The same of a group, in whose place there are old values of all that are still under way.
    pub(super) async fn or_all_old<V: Cacheable<N::Codec>, T>(
        &self,
        runtime: &Cacheme,
        prefix: &Prefix,
        group: &Group<N, Landed<V>>,
        patience: Option<Instant>,
        outcome: impl Future<Output = T>,
    ) -> Result<T, Vec<(usize, Landed<V>)>> {
        let old = async || {
            let open = group.open();
            let node = |place| group.aim(place).node();
            let old = self.old(runtime, prefix, &open, node).await?;
            (old.len() == open.len()).then_some(old)
        };
        softly(patience, outcome, old).await
    }

    /// Counts a value that is returned instead of an outcome.
    pub(super) fn count_stale<V>(&self, landed: &Landed<V>) {
        let stale = usize::from(landed.is_stale);
        self.chain.counters.add(NodeEvent::Stale, stale);
    }

    /// The value that the nearest tier keeps of a node, for a load that may find it unchanged.
    pub(crate) async fn previous<V: Cacheable<N::Codec>>(
        &self,
        runtime: &Cacheme,
        node: &N,
    ) -> Option<V> {
        let old = self
            .old(runtime, &self.prefix(runtime), &[0], |_| node)
            .await?;
        old.into_iter().next().map(|(_, old)| old.into_value())
    }

    /// What tiers keep of these.
    async fn old<'n, V: Cacheable<N::Codec>>(
        &self,
        runtime: &Cacheme,
        prefix: &Prefix,
        open: &[usize],
        node: impl Fn(usize) -> &'n N,
    ) -> Option<Vec<(usize, Landed<V>)>> {
        if !runtime.is_enabled() {
            return None;
        }
        let request = Request {
            runtime,
            prefix,
            chain: &self.chain,
            value_type: self.value_type::<V>().ok()?,
            since: runtime.tags().now(),
            moment: 0,
        };
        let leg = |&place| {
            let leg = self.leg(runtime, prefix, request.since, node(place));
            Some(Leg { place, ..leg.ok()? })
        };
        let legs = open.iter().map(leg).collect::<Option<Vec<_>>>()?;
        let kept = kept::<N, V>(&self.chain, request, legs, node).await;
        let landed = kept.into_iter().map(|kept| {
            let Kept { leg, found, place } = kept;
            (leg.place, found.landed(place))
        });
        Some(landed.collect())
    }
}

/// What `outcome` gives, within `patience` or because there is nothing `old`.
async fn softly<T, O>(
    patience: Option<Instant>,
    outcome: impl Future<Output = T>,
    old: impl AsyncFnOnce() -> Option<O>,
) -> Result<T, O> {
    let Some(deadline) = patience else {
        return Ok(outcome.await);
    };
    let mut outcome = pin!(outcome);
    if let Ok(outcome) = timeout_at(deadline, &mut outcome).await {
        return Ok(outcome);
    }
    // The work of a flight may be done by who waits for its outcome, so that goes on.
    match first(&mut outcome, Box::pin(old())).await {
        First::One(outcome) => Ok(outcome),
        First::Other(Some(old)) => Err(old),
        First::Other(None) => Ok(outcome.await),
    }
}
