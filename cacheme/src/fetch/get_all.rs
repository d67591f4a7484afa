//! Many values at once.

use std::sync::Arc;

use super::run::Leg;
use super::{Boarding, Fetch, Loader, Reads, Source};
use crate::cached::Landed;
use crate::codec::Cacheable;
use crate::error::{Error, Result};
use crate::flight::{Aim, Outcomes, Purpose, Waiting};
use crate::load::Load;
use crate::node::Node;
use crate::runtime::{Cacheme, Prefix};
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
type Wanted<N> = (usize, Aim<N>);

/// What became of the nodes of a batch that the leading local tiers didn't have.
struct Boarded<N: Node, V> {
    /// The flights that this batch leads.
    legs: Vec<Leg<N, V>>,
    /// The place in the result of each.
    places: Vec<usize>,
    /// Nodes that are there once more: the place in the result, and that in `legs`.
    twins: Vec<(usize, usize)>,
    /// Nodes that others' flights are under way for.
    joined: Vec<Joined<N, V>>,
}

/// A node that another one's flight is under way for.
struct Joined<N: Node, V> {
    wanted: Wanted<N>,
    waiting: Waiting<N, Landed<V>>,
}

impl<N: Node> Fetch<N> {
    /// What became of each node, in their order; `load` gives those that no tier has.
    pub(crate) async fn batch<V: Cacheable<N::Codec>>(
        &self,
        runtime: &Cacheme,
        nodes: Vec<N>,
        load: impl Fn() -> Loader<N, V>,
    ) -> Result<Values<V>> {
        let prefix = runtime.prefix();
        let (mut values, missing) = if runtime.is_enabled() {
            self.split(prefix.scope, nodes)
        } else {
            all_missing(prefix.scope, nodes)
        };
        if !missing.is_empty() {
            self.miss_all(runtime, &prefix, &mut values, missing, load)
                .await?;
        }
        Ok(values)
    }

    /// Takes what the leading local tiers have.
    fn split<V: Cacheable<N::Codec>>(
        &self,
        scope: u64,
        nodes: Vec<N>,
    ) -> (Values<V>, Vec<Wanted<N>>) {
        let mut values = Vec::with_capacity(nodes.len());
        let mut missing = Vec::new();
        for (place, node) in nodes.into_iter().enumerate() {
            let value = self.hit(scope, &node);
            if value.is_none() {
                missing.push((place, Aim::new(scope, node)));
            }
            values.push(value.map(Ok));
        }
        (values, missing)
    }

    /// Gets the missing values from flights.
    async fn miss_all<V: Cacheable<N::Codec>>(
        &self,
        runtime: &Cacheme,
        prefix: &Prefix,
        values: &mut Values<V>,
        mut missing: Vec<Wanted<N>>,
        load: impl Fn() -> Loader<N, V>,
    ) -> Result<()> {
        self.value_type::<V>()?;
        let counters = &self.chain().counters;
        while !missing.is_empty() {
            counters.add(NodeEvent::Passed, missing.len());
            let outcomes = self.outcomes(Purpose::Load, missing.len());
            let asked = std::mem::take(&mut missing);
            let boarded = self.board_all(runtime, &outcomes, values, asked);
            let Boarded {
                legs,
                places,
                twins,
                joined,
            } = boarded;
            if !legs.is_empty() {
                let (source, reads) = (Source::Own(load()), Reads::Tiers);
                let led = self.depart(runtime, prefix, outcomes.work(), legs, source, reads)?;
                led.until(outcomes.over(0..places.len())).await;
                let outcomes = outcomes.take(places.len());
                for (&place, outcome) in places.iter().zip(outcomes) {
                    let lost = || Err(Error::lost(self.chain().meta.name()));
                    let outcome = outcome.unwrap_or_else(lost);
                    values[place] = Some(outcome.map(Landed::into_value));
                }
                for (place, flight) in twins {
                    let value = values[places[flight]].clone();
                    values[place] = value;
                }
            }
            for Joined { wanted, waiting } in joined {
                match waiting.outcome().await {
                    Some(outcome) => values[wanted.0] = Some(outcome.map(Landed::into_value)),
                    // Its tokio runtime is gone: a request anew, and somebody has to lead.
                    None => missing.push(wanted),
                }
            }
        }
        Ok(())
    }

    /// Joins the flights that are under way, and starts one for each of the other nodes.
    fn board_all<V: Cacheable<N::Codec>>(
        &self,
        runtime: &Cacheme,
        outcomes: &Arc<Outcomes<N, Landed<V>>>,
        values: &mut Values<V>,
        missing: Vec<Wanted<N>>,
    ) -> Boarded<N, V> {
        /// How many nodes others wait for the table's lock for.
        const AT_ONCE: usize = 128;

        let asked = missing.len();
        let mut boarded = Boarded {
            legs: Vec::with_capacity(asked),
            places: Vec::with_capacity(asked),
            twins: Vec::new(),
            joined: Vec::new(),
        };
        let mut missing = missing.into_iter();
        while missing.len() > 0 {
            let before = boarded.joined.len();
            let mut table = self.flights.lock();
            for (place, aim) in missing.by_ref().take(AT_ONCE) {
                let flight = boarded.legs.len();
                match self.board(runtime, &mut table, aim, outcomes, flight) {
                    Boarding::There(entry) => values[place] = Some(Ok(entry.into_value())),
                    Boarding::Joins(_, waiting) if waiting.is_of(outcomes) => {
                        boarded.twins.push((place, waiting.place()));
                    }
                    Boarding::Joins(aim, waiting) => {
                        let wanted = (place, aim);
                        boarded.joined.push(Joined { wanted, waiting });
                    }
                    Boarding::Leads(flight) => {
                        boarded.legs.push(flight.into());
                        boarded.places.push(place);
                    }
                }
            }
            drop(table);
            for joined in &boarded.joined[before..] {
                joined.waiting.share();
            }
        }
        // Counted before the wait, which may be cancelled.
        let joined = asked - boarded.legs.len();
        self.chain().counters.add(NodeEvent::Joined, joined);
        boarded
    }
}

/// What [`split`](Fetch::split) finds where nothing may be read.
fn all_missing<N: Node, V: Clone>(scope: u64, nodes: Vec<N>) -> (Values<V>, Vec<Wanted<N>>) {
    let values = vec![None; nodes.len()];
    let aims = nodes.into_iter().map(|node| Aim::new(scope, node));
    (values, aims.enumerate().collect())
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
