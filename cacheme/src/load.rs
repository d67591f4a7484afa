//! How a missing value is made.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::codec::Cacheable;
use crate::error::{BoxError, Error, Result};
use crate::flight::panic_message;
use crate::node::{Id, Node};
use crate::runtime::Cacheme;

/// What a loader returns. Any error that is `Error + Send + Sync` becomes a [`BoxError`] by `?`, and
/// so does a `&str` or a `String`.
pub type LoadResult<T> = Result<T, BoxError>;

/// A node that knows how its value is made.
///
/// Loaders run on a tokio task of their own: a caller that goes away doesn't end them, what they
/// return is shared by all who asked meanwhile, and a panic becomes an error.
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

    /// Makes the values of several nodes, all of them different. `get_all` calls it.
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
    cx.is_split.store(true, Ordering::Relaxed);
    let deadline = cx.runtime.load_timeout();
    let room = Arc::new(Semaphore::new(cx.runtime.load_concurrency()));
    // Dropping the set, as when a deadline passes, aborts its tasks.
    let mut tasks = JoinSet::new();
    let mut started = HashMap::new();
    for node in nodes {
        let (room, cx) = (Arc::clone(&room), cx.clone());
        let (node, id) = (node.duplicate(), Id(node.duplicate()));
        let task = tasks.spawn(async move {
            let _place = room.acquire().await;
            let ended = timeout(deadline, node.load(&cx)).await;
            let loaded = ended.map_err(|_| Error::timeout(&cx.node, deadline))?;
            loaded.map_err(|error| Error::load(&cx.node, error))
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
                    Ok(panic) => Error::panic(&cx.node, &panic_message(&*panic)),
                    Err(_) => Error::lost(&cx.node),
                };
                (task, Err(failure))
            }
        };
        if let Some(id) = started.remove(&task) {
            loaded.values.insert(id, value);
        }
    }
    Ok(loaded)
}

/// Values by node, as [`Load::load_all`] returns them. Collect it from pairs of a node and its
/// value, or of a node and a [`LoadResult`]; of two pairs with the same node the last one stays.
#[derive(Debug)]
pub struct Loaded<N, V> {
    values: HashMap<Id<N>, Result<V>>,
}

impl<N: Node, V> Loaded<N, V> {
    /// Puts a value in.
    pub fn insert(&mut self, node: N, value: V) {
        self.values.insert(Id(node), Ok(value));
    }

    /// Puts in that the value of `node` could not be loaded, and why.
    pub fn fail(&mut self, node: N, error: impl Into<BoxError>) {
        let error = Error::load(N::meta().name(), error.into());
        self.values.insert(Id(node), Err(error));
    }

    /// Takes the outcome of a node out.
    pub(crate) fn take(&mut self, node: &Id<N>) -> Option<Result<V>> {
        self.values.remove(node)
    }
}

impl<N, V> Default for Loaded<N, V> {
    fn default() -> Self {
        Self {
            values: HashMap::new(),
        }
    }
}

impl<N: Node, V> Extend<(N, V)> for Loaded<N, V> {
    fn extend<I: IntoIterator<Item = (N, V)>>(&mut self, pairs: I) {
        for (node, value) in pairs {
            self.insert(node, value);
        }
    }
}

impl<N: Node, V> FromIterator<(N, V)> for Loaded<N, V> {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut loaded = Self::default();
        loaded.extend(pairs);
        loaded
    }
}

impl<N: Node, V> FromIterator<(N, LoadResult<V>)> for Loaded<N, V> {
    fn from_iter<I: IntoIterator<Item = (N, LoadResult<V>)>>(pairs: I) -> Self {
        let mut loaded = Self::default();
        for (node, outcome) in pairs {
            match outcome {
                Ok(value) => loaded.insert(node, value),
                Err(error) => loaded.fail(node, error),
            }
        }
        loaded
    }
}

/// What a loader is given: the state of the runtime that it loads for.
///
/// Cloning it is cheap.
#[derive(Clone)]
pub struct LoadContext {
    runtime: Cacheme,
    node: Arc<str>,
    /// Each node of the batch is loaded within a deadline of its own.
    is_split: Arc<AtomicBool>,
}

impl LoadContext {
    pub(crate) fn new(runtime: Cacheme, node: &str) -> Self {
        Self {
            runtime,
            node: node.into(),
            is_split: Arc::default(),
        }
    }

    pub(crate) fn is_split(&self) -> bool {
        self.is_split.load(Ordering::Relaxed)
    }

    /// The state of type `T` that the runtime was given, such as a database pool.
    ///
    /// # Errors
    ///
    /// When none was given, with a message that names the type.
    pub fn state<T: Send + Sync + 'static>(&self) -> Result<&T> {
        self.runtime.state()
    }

    /// The runtime, to get other nodes from. Nodes that load each other in a circle wait for each
    /// other until the load's deadline.
    pub fn runtime(&self) -> &Cacheme {
        &self.runtime
    }
}

impl fmt::Debug for LoadContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadContext")
            .field("node", &self.node)
            .finish_non_exhaustive()
    }
}
