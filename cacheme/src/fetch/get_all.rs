//! Many values at once.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::{Boarding, Fetch, Reads, Source};
use crate::error::{Error, Result};
use crate::flight::{Aim, Led, Waiting, Work};
use crate::load::Load;
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
            let prefix = self.prefix();
            let (mut values, missing) = fetch.split(prefix.scope, nodes);
            if !missing.is_empty() {
                fetch.miss_all(self, &prefix, &mut values, missing).await?;
            }
            Ok(values.0.into_iter().flatten().collect())
        }
    }
}

/// A node and the places in the result that its value goes to.
type Wanted<N> = (Aim<N>, Vec<usize>);

/// A wanted node and its flight, which this batch leads or not.
struct Awaited<N, V> {
    wanted: Wanted<N>,
    waiting: Waiting<V>,
    leads: bool,
}

/// Flights to wait for, and the work of those that this batch leads.
type Boarded<N, V> = (Vec<Awaited<N, V>>, Option<Led>);

/// The result of a batch, growing.
struct Values<V>(Vec<Option<V>>);

impl<V: Clone> Values<V> {
    fn put(&mut self, places: &[usize], value: &V) {
        for &place in places {
            self.0[place] = Some(value.clone());
        }
    }
}

impl<N: Load> Fetch<N> {
    /// Takes what the leading local tiers have; the rest comes back in the order of first sight.
    fn split(&self, scope: u64, nodes: Vec<N>) -> (Values<N::Value>, Vec<Wanted<N>>) {
        let mut values = Vec::with_capacity(nodes.len());
        let mut missing: HashMap<Aim<N>, Vec<usize>, RandomState> = HashMap::default();
        for (place, node) in nodes.into_iter().enumerate() {
            let value = self.hit(scope, &node);
            if value.is_none() {
                missing
                    .entry(Aim::new(scope, node))
                    .or_default()
                    .push(place);
            }
            values.push(value);
        }
        let mut missing: Vec<_> = missing.into_iter().collect();
        missing.sort_by_key(|(_, places)| places.first().copied());
        (Values(values), missing)
    }

    /// Gets the missing values from flights.
    async fn miss_all(
        &self,
        runtime: &Cacheme,
        prefix: &Arc<Prefix>,
        values: &mut Values<N::Value>,
        mut missing: Vec<Wanted<N>>,
    ) -> Result<()> {
        self.value_type::<N::Value>()?;
        let counters = &self.chain().counters;
        let requests = missing.iter().map(|(_, places)| places.len()).sum();
        counters.add(NodeEvent::Passed, requests);
        while !missing.is_empty() {
            let (awaited, led) =
                self.board_all(runtime, prefix, values, std::mem::take(&mut missing))?;
            for Awaited {
                wanted: (aim, places),
                waiting,
                leads,
            } in awaited
            {
                let outcome = match &led {
                    Some(led) => led.until(waiting.outcome()).await,
                    None => waiting.outcome().await,
                };
                match outcome {
                    Some(outcome) => values.put(&places, &outcome?),
                    None if leads => return Err(Error::lost(self.chain().meta.name())),
                    // Its tokio runtime is gone: a request anew, and somebody has to lead.
                    None => {
                        counters.add(NodeEvent::Passed, places.len());
                        missing.push((aim, places));
                    }
                }
            }
        }
        Ok(())
    }

    /// Joins the flights that are under way, and starts one batch for the rest.
    fn board_all(
        &self,
        runtime: &Cacheme,
        prefix: &Arc<Prefix>,
        values: &mut Values<N::Value>,
        missing: Vec<Wanted<N>>,
    ) -> Result<Boarded<N, N::Value>> {
        let work = Work::new();
        let mut awaited = Vec::with_capacity(missing.len());
        let mut flights = Vec::new();
        for wanted in missing {
            // Counted before the wait, which may be cancelled or end with another node's error.
            let joined = |requests| self.chain().counters.add(NodeEvent::Joined, requests);
            let (waiting, leads) = match self.board(&wanted.0, &work) {
                Boarding::There(value) => {
                    joined(wanted.1.len());
                    values.put(&wanted.1, &value);
                    continue;
                }
                Boarding::Joined(waiting) => {
                    joined(wanted.1.len());
                    (waiting, false)
                }
                Boarding::Leads(flight, waiting) => {
                    joined(wanted.1.len() - 1);
                    flights.push(flight);
                    (waiting, true)
                }
            };
            awaited.push(Awaited {
                wanted,
                waiting,
                leads,
            });
        }
        if flights.is_empty() {
            return Ok((awaited, None));
        }
        let (source, reads) = (load_all::<N>(), Reads::Tiers);
        let led = self.depart(runtime, prefix, work, flights, source, reads)?;
        Ok((awaited, Some(led)))
    }
}

/// The source of a batch.
fn load_all<N: Load>() -> Source<N, N::Value> {
    Box::new(|nodes, cx| Box::pin(async move { N::load_all(&nodes, &cx).await }))
}
