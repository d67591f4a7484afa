//! One value, with what is known of it.

use super::Fetch;
use crate::cached::{Cached, Landed};
use crate::error::Result;
use crate::load::Load;
use crate::runtime::Cacheme;

impl Cacheme {
    /// As [`get`](Self::get), with where the value came from and how old it is.
    ///
    /// ```
    /// # use cacheme::{Load, LoadContext, LoadResult};
    /// use cacheme::Source;
    ///
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
    /// let loaded = runtime.get_entry(Square { of: 3 }).await?;
    /// assert_eq!((*loaded.value(), loaded.source()), (9, &Source::Loaded));
    ///
    /// let cached = runtime.get_entry(Square { of: 3 }).await?;
    /// assert_eq!(cached.source(), &Source::Tier("hot".into()));
    /// assert!(cached.age() < std::time::Duration::from_secs(60));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe, as [`get`](Self::get).
    pub async fn get_entry<N: Load>(&self, node: N) -> Result<Cached<N::Value>> {
        let fetch = self.fetch::<N>()?;
        let landed = match fetch.hit_entry(fetch.scope(self), &node) {
            Some(landed) => {
                if fetch.chain().meta.is_renewed() {
                    fetch.renew_soon(self, vec![node], fetch.source());
                }
                landed
            }
            None => Box::pin(fetch.miss(self, node, || fetch.source())).await?,
        };
        Ok(fetch.chain().cached(landed))
    }
}

impl<N: Load> Fetch<N> {
    /// The entry in the nearest leading local tier that has one, counted.
    fn hit_entry(&self, scope: u64, node: &N) -> Option<Landed<N::Value>> {
        if self.is_off(scope) {
            return None;
        }
        for (place, (cache, link)) in self.chain.leading().enumerate() {
            match cache.find(scope, node) {
                Ok(found) => {
                    link.counters.hit();
                    if place > 0 {
                        self.refill::<N::Value>(scope, node, 0);
                    }
                    return Some(found.landed(place));
                }
                Err(reason) => link.counters.miss(reason),
            }
        }
        None
    }
}
