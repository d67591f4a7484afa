//! Nodes that come at run time: their names, tiers and keys are values, not types.
//!
//! All dynamic nodes of a codec are one node type to the rest of the crate, the [key](key::DynamicKey),
//! which carries its node along: the node is a part of its equality, and so of every entry and
//! flight. What is known of each, and would be found by type otherwise, is found by [name](table).

mod builder;
mod key;
mod table;

use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;

pub use self::builder::DynamicBuilder;
use self::key::DynamicKey;
pub(crate) use self::table::{DynamicTable, Entry as DynamicEntry};
use crate::codec::{self, Cacheable};
use crate::error::{Error, Result};
use crate::fetch::{Fetch, Loader, load_with};
use crate::key::{Key, Keys};
use crate::load::{LoadContext, LoadResult, Loaded};
use crate::meta::Meta;
use crate::node::Id;
use crate::runtime::Cacheme;
use crate::stats::NodeStats;

/// A node that came at run time, with values of type `V`; made by [`Cacheme::dynamic`].
///
/// It does what a node type does, with a key and a loader in place of a value of the type. Cloning it
/// is cheap, and clones are the same node.
///
/// A key is anything that serde can show: a string, a number, a tuple of them. It is written as a
/// field of a node type is, so that different values are different keys. The kinds of its parts
/// count, the widths of numbers don't: `7_u64` and `7_i32` are one key, `"7"` is another.
///
/// A request writes its key down, which a node type's doesn't: a hit costs a few allocations.
///
/// ```
/// use std::time::Duration;
/// use cacheme::{Cacheme, DynamicNode, LocalStorage, Tier};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> cacheme::Result<()> {
/// # let runtime = Cacheme::builder().storage("hot", LocalStorage::tlfu(100)).build().await?;
/// let prices: DynamicNode<u64> = runtime
///     .dynamic("prices of shop 7")
///     .tier(Tier::new("hot").with_ttl(Duration::from_secs(30)))
///     .build()?;
/// let price = prices.get(("tea", 2), |_cx| async { Ok(350) }).await?;
/// assert_eq!(price, 350);
/// prices.invalidate(("tea", 2)).await?;
/// assert_eq!(prices.stats().loads(), 1);
/// # Ok(())
/// # }
/// ```
pub struct DynamicNode<V, C = codec::Default> {
    runtime: Cacheme,
    meta: Arc<Meta>,
    fetch: Arc<Fetch<DynamicKey<C>>>,
    value: PhantomData<fn() -> V>,
}

impl Cacheme {
    /// Begins a node whose name comes at run time, such as a table of a configuration. Nodes that
    /// are known when the program is written are better types, which are found without a string.
    ///
    /// The same name is the same [node](DynamicNode) within a runtime, for as long as that lives; so
    /// names should come from a bounded set, and what is unbounded belongs into keys.
    pub fn dynamic(&self, name: impl Into<String>) -> DynamicBuilder {
        DynamicBuilder::new(self.clone(), name.into())
    }
}

