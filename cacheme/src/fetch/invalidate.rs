//! A value taken out of every tier.

use super::Fetch;
use super::leg::Leg;
use crate::bus::{Message, Telling};
use crate::error::{Error, Result};
use crate::flight::{Aim, Flights};
use crate::node::{Id, Node};
use crate::prefix::Prefix;
use crate::runtime::Cacheme;

impl Cacheme {
    /// Removes the value of `node` from all of its tiers, and with a [bus](Self::connect_bus) from the local tiers of
    /// other processes.
    ///
    /// A load or read that began before the call ended still answers those who wait for it, but
    /// puts nothing into any tier. Removing a value that isn't there is no error.
    ///
    /// # Errors
    ///
    /// When a storage failed to remove the value, or the bus to carry it; the other tiers have removed it all the same.
    /// This runtime doesn't read the value there any more, and removes it as soon as the storage lets it; until then
    /// others may read it. When the set-up is wrong; where there is a remote tier or a bus, also when the key
    /// can't be written or no tokio runtime is running.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, local tiers have removed the value once it was polled; remote
    /// ones do so behind the scenes, those that weren't asked yet excepted.
    pub async fn invalidate<N: Node>(&self, node: N) -> Result<()> {
        self.fetch::<N>()?.take_out(self, node).await
    }
}

impl<N: Node> Fetch<N> {
    /// Removes a value from every tier.
    pub(crate) async fn take_out(&self, runtime: &Cacheme, node: N) -> Result<()> {
        let _airborne = runtime.aloft().take_off();
        let prefix = self.prefix(runtime);
        let mut leg = Leg::of(0);
        if self.chain.needs_keys(runtime.tags()) {
            self.tokio()?;
            leg.key = Some(self.chain.keys(prefix.text()).of(&node)?);
        }
        let aim = self.flights.aim(prefix.scope, Id(node));
        let telling = runtime.telling();
        let values = [(&aim, &leg)];
        remove(runtime, &prefix, telling, &self.flights, &values).await
    }
}

/// Removes values of a prefix from every tier, so that nothing that began before this ends is kept.
pub(super) async fn remove<N: Node>(
    runtime: &Cacheme,
    prefix: &Prefix,
    telling: Telling<'_>,
    flights: &Flights<N>,
    values: &[(&Aim<N>, &Leg)],
) -> Result<()> {
    let chain = flights.chain();
    let mut bars = Vec::with_capacity(values.len());
    for &(aim, _) in values {
        bars.push(flights.bar(aim, || {
            let locals = chain.locals();
            locals.for_each(|cache| cache.remove(aim.scope, aim.node()));
        }));
    }
    let keys = values.iter().filter_map(|(_, leg)| leg.key().cloned());
    let keys: Vec<_> = keys.collect();
    let mut outcome = Ok(());
    if !keys.is_empty() {
        for remote in chain.remotes() {
            let removed = remote.remove(keys.clone(), prefix, &**runtime.clock());
            outcome = outcome.and(removed.await);
        }
    }
    // When it can't be read again where it was.
    let message = changed(&telling, values.iter().map(|(_, leg)| *leg));
    outcome.and(told(telling, message).await)
}

/// What there is to tell of values that have changed.
pub(super) fn changed<'l>(
    telling: &Telling<'_>,
    legs: impl IntoIterator<Item = &'l Leg>,
) -> Message {
    if telling.is_to_nobody() {
        return Message::Keys(Vec::new());
    }
    let keyed = legs.into_iter().filter(|leg| leg.key.is_some());
    Message::Keys(keyed.map(|leg| leg.digest().told).collect())
}

/// Tells other processes.
pub(super) async fn told(telling: Telling<'_>, message: Message) -> Result<()> {
    let told = telling.tell(message).await;
    told.map_err(|error| Error::bus("carry an invalidation", error))
}
