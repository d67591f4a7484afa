//! Values renewed ahead of their time, beside who asked for them.

use tokio::runtime::Handle;

use super::leg::Leg;
use super::{Fetch, Reads, Source};
use crate::codec::Cacheable;
use crate::flight::{Group, Purpose};
use crate::node::{Id, Node};
use crate::runtime::Cacheme;

impl<N: Node> Fetch<N> {
    /// Whether a value is to be renewed, by this caller, from behind the leading local tiers: unless one of them has a
    /// later one for those before it.
    fn is_to_load<V: Cacheable<N::Codec>>(&self, scope: u64, node: &N) -> bool {
        let mut leading = self.chain.leading().enumerate();
        if !leading.any(|(_, (cache, _))| cache.claim::<N, V>(scope, node)) {
            return false;
        }
        let mut behind = leading.filter(|(_, (cache, _))| {
            let hit = cache.get::<N, V>(scope, node);
            hit.is_ok()
        });
        let Some((place, _)) = behind.next() else {
            return true;
        };
        self.refill::<V>(scope, node, place);
        false
    }

    /// Begins flights that renew what local tiers have of these nodes, from the tiers behind or by a load. What is
    /// under way goes on instead; a failure is forgotten.
    #[cold]
    pub(super) fn renew_soon<V: Cacheable<N::Codec>>(
        &self,
        runtime: &Cacheme,
        nodes: Vec<N>,
        source: Source<N, V>,
    ) {
        // Without tokio a hit is a hit.
        if Handle::try_current().is_err() {
            return;
        }
        let prefix = self.prefix(runtime);
        let mut nodes = nodes;
        nodes.retain(|node| self.is_to_load::<V>(prefix.scope, node));
        if nodes.is_empty() {
            return;
        }
        let aims = nodes
            .into_iter()
            .map(|node| self.flights.aim(prefix.scope, Id(node)));
        let group = Group::many(&self.flights, Purpose::Load, aims);
        let mut legs = Vec::new();
        let mut started = None;
        {
            let mut table = self.flights.lock();
            for place in 0..group.len() {
                if !table.is_under_way(group.aim(place)) {
                    let started = started.get_or_insert_with(|| table.open(&group));
                    table.start(started, place);
                    legs.push(Leg::of(place));
                }
            }
        }
        if let Some(started) = started {
            // It becomes a task at once, since nobody waits.
            drop(self.depart(runtime, &prefix, started, legs, source, Reads::Ahead));
        }
    }
}
