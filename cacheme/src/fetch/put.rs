//! Values that are at hand, put into every tier.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::Fetch;
use super::invalidate::{changed, told};
use super::leg::{Arrived, Leg};
use super::run::Run;
use super::seen::{Leasing, Seen};
use crate::cached::{LATEST, Origin};
use crate::codec::Cacheable;
use crate::error::{Error, Result};
use crate::flight::{Group, Purpose};
use crate::life::Life;
use crate::load::Load;
use crate::node::{Id, Node};
use crate::panic::catch_panic;
use crate::prefix::Prefix;
use crate::runtime::Cacheme;

impl Cacheme {
    /// Puts the value of `node` into all of its tiers, as if it had just been loaded.
    ///
    /// A load or read that began before still answers those who wait for it, but what it found never
    /// replaces this value. If it is being written to a remote tier right now, both may be removed again: the next request
    /// then loads. The value has the tags that the node has by `tags`, and none that a load would add. Callers of [`get`](Self::get) that come from now on get
    /// this value. An [`invalidate`](Self::invalidate) that is under way wins.
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
    /// runtime.put(Square { of: 12 }, 144).await?;
    /// assert_eq!(runtime.get(Square { of: 12 }).await?, 144);
    /// assert_eq!(runtime.stats().node::<Square>().map(|node| node.loads()), Some(0));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When a storage failed to take the value, or the codec to write it. The other tiers have it all the same; an older one in
    /// that tier isn't read by this runtime any more, and removed as soon as the storage lets it. When the bus failed to carry
    /// that it changed. When the set-up is wrong, and where there is a remote tier or a bus, when the key can't be written
    /// or no tokio runtime is running; then nothing is put.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe. Once the future was polled, local tiers have the value, and remote ones get it.
    pub async fn put<N: Load>(&self, node: N, value: N::Value) -> Result<()> {
        self.put_all([(node, value)]).await
    }

    /// As [`put`](Self::put) for many nodes: one write per remote tier. Of two pairs with the same
    /// node the last one stays. `pairs` is read before the first await.
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
    /// runtime.put_all((0..10).map(|of| (Square { of }, of * of))).await?;
    /// assert_eq!(runtime.peek(Square { of: 7 }).await?, Some(49));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put): the first error of a storage, or nothing is put.
    ///
    /// # Cancel safety
    ///
    /// As [`put`](Self::put).
    pub fn put_all<N, I>(&self, pairs: I) -> impl Future<Output = Result<()>> + Send
    where
        N: Load,
        I: IntoIterator<Item = (N, N::Value)>,
    {
        let entry = |(node, value)| (Id(node), (value, Life::default()));
        let values: HashMap<_, _> = pairs.into_iter().map(entry).collect();
        async move { self.fetch::<N>()?.put(self, values).await }
    }

    /// As [`put`](Self::put) for any type of value, kept no longer than `life`.
    pub(crate) async fn keep<N: Node, V: Cacheable<N::Codec>>(
        &self,
        node: N,
        value: V,
        life: Life,
    ) -> Result<()> {
        let values = HashMap::from([(Id(node), (value, life))]);
        self.fetch::<N>()?.put(self, values).await
    }
}

impl<N: Node> Fetch<N> {
    /// Puts values by flights that have them from the start.
    async fn put<V: Cacheable<N::Codec>>(
        &self,
        runtime: &Cacheme,
        values: HashMap<Id<N>, (V, Life)>,
    ) -> Result<()> {
        // Everything that is wrong with them shows before a flight begins.
        self.value_type::<V>()?;
        let needs_tokio = self.chain.needs_keys(runtime.tags());
        let tokio = needs_tokio.then(|| self.tokio()).transpose()?;
        let (ids, values): (Vec<_>, Vec<_>) = values.into_iter().unzip();
        let prefix = self.prefix(runtime);
        let legs = self.legs_of(runtime, &prefix, &ids)?;
        let aims = ids.into_iter().map(|id| self.flights.aim(prefix.scope, id));
        let group = Group::many(&self.flights, Purpose::Load, aims);
        let run = self.run(runtime, &prefix, self.flights.start(&group))?;
        let mut seen = Seen::new(Leasing::Not);
        seen.replaces = true;
        seen.begins(&self.chain);
        let arrived = run.arrive(values.into_iter().zip(legs));
        run.started.answer(arrived.iter().map(Arrived::answer));
        // While caching is off it replaces what is there by nothing.
        run.forget(&arrived).await;
        run.keep_local(&arrived);
        let Some(tokio) = tokio else {
            run.started.land(arrived.into_iter().map(Arrived::landing));
            return Ok(());
        };
        let chain = Arc::clone(&self.chain);
        let (done, outcome) = oneshot::channel();
        let write = async move {
            let keep = async {
                let telling = run.runtime.telling();
                let kept = run.keep_remote(&arrived, &mut seen).await;
                // Those whose life ended meanwhile are in some tiers only.
                run.forget(&arrived).await;
                let legs = arrived.iter().map(|arrived| &arrived.leg);
                let message = changed(&telling, legs);
                kept.and(told(telling, message).await)
            };
            let kept = catch_panic(pin!(keep)).await;
            let kept =
                kept.unwrap_or_else(|message| Err(Error::panic(chain.meta.name(), &message)));
            run.started.land(arrived.into_iter().map(Arrived::landing));
            // Whoever put it may be gone.
            let _ = done.send(kept);
        };
        let led = group.work().clone().lead(Box::pin(write), tokio);
        let lost = |_| Err(Error::lost(self.chain.meta.name()));
        led.until(outcome).await.unwrap_or_else(lost)
    }

    /// The flights of nodes, with their keys and tags.
    fn legs_of(&self, runtime: &Cacheme, prefix: &Prefix, ids: &[Id<N>]) -> Result<Vec<Leg>> {
        let (tags, keys) = (runtime.tags(), || self.chain.keys(prefix.text()));
        let since = tags.now();
        let mut keys = self.chain.needs_keys(tags).then(keys);
        let leg = |(place, Id(node)): (usize, &Id<N>)| {
            let key = keys.as_mut().map(|keys| keys.of(node)).transpose()?;
            let mut leg = Leg {
                key,
                ..Leg::of(place)
            };
            leg.stamp = self
                .chain
                .stamp(tags, since, prefix, leg.digest().told, node)?;
            Ok(leg)
        };
        ids.iter().enumerate().map(leg).collect()
    }
}

impl<N: Node, V: Cacheable<N::Codec>> Run<N, V> {
    /// The flights with their values, which are at hand.
    fn arrive(&self, values: impl Iterator<Item = ((V, Life), Leg)>) -> Vec<Arrived<V>> {
        let at = self.runtime.clock().monotonic();
        let arrive = |((value, life), leg): ((V, Life), Leg)| {
            let draw = self.started.draw(leg.place);
            let life = self.chain().life(&value, life, draw);
            Arrived {
                leg,
                value,
                origin: Origin::Loaded,
                age: Duration::ZERO,
                at,
                until: life.until(|| at),
                draw: 0,
                seen: LATEST,
                lacking: self.chain().tiers.len(),
                stale: None,
            }
        };
        values.map(arrive).collect()
    }
}
