//! What a flight does about values that no tier has: the loader is called, once for all of them.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::leg::{Arrived, Leg};
use super::run::Run;
use super::{Loader, Reads, Source};
use crate::cached::{LATEST, Origin};
use crate::chain::Chain;
use crate::codec::Cacheable;
use crate::error::{Error, ErrorKind, Result};
use crate::life::Life;
use crate::load::{LoadContext, Loaded};
use crate::node::{Id, Node};
use crate::panic::catch_panic;
use crate::runtime::Cacheme;
use crate::stats::NodeEvent;

impl<N: Node, V: Cacheable<N::Codec>> Run<N, V> {
    /// Loads what is open. Flights whose load failed land with the error.
    pub(super) async fn load(
        &self,
        open: Vec<Leg>,
        source: &mut Source<N, V>,
        reads: Reads,
    ) -> Vec<Arrived<V>> {
        let begun = self.runtime.clock().monotonic();
        let nodes = open
            .iter()
            .map(|leg| self.started.aim(leg.place).node().duplicate());
        let mut loaded = self.call(nodes.collect(), source).await;
        if matches!(&loaded, Err(error) if error.kind() == ErrorKind::Lost) {
            // Dropped without an outcome: one of those who wait leads another flight.
            return Vec::new();
        }
        let (mut arrived, mut failed) = (Vec::with_capacity(open.len()), Vec::new());
        for leg in open {
            match self.taken(&mut loaded, &arrived, leg.place) {
                Ok((value, life)) => arrived.push(self.loaded(leg, value, life, reads, begun)),
                Err(error) => failed.push((leg, error)),
            }
        }
        let counters = &self.chain().counters;
        counters.add(NodeEvent::Loaded, arrived.len());
        counters.add(NodeEvent::Failed, failed.len());
        if !failed.is_empty() {
            self.fail(failed, reads == Reads::Tiers).await;
        }
        arrived
    }

    /// What was loaded for the flight of a place.
    fn taken(
        &self,
        loaded: &mut Result<Loaded<N, V>>,
        arrived: &[Arrived<V>],
        place: usize,
    ) -> Result<(V, Life)> {
        let aim = self.started.aim(place);
        let loaded = loaded.as_mut().map_err(|error| error.clone())?;
        if let Some(value) = loaded.take(&aim.id) {
            return value;
        }
        // One that was voided while the batch began has a second flight in it.
        let twin = |arrived: &&Arrived<V>| self.started.aim(arrived.leg.place) == aim;
        let twin = arrived.iter().find(twin).ok_or_else(|| {
            let node = self.chain().meta.name();
            Error::left_out(node)
        })?;
        let now = self.runtime.clock().monotonic();
        let left = twin.until.map(|until| until.saturating_sub(now));
        let left = left.map(Life::at_most).unwrap_or_default();
        let tags = Life::of_tags(twin.leg.tags().map(|tag| Arc::clone(tag.name())));
        Ok((twin.value.clone(), left.and(tags)))
    }

    /// A flight with its value, which was loaded by a load that began then.
    fn loaded(
        &self,
        mut leg: Leg,
        value: V,
        life: Life,
        reads: Reads,
        begun: Duration,
    ) -> Arrived<V> {
        let (chain, aim) = (self.chain(), self.started.aim(leg.place));
        // What is loaded by name is kept, whoever it is.
        let is_kept = reads == Reads::Nothing || chain.admits(aim.hash());
        let life = chain.life(&value, life, self.started.draw(leg.place));
        if !life.tags().is_empty() {
            let names = leg
                .tags()
                .map(|tag| tag.name())
                .chain(life.tags())
                .map(|name| &**name);
            let tags = self.runtime.tags();
            leg.stamp = tags.stamp(self.identity(leg.digest().told), self.since, names);
        }
        Arrived {
            leg,
            value,
            origin: Origin::Loaded,
            age: Duration::ZERO,
            // It may be as old as that.
            at: begun,
            until: life.until(|| self.runtime.clock().monotonic()),
            draw: 0,
            seen: LATEST,
            lacking: if is_kept { chain.tiers.len() } else { 0 },
            stale: None,
        }
    }

    async fn call(&self, nodes: Vec<N>, source: &mut Source<N, V>) -> Result<Loaded<N, V>> {
        let call = Call {
            chain: Arc::clone(self.chain()),
            runtime: self.runtime.clone(),
        };
        let gather = match source {
            Source::Own(load) => return call.of(load, nodes).await,
            Source::Gathered(gather) => gather,
        };
        let mut loaded = Loaded::default();
        for node in nodes {
            let id = Id(node.duplicate());
            let value = gather.load(&call, node).await;
            loaded.put(id, value);
        }
        Ok(loaded)
    }
}

/// What a call of a loader needs.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) chain: Arc<Chain>,
    pub(super) runtime: Cacheme,
}

impl Call {
    /// Calls the loader, which may fail, panic or take too long.
    pub(super) async fn of<N: Node, V>(
        self,
        load: &mut Loader<N, V>,
        nodes: Vec<N>,
    ) -> Result<Loaded<N, V>> {
        let node = self.chain.meta.name();
        let bulkhead = self.chain.bulkhead.clone();
        let deadline = self.chain.meta.hard_timeout();
        let deadline = deadline.unwrap_or_else(|| self.runtime.load_timeout());
        let cx = LoadContext::new(self.runtime.clone(), node, bulkhead, deadline);
        let started = Instant::now();
        let loading = pin!(async {
            let _inside = cx.enter().await?;
            load(nodes, cx.clone()).await
        });
        let mut loading = pin!(catch_panic(loading));
        let ended = loop {
            match tokio::time::timeout(deadline, &mut loading).await {
                // Its parts have deadlines of their own, so it ends.
                Err(_) if cx.is_split() => {}
                ended => break ended,
            }
        };
        if !matches!(&ended, Ok(Ok(Err(error))) if error.is_overloaded()) {
            self.chain.counters.called(started.elapsed());
        }
        match ended {
            Ok(Ok(loaded)) => Ok(loaded?.shortened(&cx.life())),
            Ok(Err(message)) => Err(Error::panic(node, &message)),
            Err(_) => Err(Error::timeout(node, deadline)),
        }
    }
}
