//! One value, if a tier has it.
//!
//! The look is a flight that doesn't load, so that simultaneous ones are one, refills obey the
//! table, and nobody's cancellation ends them. Requests that load don't join it, but void it: they
//! would have to look once more.

use std::sync::Arc;

use super::leg::Leg;
use super::run::Run;
use super::seen::Leasing;
use super::{Fetch, Reads, is_past};
use crate::cached::{Asked, Landed};
use crate::codec::Cacheable;
use crate::error::Result;
use crate::flight::{Aim, Group, Purpose, Started, Waiting};
use crate::load::Load;
use crate::node::Node;
use crate::prefix::Prefix;
use crate::runtime::Cacheme;
use crate::stats::NodeEvent;

/// What becomes of a look that the leading local tiers couldn't answer.
enum Looking<N: Node, V> {
    /// The value came into a local tier meanwhile.
    There(Landed<V>),
    /// Another look is under way, or the value is known already.
    Joins(Waiting<N, Landed<V>>),
    /// This one looks for all who ask meanwhile.
    Leads(Started<N, Landed<V>>),
    /// A load is under way, and will fill the tiers.
    Alone,
}

impl Cacheme {
    /// The value of `node` from the nearest tier that has it, or `None`: nothing is loaded.
    ///
    /// Otherwise as [`get`](Self::get): a hit in a local tier awaits nothing, requests and misses are
    /// counted, simultaneous callers share one look at the remote tiers, and nearer tiers are filled.
    /// A load that is under way for others is not waited for: while it lasts, this sees what the tiers
    /// hold, and leaves filling them to it.
    ///
    /// ```
    /// # use cacheme::{Load, LoadContext, LoadResult};
    /// # #[cacheme::node(storage = "hot")]
    /// # struct Square { of: u64 }
    /// # impl Load for Square {
    /// #     type Value = u64;
    /// #     async fn load(&self, _cx: &LoadContext) -> LoadResult<u64> { Ok(self.of * self.of) }
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> cacheme::Result<()> {
    /// # let runtime = cacheme::Cacheme::builder()
    /// #     .storage("hot", cacheme::LocalStorage::tlfu(100)).build().await?;
    /// assert_eq!(runtime.get_if_present(Square { of: 3 }).await?, None);
    /// runtime.get(Square { of: 3 }).await?;
    /// assert_eq!(runtime.get_if_present(Square { of: 3 }).await?, Some(9));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the set-up is wrong, or a remote tier has to be asked and the key can't be written or no
    /// tokio runtime is running. A storage that fails is a counted miss.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe, as [`get`](Self::get). A look beside a load is not counted when it is dropped.
    pub async fn get_if_present<N: Load>(&self, node: N) -> Result<Option<N::Value>> {
        self.find(node).await
    }

    /// The same for any type of value.
    pub(crate) async fn find<N: Node, V: Cacheable<N::Codec>>(&self, node: N) -> Result<Option<V>> {
        let fetch = self.fetch::<N>()?;
        match fetch.hit_or_due(fetch.scope(self), &node) {
            Some(value) => Ok(Some(value)),
            None => Box::pin(fetch.find(self, node)).await,
        }
    }
}

impl<N: Node> Fetch<N> {
    /// Looks into the tiers behind the leading local ones.
    async fn find<V: Cacheable<N::Codec>>(&self, runtime: &Cacheme, node: N) -> Result<Option<V>> {
        self.value_type::<V>()?;
        // A flight counts its misses itself. All is counted before a wait, which may be cancelled.
        let passed = |event| {
            self.chain.counters.add(NodeEvent::Passed, 1);
            self.chain.counters.add(event, 1);
        };
        if !self.chain.has_remote() || !runtime.is_enabled() {
            passed(NodeEvent::Missed);
            return Ok(None);
        }
        let (tokio, prefix) = (self.tokio()?, self.prefix(runtime));
        let group = self.group(Purpose::Look, prefix.scope, node);
        let asked = self.asked(runtime);
        match self.looking(runtime, &group, asked) {
            Looking::There(entry) => {
                passed(NodeEvent::Joined);
                Ok(Some(entry.into_value()))
            }
            Looking::Joins(waiting) => {
                waiting.share();
                passed(NodeEvent::Joined);
                match waiting.outcome().await {
                    // It was invalidated before this look, and found before that.
                    Some(Ok(landed)) if landed.is_before(asked) => {
                        self.find_alone(runtime, &prefix, group.aim(0)).await
                    }
                    outcome => value(outcome),
                }
            }
            Looking::Leads(started) => {
                self.chain.counters.add(NodeEvent::Passed, 1);
                let run = self.run(runtime, &prefix, started)?;
                let work = group.work().clone();
                let led = work.lead(Box::pin(run.look()), tokio);
                led.until(group.over()).await;
                value(group.into_outcome())
            }
            Looking::Alone => self.find_alone(runtime, &prefix, group.aim(0)).await,
        }
    }

    fn looking<V: Cacheable<N::Codec>>(
        &self,
        runtime: &Cacheme,
        group: &Arc<Group<N, Landed<V>>>,
        asked: Asked,
    ) -> Looking<N, V> {
        let aim = group.aim(0);
        let mut table = self.flights.lock();
        if let Some(waiting) = table.join(aim, Purpose::Look)
            && !waiting
                .found()
                .is_some_and(|landed| is_past(runtime, landed, asked))
        {
            return Looking::Joins(waiting);
        }
        if let Some(entry) = self.landed(aim) {
            return Looking::There(entry);
        }
        if table.is_under_way(aim) {
            return Looking::Alone;
        }
        Looking::Leads(table.start_one(group))
    }

    /// Looks beside the flight that is under way.
    async fn find_alone<V: Cacheable<N::Codec>>(
        &self,
        runtime: &Cacheme,
        prefix: &Prefix,
        aim: &Aim<N>,
    ) -> Result<Option<V>> {
        let since = runtime.tags().now();
        let leg = self.leg(runtime, prefix, since, aim.node())?;
        let mut value = None;
        for (_, link) in self.chain.behind() {
            let found = match (link.local(), link.remote()) {
                (Some(cache), _) => cache.find(aim.scope, aim.node()),
                (None, Some(remote)) => self.read_one(runtime, prefix, since, remote, &leg).await?,
                (None, None) => continue,
            };
            if let Some(found) = link.counted(found) {
                value = Some(found.value);
                break;
            }
        }
        let counters = &self.chain.counters;
        counters.add(NodeEvent::Passed, 1);
        counters.add(NodeEvent::Missed, usize::from(value.is_none()));
        Ok(value)
    }
}

/// The value of an outcome. A look that ended without one found nothing.
fn value<V>(outcome: Option<Result<Landed<V>>>) -> Result<Option<V>> {
    Ok(outcome.transpose()?.map(Landed::into_value))
}

impl<N: Node, V: Cacheable<N::Codec>> Run<N, V> {
    /// Does the work of a flight that doesn't load. It ends without an outcome where no tier has
    /// the value.
    async fn look(self) {
        let open = self.keyed(vec![Leg::of(0)]);
        let seen = &mut self.seen(Leasing::Leaves);
        self.find(1, open, seen, Reads::Tiers).await;
    }
}
