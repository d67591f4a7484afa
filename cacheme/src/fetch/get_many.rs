//! Many values at once, each with an outcome of its own.

use super::get_all::load_all;
use crate::error::Result;
use crate::load::Load;
use crate::runtime::Cacheme;

impl Cacheme {
    /// As [`get_all`](Self::get_all), with what became of each node instead of the first error: a
    /// value that can't be loaded costs nobody else's.
    ///
    /// ```
    /// use cacheme::{Load, LoadContext, LoadResult};
    ///
    /// #[cacheme::node(storage = "hot")]
    /// struct Root { of: u64 }
    ///
    /// impl Load for Root {
    ///     type Value = u64;
    ///
    ///     async fn load(&self, _cx: &LoadContext) -> LoadResult<u64> {
    ///         let root = self.of.isqrt();
    ///         Ok((root * root == self.of).then_some(root).ok_or("not a square")?)
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> cacheme::Result<()> {
    /// # let runtime = cacheme::Cacheme::builder()
    /// #     .storage("hot", cacheme::LocalStorage::tlfu(100)).build().await?;
    /// let roots = runtime.get_many([9, 10, 16].map(|of| Root { of })).await?;
    /// let known: Vec<_> = roots.into_iter().flatten().collect();
    /// assert_eq!(known, [3, 4]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// A set-up that is wrong. Within the result, for each node: as [`get`](Self::get).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe, as [`get`](Self::get).
    pub fn get_many<N, I>(
        &self,
        nodes: I,
    ) -> impl Future<Output = Result<Vec<Result<N::Value>>>> + Send
    where
        N: Load,
        I: IntoIterator<Item = N>,
    {
        let nodes: Vec<N> = nodes.into_iter().collect();
        async move {
            let outcomes = self.fetch::<N>()?.batch(self, nodes, load_all::<N>).await?;
            Ok(outcomes.into_iter().flatten().collect())
        }
    }
}
