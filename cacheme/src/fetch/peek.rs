//! A look at the tiers that leaves no trace.

use std::time::Duration;

use super::Fetch;
use super::leg::Leg;
use super::marks::Marks;
use super::tier::Request;
use crate::chain::Remote;
use crate::codec::Cacheable;
use crate::error::Result;
use crate::load::Load;
use crate::node::Node;
use crate::prefix::Prefix;
use crate::runtime::Cacheme;
use crate::stats::Miss;
use crate::storage::Found;

impl Cacheme {
    /// What the nearest tier that has `node` holds, or `None`.
    ///
    /// Nothing is loaded, no figure counts it, no policy of eviction notices it, and nearer tiers
    /// aren't filled. The tiers are asked in order, a remote one with one round trip. Loads under way
    /// are not waited for. What can't be read, from a storage that is down as from a damaged entry,
    /// isn't there.
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
    /// assert_eq!(runtime.peek(Square { of: 3 }).await?, None);
    /// runtime.get(Square { of: 3 }).await?;
    /// assert_eq!(runtime.peek(Square { of: 3 }).await?, Some(9));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the set-up is wrong, or a remote tier has to be asked and the key can't be written or no
    /// tokio runtime is running.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is changed.
    pub async fn peek<N: Load>(&self, node: N) -> Result<Option<N::Value>> {
        let fetch = self.fetch::<N>()?;
        fetch
            .look(self, &node, N::Value::clone, |value| value)
            .await
    }

    /// Whether a tier has a value of `node` that can be read. A look as that of
    /// [`peek`](Self::peek): what a remote tier has is fetched for it and decoded.
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
    /// runtime.put(Square { of: 3 }, 9).await?;
    /// assert!(runtime.contains(Square { of: 3 }).await?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`peek`](Self::peek).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is changed.
    pub async fn contains<N: Load>(&self, node: N) -> Result<bool> {
        let fetch = self.fetch::<N>()?;
        let found = fetch.look(self, &node, |_: &N::Value| (), drop).await?;
        Ok(found.is_some())
    }
}

impl<N: Load> Fetch<N> {
    /// What becomes of the value in the nearest tier that has one: `here` in a local tier, `there`
    /// in a remote one.
    async fn look<R>(
        &self,
        runtime: &Cacheme,
        node: &N,
        here: impl Fn(&N::Value) -> R,
        there: impl Fn(N::Value) -> R,
    ) -> Result<Option<R>> {
        self.value_type::<N::Value>()?;
        if !runtime.is_enabled() {
            return Ok(None);
        }
        let prefix = self.prefix(runtime);
        let since = runtime.tags().now();
        let mut leg = None;
        for link in &self.chain.tiers {
            if let Some(cache) = link.local() {
                let read = cache.peek(prefix.scope, node, &here);
                if read.is_some() {
                    return Ok(read);
                }
            }
            if let Some(remote) = link.remote() {
                let leg = match &mut leg {
                    Some(leg) => leg,
                    none => none.insert(self.leg(runtime, &prefix, since, node)?),
                };
                let read = self.read_one(runtime, &prefix, since, remote, leg);
                if let Ok(found) = read.await? {
                    return Ok(Some(there(found.value)));
                }
            }
        }
        Ok(None)
    }
}

impl<N: Node> Fetch<N> {
    /// What is asked of remote tiers for a node, outside of a flight.
    pub(super) fn leg(
        &self,
        runtime: &Cacheme,
        prefix: &Prefix,
        since: u64,
        node: &N,
    ) -> Result<Leg> {
        let mut leg = Leg::of(0);
        leg.key = Some(self.chain.keys(prefix.text()).of(node)?);
        leg.stamp = self
            .chain
            .stamp(runtime.tags(), since, prefix, leg.digest().told, node)?;
        Ok(leg)
    }

    /// Reads one entry of one remote tier, outside of a flight.
    pub(super) async fn read_one<V: Cacheable<N::Codec>>(
        &self,
        runtime: &Cacheme,
        prefix: &Prefix,
        since: u64,
        remote: Remote<'_>,
        leg: &Leg,
    ) -> Result<Result<Found<V>, Miss>> {
        let request = Request {
            runtime,
            prefix,
            chain: &self.chain,
            value_type: self.value_type::<V>()?,
            since,
            moment: 0,
        };
        let tier = request.of(remote, Duration::ZERO);
        self.tokio()?;
        let mut marks = Marks::default();
        let frame = tier.read(&mut marks, std::slice::from_ref(leg)).await.pop();
        let frame = frame.unwrap_or(Err(Miss::Unavailable));
        let now = tier.now();
        Ok(frame.and_then(|frame| tier.open::<V, N::Codec>(&marks, leg, &frame, now)))
    }
}
