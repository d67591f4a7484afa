//! A value taken out of every tier.

use crate::chain::Chain;
use crate::error::Result;
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
    /// have removed it all the same. When the set-up is wrong or the key can't be written.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, local tiers have removed the value once it was polled; remote
    /// ones may not have.
    pub async fn invalidate<N: Node>(&self, node: N) -> Result<()> {
        let fetch = self.fetch::<N>()?;
        let (chain, id) = (&*fetch.chain, Id(node));
        let scope = self.scope();
        let _bar = fetch.flights.bar(&id, || {
            chain.locals().for_each(|cache| cache.remove(scope, &id.0));
        });
        self.remove_remote(chain, &id).await
    }

    async fn remove_remote<N: Node>(&self, chain: &Chain, id: &Id<N>) -> Result<()> {
        let mut outcome = Ok(());
        if chain.has_remote() {
            let key = [Key::of(&id.0, &chain.meta, &self.prefix())?];
            for remote in chain.remotes() {
                let removed = remote.remove(&key, self.storage_timeout()).await;
                outcome = outcome.and(removed);
            }
        }
        outcome
    }
}
