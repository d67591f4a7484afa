//! One value.

use std::any::Any;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use super::gather::Gather;
use super::get_all::load_all;
use super::leg::Leg;
use super::{Boarding, Fetch, Loader, Reads, Source};
use crate::cached::Landed;
use crate::codec::Cacheable;
use crate::error::{Error, Result};
use crate::flight::{Group, Purpose, Table};
use crate::load::{Load, LoadContext, LoadResult, Loaded};
use crate::node::{Id, Node};
use crate::runtime::Cacheme;
use crate::stats::NodeEvent;

/// The rest of a `get` that wasn't a hit.
type Miss<'a, V> = Pin<Box<dyn Future<Output = Result<V>> + Send + 'a>>;

impl Cacheme {
    /// The value of `node`: from the nearest tier that has it, or loaded.
    ///
    /// A hit in a local tier awaits nothing, and allocates nothing beyond what cloning the value
    /// does. A hit in the first remote tier costs one read of it. Everything else happens in a flight
    /// that all simultaneous callers share: the remote
    /// tiers are read in order, the value is loaded if none has it, and it is written to every
    /// tier that missed. The call returns when a loaded value is written; one that a remote tier
    /// gave is returned before the nearer remote tiers have it.
    ///
    /// A storage that fails is a counted miss, never an error.
    ///
    /// # Errors
    ///
    /// The loader's error, panic or exceeded deadline, the same for all who waited; a set-up that
    /// is wrong, such as a storage that isn't registered; a key that can't be written.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe. The flight goes on for the other callers and for the tiers.
    #[inline]
    pub fn get<N: Load>(&self, node: N) -> impl Future<Output = Result<N::Value>> + Send {
        // By hand, since the state machine of an `async fn` would cost a hit as much again as
        // counting it. What a miss needs is boxed, so that the future of a hit stays small.
        let mut node = Some(node);
        let mut miss: Option<Miss<'_, N::Value>> = None;
        poll_fn(move |cx| {
            if let Some(node) = node.take() {
                let fetch = self.fetch::<N>()?;
                if let Some(value) = fetch.hit(fetch.scope(self), &node) {
                    return Poll::Ready(Ok(value));
                }
                miss = Some(Box::pin(async move {
                    if let Some(value) = fetch.due(fetch.scope(self), &node) {
                        fetch.renew_soon(self, vec![node], fetch.source());
                        return Ok(value);
                    }
                    fetch.get_behind(self, node).await
                }));
            }
            match &mut miss {
                Some(miss) => miss.as_mut().poll(cx),
                // Polled again after a hit, which no caller does.
                None => Poll::Pending,
            }
        })
    }

    /// As [`get`](Self::get), with `load` as the loader: for nodes without [`Load`], or to load
    /// with what is at hand here. Every value of a node has the same type within a runtime.
    ///
    /// ```
    /// #[cacheme::node(storage = "hot")]
    /// struct Length { of: String }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> cacheme::Result<()> {
    /// # let runtime = cacheme::Cacheme::builder()
    /// #     .storage("hot", cacheme::LocalStorage::tlfu(100)).build().await?;
    /// let text = "some text".to_owned();
    /// let node = Length { of: text.clone() };
    /// let length = runtime.get_with(node, move |_cx| async move { Ok(text.len()) }).await?;
    /// assert_eq!(length, 9);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get), and when the node holds values of another type.
    ///
    /// # Cancel safety
    ///
    /// As [`get`](Self::get). When another caller's flight is joined, `load` is dropped unused.
    pub async fn get_with<N, V, F, L>(&self, node: N, load: F) -> Result<V>
    where
        N: Node,
        V: Cacheable<N::Codec>,
        F: FnOnce(LoadContext) -> L + Send + 'static,
        L: Future<Output = LoadResult<V>> + Send + 'static,
    {
        let fetch = self.fetch::<N>()?;
        if let Some(value) = fetch.hit(fetch.scope(self), &node) {
            return Ok(value);
        }
        if let Some(value) = fetch.due(fetch.scope(self), &node) {
            fetch.renew_soon(self, vec![node], load_with(load));
            return Ok(value);
        }
        let entry = Box::pin(fetch.miss(self, node, || load_with(load))).await?;
        Ok(entry.into_value())
    }
}

/// The source of a single node's value that is a closure.
pub(crate) fn load_with<N, V, F, L>(load: F) -> Source<N, V>
where
    N: Node,
    V: Clone + Send + Sync + 'static,
    F: FnOnce(LoadContext) -> L + Send + 'static,
    L: Future<Output = LoadResult<V>> + Send + 'static,
{
    let mut load = Some(load);
    Source::Own(Box::new(move |nodes, cx| {
        let loading = load.take().map(|load| load(cx.clone()));
        Box::pin(async move {
            // A node is loaded once.
            let loading = loading.ok_or_else(|| Error::lost(cx.node()))?;
            let value = loading.await;
            let value = value.map_err(|error| Error::load(cx.node(), error))?;
            let pairs = nodes.into_iter().map(|node| (node, value.clone()));
            Ok(pairs.collect())
        })
    }))
}

