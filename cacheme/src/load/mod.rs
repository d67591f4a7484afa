//! How a missing value is made.

mod context;
mod loaded;

pub use self::context::LoadContext;
pub use self::loaded::Loaded;

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::codec::Cacheable;
use crate::error::{BoxError, Error, Result};
use crate::node::{Id, Node};
use crate::panic::panic_message;

/// What a loader returns. Any error that is `Error + Send + Sync` becomes a [`BoxError`] by `?`, and
/// so does a `&str` or a `String`.
pub type LoadResult<T> = Result<T, BoxError>;

/// A node that knows how its value is made.
///
/// A caller that goes away doesn't end a load, what it returns is shared by all who asked meanwhile, and
/// a panic becomes an error.
///
/// ```
/// use cacheme::{Load, LoadContext, LoadResult};
///
/// #[cacheme::node(storage = "hot", ttl = "30s")]
/// struct Square { of: u64 }
///
/// impl Load for Square {
///     type Value = u64;
///
///     async fn load(&self, _cx: &LoadContext) -> LoadResult<u64> {
///         Ok(self.of * self.of)
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` doesn't say how it is loaded",
    label = "no `impl Load`",
    note = "annotate it with `#[cacheme::node(...)]` and implement `cacheme::Load` for it, or give the loader to `get_with`",
    note = "nodes are passed by value"
)]
pub trait Load: Node {
    /// What is cached. A hit clones it, so a value that is costly to clone is best an `Arc`.
    type Value: Cacheable<Self::Codec>;

    /// Makes the value.
    ///
    /// # Errors
    ///
    /// An error goes to every caller that waits, and nothing is cached.
    fn load(&self, cx: &LoadContext) -> impl Future<Output = LoadResult<Self::Value>> + Send;

    /// Makes the values of several nodes, all of them different. `get_all` calls it, and
    /// `get` for a node with `batch`.
    ///
    /// Returns the values by node, in any order. Unless it is overridden the nodes are
    /// [loaded](Load::load) one by one, as many at a time as the runtime's
    /// [`load_concurrency`](crate::Builder::load_concurrency) says, each on a task and within a
    /// deadline of its own.
    ///
    /// ```
    /// # use cacheme::{Load, LoadContext, Loaded, LoadResult};
    /// # #[cacheme::node(storage = "hot")]
    /// # struct Square { of: u64 }
    /// # impl Load for Square {
    /// #     type Value = u64;
    /// #     async fn load(&self, _cx: &LoadContext) -> LoadResult<u64> { Ok(self.of * self.of) }
    /// async fn load_all(nodes: &[Self], _cx: &LoadContext) -> LoadResult<Loaded<Self, u64>> {
    ///     Ok(nodes.iter().map(|node| (Square { of: node.of }, node.of * node.of)).collect())
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// An error fails every node of the batch; a node that is left out, or put in with an error of
    /// its own, fails alone.
    fn load_all(
        nodes: &[Self],
        cx: &LoadContext,
    ) -> impl Future<Output = LoadResult<Loaded<Self, Self::Value>>> + Send {
        load_each(nodes, cx)
    }
}

/// Loads every node on a task of its own, a bounded number at a time.
async fn load_each<N: Load>(nodes: &[N], cx: &LoadContext) -> LoadResult<Loaded<N, N::Value>> {
    cx.be_split();
    // Each of its loads has a place of its own instead.
    cx.leave();
    let deadline = cx.deadline();
    let room = Arc::new(Semaphore::new(cx.concurrency()));
    // Dropping the set, as when a deadline passes, aborts its tasks.
    let mut tasks = JoinSet::new();
    let mut started = HashMap::new();
    for node in nodes {
        let (room, cx) = (Arc::clone(&room), cx.of_another_load());
        let (node, id) = (node.duplicate(), Id(node.duplicate()));
        let task = tasks.spawn(async move {
            let _place = room.acquire().await;
            let loading = async {
                let _inside = cx.enter().await?;
                let loaded = node.load(&cx).await;
                loaded.map_err(|error| Error::load(cx.node(), error))
            };
            let ended = timeout(deadline, loading).await;
            let value = ended.map_err(|_| Error::timeout(cx.node(), deadline))??;
            Ok((value, cx.life()))
        });
        started.insert(task.id(), id);
    }
    let mut loaded = Loaded::default();
    while let Some(ended) = tasks.join_next_with_id().await {
        let (task, value) = match ended {
            Ok(ended) => ended,
            Err(error) => {
                let task = error.id();
                let failure = match error.try_into_panic() {
                    Ok(panic) => Error::panic(cx.node(), &panic_message(&*panic)),
                    Err(_) => Error::lost(cx.node()),
                };
                (task, Err(failure))
            }
        };
        if let Some(id) = started.remove(&task) {
            loaded.put(id, value);
        }
    }
    Ok(loaded)
}
