//! A new value in place of the old one.

use super::get::load_each;
use super::leg::Leg;
use super::{Fetch, Reads, Source};
use crate::codec::Cacheable;
use crate::error::Result;
use crate::flight::Purpose;
use crate::load::Load;
use crate::node::Node;
use crate::runtime::Cacheme;

impl Cacheme {
    /// Loads `node` anew, without looking into its tiers, and puts the value into all of them.
    ///
    /// The load begins after the call does, so the value is at least as new as the call. A flight
    /// that is under way goes on for those who wait for it, but what it finds is put nowhere;
    /// callers of [`get`](Self::get) that come from now on wait for the new value only if no local
    /// tier has an old one.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get). The old value then stays where it is. A tier that can't be written to is counted, no error; the
    /// old value isn't read there by this runtime any more, and removed as soon as the storage lets it.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe. The load goes on.
    pub async fn refresh<N: Load>(&self, node: N) -> Result<N::Value> {
        let fetch = self.fetch::<N>()?;
        fetch.renew(self, node, Source::Own(load_each::<N>())).await
    }
}

impl<N: Node> Fetch<N> {
    /// Loads a value and puts it in place of the old one.
    pub(crate) async fn renew<V: Cacheable<N::Codec>>(
        &self,
        runtime: &Cacheme,
        node: N,
        source: Source<N, V>,
    ) -> Result<V> {
        self.value_type::<V>()?;
        let prefix = self.prefix(runtime);
        let group = self.group(Purpose::Load, prefix.scope, node);
        let started = self.flights.lock().start_one(&group);
        let (legs, reads) = (vec![Leg::of(0)], Reads::Nothing);
        let led = self.depart(runtime, &prefix, started, legs, source, reads)?;
        led.until(group.over()).await;
        Ok(self.outcome(group)?.into_value())
    }
}