impl<C: 'static, V: Cacheable<C>> DynamicNode<V, C> {
    /// The value of `key`, from the nearest tier that has it or by `load`; see [`Cacheme::get_with`].
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Cancel safety
    ///
    /// As there.
    pub fn get<F, L>(&self, key: impl Serialize, load: F) -> impl Future<Output = Result<V>> + Send
    where
        F: FnOnce(LoadContext) -> L + Send + 'static,
        L: Future<Output = LoadResult<V>> + Send + 'static,
    {
        // Before the first await, so that the key needn't be `Send`.
        let key = self.identify(&key);
        async move {
            let key = key?;
            if let Some(value) = self.fetch.hit_or_due(self.fetch.scope(&self.runtime), &key) {
                return Ok(value);
            }
            let source = || load_with(load);
            let entry = Box::pin(self.fetch.miss(&self.runtime, key, source)).await?;
            Ok(entry.into_value())
        }
    }

    /// The values of `keys`, in their order, as one batch; see [`Cacheme::get_all`]. `load` gets the
    /// keys that no tier has, each once, and returns pairs of a key and its value in any order; a
    /// key that it leaves out fails alone. It may be called again when a tokio runtime was shut down
    /// meanwhile.
    ///
    /// ```
    /// # use cacheme::{Cacheme, DynamicNode, LocalStorage, Tier};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> cacheme::Result<()> {
    /// # let runtime = Cacheme::builder().storage("hot", LocalStorage::tlfu(100)).build().await?;
    /// let squares: DynamicNode<u64> =
    ///     runtime.dynamic("squares").tier(Tier::new("hot")).build()?;
    /// let load = |numbers: Vec<u64>, _cx| async move {
    ///     Ok(numbers.into_iter().map(|number| (number, number * number)))
    /// };
    /// assert_eq!(squares.get_all([3, 1, 3], load).await?, [9, 1, 9]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Cancel safety
    ///
    /// As there.
    pub fn get_all<K, F, L, P>(
        &self,
        keys: impl IntoIterator<Item = K>,
        load: F,
    ) -> impl Future<Output = Result<Vec<V>>> + Send
    where
        K: Serialize + Clone + Send + Sync + 'static,
        F: Fn(Vec<K>, LoadContext) -> L + Send + Sync + 'static,
        L: Future<Output = LoadResult<P>> + Send + 'static,
        P: IntoIterator<Item = (K, V)>,
    {
        let nodes: Result<Vec<_>> = keys
            .into_iter()
            .map(|key| Ok((self.identify(&key)?, key)))
            .collect();
        async move {
            let nodes = nodes?;
            let keys = nodes.iter().cloned();
            let batch = Arc::new(Batch {
                keys: keys.map(|(node, key)| (Id(node), key)).collect(),
                meta: Arc::clone(&self.meta),
                load,
            });
            let nodes = nodes.into_iter().map(|(node, _)| node).collect();
            let load = || Batch::loader(&batch);
            let outcomes = self.fetch.batch(&self.runtime, nodes, load).await?;
            outcomes.into_iter().flatten().collect()
        }
    }

    /// Loads the value of `key` anew and puts it into all tiers; see [`Cacheme::refresh`].
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Cancel safety
    ///
    /// As there.
    pub fn refresh<F, L>(
        &self,
        key: impl Serialize,
        load: F,
    ) -> impl Future<Output = Result<V>> + Send
    where
        F: FnOnce(LoadContext) -> L + Send + 'static,
        L: Future<Output = LoadResult<V>> + Send + 'static,
    {
        let key = self.identify(&key);
        async move { self.fetch.renew(&self.runtime, key?, load_with(load)).await }
    }
}

impl<V, C: 'static> DynamicNode<V, C> {
    /// Removes the value of `key` from all tiers; see [`Cacheme::invalidate`].
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Cancel safety
    ///
    /// As there.
    pub fn invalidate(&self, key: impl Serialize) -> impl Future<Output = Result<()>> + Send {
        let key = self.identify(&key);
        async move { self.fetch.take_out(&self.runtime, key?).await }
    }

    /// The key of `key`'s value in remote storages; see [`Cacheme::key`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn key(&self, key: impl Serialize) -> Result<Key> {
        let node = self.identify(&key)?;
        let (key, _digest) = Keys::new(&self.meta, self.runtime.prefix().text()).of(&node)?;
        Ok(key)
    }

    /// Name, version and tiers.
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// The node's figures, which [`Cacheme::stats`] has as well.
    pub fn stats(&self) -> NodeStats {
        self.fetch.chain().stats()
    }

    fn identify(&self, key: &impl Serialize) -> Result<DynamicKey<C>> {
        DynamicKey::new(&self.meta, key)
    }
}

/// The loader of a `get_all`, with the caller's key for each node.
struct Batch<K, C, F> {
    keys: HashMap<Id<DynamicKey<C>>, K>,
    meta: Arc<Meta>,
    load: F,
}

impl<K, C, F> Batch<K, C, F> {
    fn loader<V, L, P>(batch: &Arc<Self>) -> Loader<DynamicKey<C>, V>
    where
        C: 'static,
        V: Send,
        K: Serialize + Clone + Send + Sync + 'static,
        F: Fn(Vec<K>, LoadContext) -> L + Send + Sync + 'static,
        L: Future<Output = LoadResult<P>> + Send + 'static,
        P: IntoIterator<Item = (K, V)>,
    {
        let batch = Arc::clone(batch);
        Box::new(move |nodes, cx| {
            let batch = Arc::clone(&batch);
            let keys = nodes.into_iter().map(Id);
            let keys = keys.filter_map(|node| batch.keys.get(&node).cloned());
            let loading = (batch.load)(keys.collect(), cx.clone());
            Box::pin(async move {
                let mut loaded = Loaded::default();
                let pairs = loading.await;
                for (key, value) in pairs.map_err(|error| Error::load(cx.node(), error))? {
                    loaded.insert(DynamicKey::new(&batch.meta, &key)?, value);
                }
                Ok(loaded)
            })
        })
    }
}

impl<V, C> Clone for DynamicNode<V, C> {
    fn clone(&self) -> Self {
        Self {
            runtime: self.runtime.clone(),
            meta: Arc::clone(&self.meta),
            fetch: Arc::clone(&self.fetch),
            value: PhantomData,
        }
    }
}

impl<V, C> fmt::Debug for DynamicNode<V, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamicNode")
            .field("meta", &self.meta)
            .finish_non_exhaustive()
    }
}
