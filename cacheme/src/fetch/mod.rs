//! The way of a request: look in process, join or start a flight, read, load, write back.
//!
//! One file per operation; what a flight does is in [`run`] and [`keep`].

mod call;
mod gather;
mod get;
mod get_all;
mod get_entry;
mod get_if_present;
mod get_many;
mod glance;
mod hit;
mod invalidate;
mod invalidate_node;
mod invalidate_tag;
mod keep;
mod lease;
mod leg;
mod load;
mod looks;
mod marks;
#[cfg(all(test, shuttle, feature = "bincode", feature = "local"))]
mod models;
mod peek;
mod put;
mod refresh;
mod renewal;
mod run;
mod seen;
mod stale;
mod tier;

pub(crate) use self::get::load_with;
pub(crate) use self::invalidate_node::beside;

use std::any::{Any, TypeId, type_name};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use self::gather::Gather;
use self::leg::Leg;
use self::looks::Looks;
use self::run::Run;
use crate::cached::{Asked, Landed};
use crate::chain::Chain;
use crate::codec::Cacheable;
use crate::epoch::Epoch;
use crate::error::{Error, Result};
use crate::flight::{Aim, Flights, Group, Led, Purpose, Started, Table, Waiting};
use crate::load::{LoadContext, Loaded};
use crate::meta::Meta;
use crate::node::{Id, Node};
use crate::prefix::Prefix;
use crate::runtime::Cacheme;
use crate::stats::TierCounters;
use crate::storage::{LocalCache, Ready};
use crate::switch::NOWHERE;
use crate::sync::Handle;

/// A node type as a runtime knows it.
#[derive(Debug)]
pub(crate) struct Fetch<N> {
    /// The first tier, if it is local. Out of the chain, so that a hit follows fewer pointers.
    nearest: Option<Nearest>,
    epoch: Epoch,
    /// That of the flights, one step nearer.
    chain: Arc<Chain>,
    flights: Arc<Flights<N>>,
    /// The node's type of value, which its first load settles.
    value: OnceLock<ValueType>,
    /// A `Gather<N, V>`, where the node has `batch`.
    gather: OnceLock<Arc<dyn Any + Send + Sync>>,
    looks: Looks,
}

#[derive(Debug)]
struct Nearest {
    cache: Arc<LocalCache>,
    counters: Arc<TierCounters>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct ValueType {
    id: TypeId,
    name: &'static str,
    codec: u8,
    fingerprint: u64,
}

/// How missing values are made.
pub(crate) enum Source<N, V> {
    /// By a call for this request.
    Own(Loader<N, V>),
    /// With simultaneous requests for other nodes.
    Gathered(Arc<Gather<N, V>>),
}

/// A call of a loader, with every node that needs a value.
/// Called once, or where the node has `lease` once more for other nodes.
pub(crate) type Loader<N, V> = Box<dyn FnMut(Vec<N>, LoadContext) -> SourceFuture<N, V> + Send>;
pub(crate) type SourceFuture<N, V> = Pin<Box<dyn Future<Output = Result<Loaded<N, V>>> + Send>>;

/// What became of a request that the leading local tiers couldn't answer.
enum Boarding<N, V, S> {
    /// The value came into a local tier meanwhile.
    There(Landed<V>),
    /// A flight is under way.
    Joins(Waiting<N, Landed<V>>),
    /// This request leads the flight, which was started.
    Leads(S),
}

impl<N: Node> Fetch<N> {
    pub(crate) fn new(
        meta: Meta,
        type_name: Cow<'static, str>,
        registered: &BTreeMap<Arc<str>, Ready>,
    ) -> Result<Self> {
        let chain = Arc::new(Chain::resolve::<N>(meta, type_name, registered)?);
        let nearest = chain.leading().next().map(|(cache, link)| Nearest {
            cache: Arc::clone(cache),
            counters: Arc::clone(&link.counters),
        });
        Ok(Self {
            nearest,
            epoch: Epoch::default(),
            flights: Flights::new(Arc::clone(&chain)),
            chain,
            value: OnceLock::new(),
            gather: OnceLock::new(),
            looks: Looks::default(),
        })
    }

    pub(crate) fn chain(&self) -> &Arc<Chain> {
        &self.chain
    }

    /// The scope of the node's entries, for hits.
    #[inline]
    pub(crate) fn scope(&self, runtime: &Cacheme) -> u64 {
        self.epoch.within(runtime.scope())
    }

    /// Whether caching was off when this was the scope.
    fn is_off(&self, scope: u64) -> bool {
        scope == self.epoch.within(NOWHERE)
    }

    /// The runtime's prefix, with the scope of the node's entries.
    fn prefix(&self, runtime: &Cacheme) -> Prefix {
        let mut prefix = runtime.prefix();
        prefix.scope = self.epoch.within(prefix.scope);
        prefix
    }

