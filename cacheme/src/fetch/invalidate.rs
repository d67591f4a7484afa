//! A value taken out of every tier.

use super::Fetch;
use crate::chain::Chain;
use crate::error::Result;
use crate::flight::{Aim, Flights};
use crate::key::Key;
use crate::node::{Id, Node};
use crate::runtime::Cacheme;

impl Cacheme {
    /// Removes the value of `node` from all of its tiers.
    ///
    /// A load or read that began before the call ended still answers those who wait for it, but
    /// puts nothing into any tier. Removing a value that isn't there is no error.
    ///
    /// # Errors
    ///
    /// When a storage failed to remove the value, which may then still be there; the other tiers
    /// have removed it all the same. When the set-up is wrong, the key can't be written, or the
    /// node has a remote tier and no tokio runtime is running.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, local tiers have removed the value once it was polled; remote
    /// ones may not have.
    pub async fn invalidate<N: Node>(&self, node: N) -> Result<()> {
        self.fetch::<N>()?.take_out(self, node).await
    }
}

impl<N: Node> Fetch<N> {
    /// Removes a value from every tier.
    pub(crate) async fn take_out(&self, runtime: &Cacheme, node: N) -> Result<()> {
        let prefix = runtime.prefix();
        let key = if self.chain.has_remote() {
            self.tokio()?;
            Some(self.chain.keys(prefix.text()).of(&node)?.0)
        } else {
            None
        };
        let aim = self.flights.aim(prefix.scope, Id(node));
        remove(&self.chain, &self.flights, &[(&aim, key.as_ref())]).await
    }
}

/// Removes values from every tier, so that nothing that began before this ends is kept.
pub(super) async fn remove<N: Node>(
    chain: &Chain,
    flights: &Flights<N>,
    values: &[(&Aim<N>, Option<&Key>)],
) -> Result<()> {
    let mut bars = Vec::with_capacity(values.len());
    for &(aim, _) in values {
        bars.push(flights.bar(aim, || {
            let locals = chain.locals();
            locals.for_each(|cache| cache.remove(aim.scope, aim.node()));
        }));
    }
    let keys: Vec<_> = values.iter().filter_map(|(_, key)| key.cloned()).collect();
    let mut outcome = Ok(());
    if !keys.is_empty() {
        for remote in chain.remotes() {
            let removed = remote.remove(keys.clone()).await;
            outcome = outcome.and(removed);
        }
    }
    outcome
}