/// Loads nodes one by one, each by itself.
pub(super) fn load_each<N: Load>() -> Loader<N, N::Value> {
    Box::new(|nodes, cx| {
        Box::pin(async move {
            let mut loaded = Loaded::default();
            for node in nodes {
                let value = node.load(&cx).await;
                let value = value.map_err(|error| Error::load(cx.node(), error))?;
                loaded.insert(node, value);
            }
            Ok(loaded)
        })
    })
}

impl<N: Load> Fetch<N> {
    /// The value of a node that the leading local tiers don't have.
    async fn get_behind(&self, runtime: &Cacheme, node: N) -> Result<N::Value> {
        let prefix = self.prefix(runtime);
        let aim = self.flights.aim(prefix.scope, Id(node));
        // Requests of a node with `batch` gather, which takes flights.
        let is_single = self.chain.meta.batch().is_none();
        if let Some(tier) = self.glanced_at(runtime).filter(|_| is_single)
            && let Some(_look) = self.looks.begin(aim.hash())
        {
            let wanted = (&prefix, aim);
            return self.glance_one(runtime, tier, wanted, load_each::<N>).await;
        }
        let Id(node) = aim.id;
        let entry = self.miss(runtime, node, || self.source()).await?;
        Ok(entry.into_value())
    }

    /// The source of a single node's value, shared with simultaneous requests where the node has
    /// `batch`.
    pub(super) fn source(&self) -> Source<N, N::Value> {
        let Some(batch) = self.chain.meta.batch() else {
            return Source::Own(load_each());
        };
        let new = || -> Arc<dyn Any + Send + Sync> { Arc::new(Gather::new(batch, load_all::<N>)) };
        let gather = Arc::clone(self.gather.get_or_init(new)).downcast();
        // A node has one `Load`, so it is of this type.
        gather.map_or_else(|_| Source::Own(load_each()), Source::Gathered)
    }
}

impl<N: Node> Fetch<N> {
    /// Gets the value from a flight. `source` is used when this request is the one to lead it.
    pub(crate) async fn miss<V: Cacheable<N::Codec>>(
        &self,
        runtime: &Cacheme,
        node: N,
        source: impl FnOnce() -> Source<N, V>,
    ) -> Result<Landed<V>> {
        self.value_type::<V>()?;
        let counters = &self.chain().counters;
        counters.add(NodeEvent::Passed, 1);
        let prefix = self.prefix(runtime);
        let (group, patience) = (
            self.group(Purpose::Load, prefix.scope, node),
            self.patience(),
        );
        let asked = self.asked(runtime);
        loop {
            let boarding = {
                let mut table = self.flights.lock();
                let start = |table: &mut Table<N>| table.start_one(&group);
                self.board(runtime, &mut table, group.aim(0), asked, start)
            };
            match boarding {
                Boarding::There(value) => {
                    counters.add(NodeEvent::Joined, 1);
                    return Ok(value);
                }
                Boarding::Joins(waiting) => {
                    waiting.share();
                    // Before the wait, which may be cancelled.
                    counters.add(NodeEvent::Joined, 1);
                    let outcome = waiting.outcome();
                    match self
                        .or_old(runtime, &prefix, group.aim(0), patience, outcome)
                        .await
                    {
                        // It was invalidated before this request, and loaded before that.
                        Ok(Some(Ok(landed))) if landed.is_before(asked) => {}
                        Ok(Some(outcome)) => return outcome.map(Landed::joined),
                        Ok(None) => {}
                        Err(old) => return Ok(old),
                    }
                    // Its tokio runtime is gone: a request anew, and somebody has to lead.
                    counters.add(NodeEvent::Passed, 1);
                }
                Boarding::Leads(started) => {
                    let (legs, reads) = (vec![Leg::of(0)], Reads::Tiers);
                    let led = self.depart(runtime, &prefix, started, legs, source(), reads)?;
                    let over = led.until(group.over());
                    return match self
                        .or_old(runtime, &prefix, group.aim(0), patience, over)
                        .await
                    {
                        Ok(()) => self.outcome(group),
                        Err(old) => Ok(old),
                    };
                }
            }
        }
    }

    /// The outcome of one flight, which has ended.
    pub(super) fn outcome<V: Clone>(&self, group: Arc<Group<N, Landed<V>>>) -> Result<Landed<V>> {
        let outcome = group.into_outcome();
        outcome.unwrap_or_else(|| Err(Error::lost(self.chain().meta.name())))
    }
}