    /// Checks that the node always holds the same type of value, and describes it.
    pub(crate) fn value_type<V: Cacheable<N::Codec>>(&self) -> Result<ValueType> {
        let node = self.chain.meta.name();
        if self.value.get().is_none() {
            let fingerprint = if self.chain.has_remote() {
                V::fingerprint().map_err(|error| {
                    Error::node_config(node, format!("`{node}` can't have a remote tier: {error}"))
                })?
            } else {
                0
            };
            // Whoever comes first settles it; the check below is for everybody.
            let _ = self.value.set(ValueType {
                id: TypeId::of::<V>(),
                name: type_name::<V>(),
                codec: V::CODEC,
                fingerprint,
            });
        }
        match self.value.get() {
            Some(value) if value.id == TypeId::of::<V>() => Ok(*value),
            other => {
                let (holds, asked) = (other.map_or("", |value| value.name), type_name::<V>());
                let message = format!(
                    "`{node}` holds `{holds}` in this runtime, so it can't hold `{asked}` as well"
                );
                Err(Error::node_config(node, message))
            }
        }
    }

    /// Finds a place for a request that the leading local tiers couldn't answer, or has its flight
    /// started.
    fn board<V: Clone + Send + Sync + 'static, S>(
        &self,
        runtime: &Cacheme,
        table: &mut Table<N>,
        aim: &Aim<N>,
        asked: Asked,
        start: impl FnOnce(&mut Table<N>) -> S,
    ) -> Boarding<N, V, S> {
        if let Some(waiting) = Self::joins(runtime, table, aim, asked) {
            return Boarding::Joins(waiting);
        }
        if runtime.is_enabled()
            && let Some(value) = self.landed(aim)
        {
            return Boarding::There(value);
        }
        Boarding::Leads(start(table))
    }

    /// When a request comes that comes now.
    fn asked(&self, runtime: &Cacheme) -> Asked {
        let tags = runtime.tags();
        let is_leased = self.chain.meta.lease().is_some();
        Asked {
            invalidations: tags.now(),
            moment: if is_leased { tags.next_moment() } else { 0 },
        }
    }

    /// The flight under way that a request for a value waits for.
    fn joins<V: Clone + Send + Sync + 'static>(
        runtime: &Cacheme,
        table: &Table<N>,
        aim: &Aim<N>,
        asked: Asked,
    ) -> Option<Waiting<N, Landed<V>>> {
        let waiting = table.join::<Landed<V>>(aim, Purpose::Load)?;
        let is_past = waiting
            .found()
            .is_some_and(|landed| is_past(runtime, landed, asked));
        (!is_past).then_some(waiting)
    }

    /// A flight for a node, which hasn't begun.
    fn group<V: Send + Sync + 'static>(
        &self,
        purpose: Purpose,
        scope: u64,
        node: N,
    ) -> Arc<Group<N, Landed<V>>> {
        let aim = self.flights.aim(scope, Id(node));
        Group::one(&self.flights, purpose, aim)
    }

    /// The value that came into a leading local tier since they were asked, under the table's lock:
    /// a flight may have landed.
    fn landed<V: Clone + Send + Sync + 'static>(&self, aim: &Aim<N>) -> Option<Landed<V>> {
        let mut leading = self.chain.leading().enumerate();
        leading.find_map(|(place, (cache, _))| {
            let found = cache.find(aim.scope, aim.node()).ok()?;
            Some(found.landed(place))
        })
    }

    /// Begins the work of flights, which outlives the caller.
    fn depart<V: Cacheable<N::Codec>>(
        &self,
        runtime: &Cacheme,
        prefix: &Prefix,
        started: Started<N, Landed<V>>,
        legs: Vec<Leg>,
        source: Source<N, V>,
        reads: Reads,
    ) -> Result<Led> {
        let tokio = self.tokio()?;
        let work = started.work().clone();
        let run = self.run(runtime, prefix, started)?;
        Ok(work.lead(Box::pin(run.lead(legs, source, reads)), tokio))
    }

    /// What does the work of flights.
    fn run<V: Cacheable<N::Codec>>(
        &self,
        runtime: &Cacheme,
        prefix: &Prefix,
        started: Started<N, Landed<V>>,
    ) -> Result<Run<N, V>> {
        Ok(Run {
            started,
            value_type: self.value_type::<V>()?,
            since: runtime.tags().now(),
            _airborne: runtime.aloft().take_off(),
            runtime: runtime.clone(),
            prefix: prefix.clone(),
        })
    }

    /// The tokio runtime that is running.
    fn tokio(&self) -> Result<Handle> {
        Handle::try_current().map_err(|_| {
            let node = self.chain.meta.name();
            let message = format!("`{node}` needs a tokio runtime, and none is running here");
            Error::node_config(node, message)
        })
    }
}

/// Whether what a flight has found already is nothing for who asks: it was invalidated since, or is over.
fn is_past<V>(runtime: &Cacheme, landed: &Landed<V>, asked: Asked) -> bool {
    landed.is_before(asked) || landed.is_over(|| runtime.clock().monotonic())
}

/// Whether a flight looks into the tiers before it loads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(hidden)]
pub enum Reads {
    /// It does.
    Tiers,
    /// It does, for nobody who waits.
    Ahead,
    /// It doesn't.
    Nothing,
}
