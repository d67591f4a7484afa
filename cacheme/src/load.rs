//! How a missing value is made.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::bulkhead::{Bulkhead, Place};
use crate::codec::Cacheable;
use crate::error::{BoxError, Error, Result};
use crate::life::Life;
use crate::lock::lock;
use crate::node::{Id, Node};
use crate::panic::panic_message;
use crate::runtime::Cacheme;

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
    cx.said.is_split.store(true, Ordering::Relaxed);
    // Each of its loads has a place of its own instead.
    cx.leave();
    let deadline = cx.runtime.load_timeout();
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
                loaded.map_err(|error| Error::load(&cx.node, error))
            };
            let ended = timeout(deadline, loading).await;
            let value = ended.map_err(|_| Error::timeout(&cx.node, deadline))??;
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
    values: HashMap<Id<N>, Result<(V, Life)>>,
}

impl<N: Node, V> Loaded<N, V> {
    /// Puts a value in.
    pub fn insert(&mut self, node: N, value: V) {
        self.values.insert(Id(node), Ok((value, Life::default())));
    }

    /// As [`insert`](Self::insert), with a time to live of this value: what
    /// [`LoadContext::set_ttl`] says of all values of a load.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use cacheme::Loaded;
    /// # #[cacheme::node(storage = "hot")]
    /// # struct Page { number: u64 }
    /// let mut loaded = Loaded::default();
    /// loaded.insert_with_ttl(Page { number: 1 }, "news", Duration::from_secs(5));
    /// loaded.insert(Page { number: 2 }, "imprint");
    /// ```
    pub fn insert_with_ttl(&mut self, node: N, value: V, ttl: Duration) {
        self.values
            .insert(Id(node), Ok((value, Life::at_most(ttl))));
    }

    /// Puts in that the value of `node` could not be loaded, and why.
    pub fn fail(&mut self, node: N, error: impl Into<BoxError>) {
        let error = Error::load(N::meta().name(), error.into());
        self.values.insert(Id(node), Err(error));
    }

    /// Puts the outcome of a node in.
    pub(crate) fn put(&mut self, node: Id<N>, outcome: Result<(V, Life)>) {
        self.values.insert(node, outcome);
    }

    /// Takes the outcome of a node out.
    pub(crate) fn take(&mut self, node: &Id<N>) -> Option<Result<(V, Life)>> {
        self.values.remove(node)
    }

    /// The same, none of its values kept for longer than `life`.
    pub(crate) fn shortened(mut self, life: Life) -> Self {
        if life != Life::default() {
            for (_, own) in self.values.values_mut().flatten() {
                *own = own.and(life);
            }
        }
        self
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

/// What a loader is given: the state of the runtime that it loads for, and a way to say how long
/// the value is kept.
///
/// Cloning it is cheap; clones are of the same load.
#[derive(Clone)]
pub struct LoadContext {
    runtime: Cacheme,
    node: Arc<str>,
    said: Arc<Said>,
}

/// What is known of a load besides what it returns.
struct Said {
    /// Each node of the batch is loaded within a deadline of its own.
    is_split: AtomicBool,
    life: Mutex<Life>,
    bulkhead: Option<Arc<Bulkhead>>,
    place: Mutex<Option<Place>>,
}

/// A load under way; dropping it ends its part in what `max_loads` allows.
pub(crate) struct Inside<'a>(&'a LoadContext);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

impl LoadContext {
    pub(crate) fn new(runtime: Cacheme, node: &str, bulkhead: Option<Arc<Bulkhead>>) -> Self {
        Self {
            runtime,
            node: node.into(),
            said: Arc::new(Said {
                is_split: AtomicBool::new(false),
                life: Mutex::default(),
                bulkhead,
                place: Mutex::default(),
            }),
        }
    }

    /// The name of the node that is loaded.
    pub(crate) fn node(&self) -> &str {
        &self.node
    }

    /// A context for a part of this load, of which other things may be said.
    fn of_another_load(&self) -> Self {
        Self::new(self.runtime.clone(), &self.node, self.said.bulkhead.clone())
    }

    /// Begins the load, as soon as `max_loads` lets it.
    pub(crate) async fn enter(&self) -> Result<Inside<'_>> {
        if let Some(bulkhead) = &self.said.bulkhead {
            let place = bulkhead.enter().await?;
            *lock(&self.said.place) = Some(place);
        }
        Ok(Inside(self))
    }

    /// Gives the load's place back.
    fn leave(&self) {
        let place = lock(&self.said.place).take();
        drop(place);
    }

    /// How many loads of one batch run at once, so that they don't fill the line.
    fn concurrency(&self) -> usize {
        let most = self.runtime.load_concurrency();
        let bulkhead = self.said.bulkhead.as_ref();
        bulkhead.map_or(most, |bulkhead| most.min(bulkhead.at_once()))
    }

    /// Lets the load go on for as long as it takes.
    pub(crate) fn be_patient(&self) {
        self.said.is_split.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_split(&self) -> bool {
        self.said.is_split.load(Ordering::Relaxed)
    }

    pub(crate) fn life(&self) -> Life {
        *lock(&self.said.life)
    }

    fn shorten(&self, by: Life) {
        let mut life = lock(&self.said.life);
        *life = life.and(by);
    }

    /// Keeps what this load returns for `ttl` at most, from when it ends.
    ///
    /// That holds in every tier: one with a longer time to live, or without any, keeps the value
    /// for `ttl`, and one with a shorter time to live for its own. Of several calls the shortest
    /// time holds; zero is [`do_not_cache`](Self::do_not_cache). It concerns one node in
    /// [`load`](Load::load) and the whole batch in a [`load_all`](Load::load_all) that the node
    /// overrides; there [`Loaded::insert_with_ttl`] says it of one.
    ///
    /// ```
    /// use std::time::Duration;
    /// use cacheme::{Load, LoadContext, LoadResult};
    ///
    /// # async fn price(_of: u64) -> LoadResult<(u64, Duration)> { Ok((1, Duration::from_secs(1))) }
    /// #[cacheme::node(storage = "hot", ttl = "1h")]
    /// struct Price { product: u64 }
    ///
    /// impl Load for Price {
    ///     type Value = u64;
    ///
    ///     async fn load(&self, cx: &LoadContext) -> LoadResult<u64> {
    ///         let (price, valid_for) = price(self.product).await?;
    ///         cx.set_ttl(valid_for);
    ///         Ok(price)
    ///     }
    /// }
    /// ```
    pub fn set_ttl(&self, ttl: Duration) {
        self.shorten(Life::at_most(ttl));
    }

    /// Puts what this load returns into no tier. All who wait for it get it, and the next request
    /// loads again. After a [`refresh`](Cacheme::refresh) no tier has an older value either.
    ///
    /// ```
    /// # use cacheme::{LoadContext, LoadResult};
    /// # async fn search(_words: &str) -> LoadResult<(Vec<u64>, bool)> { Ok((Vec::new(), true)) }
    /// # async fn load(words: &str, cx: &LoadContext) -> LoadResult<Vec<u64>> {
    /// let (found, is_complete) = search(words).await?;
    /// if !is_complete {
    ///     cx.do_not_cache();
    /// }
    /// Ok(found)
    /// # }
    /// ```
    pub fn do_not_cache(&self) {
        self.shorten(Life::NONE);
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
