//! The runtime of the process, and the functions that use it.

use std::sync::OnceLock;
use std::time::Duration;

use crate::bus::IntoBus;
use crate::cached::Cached;
use crate::codec::Cacheable;
use crate::error::{Error, Result};
use crate::load::{Load, LoadContext, LoadResult};
use crate::meta::Meta;
use crate::node::Node;
use crate::pending::Pending;
use crate::runtime::Cacheme;
use crate::stats::Stats;
use crate::storage::IntoStorage;

static GLOBAL: OnceLock<Cacheme> = OnceLock::new();

/// The runtime that the functions at the crate's root use. Unless one was
/// [installed](Cacheme::install), the first call makes one with the builder's defaults.
#[inline]
pub fn global() -> &'static Cacheme {
    GLOBAL.get_or_init(Cacheme::default)
}

impl Cacheme {
    /// Makes this the [global](global) runtime.
    ///
    /// # Errors
    ///
    /// When there is one already: installed before, or made by a function that needed one.
    pub fn install(self) -> Result<()> {
        let taken = |_| Error::config("there is a global runtime already: install at the start");
        GLOBAL.set(self).map_err(taken)
    }
}

/// [`Cacheme::register_storage`] on the [global](global) runtime.
///
/// # Errors
///
/// As there.
///
/// # Cancel safety
///
/// As there.
pub async fn register_storage(name: impl Into<String>, storage: impl IntoStorage) -> Result<()> {
    global().register_storage(name, storage).await
}

/// [`Cacheme::connect_bus`] on the [global](global) runtime.
///
/// # Errors
///
/// As there.
///
/// # Cancel safety
///
/// As there.
pub async fn connect_bus(bus: impl IntoBus) -> Result<()> {
    global().connect_bus(bus).await
}

/// [`Cacheme::get`] on the [global](global) runtime.
///
/// # Errors
///
/// As there.
///
/// # Cancel safety
///
/// As there.
#[inline]
pub fn get<N: Load>(node: N) -> impl Future<Output = Result<N::Value>> + Send {
    global().get(node)
}

/// [`Cacheme::get_with`] on the [global](global) runtime.
///
/// # Errors
///
/// As there.
///
/// # Cancel safety
///
/// As there.
pub async fn get_with<N, V, F, L>(node: N, load: F) -> Result<V>
where
    N: Node,
    V: Cacheable<N::Codec>,
    F: FnOnce(LoadContext) -> L + Send + 'static,
    L: Future<Output = LoadResult<V>> + Send + 'static,
{
    global().get_with(node, load).await
}

/// [`Cacheme::get_all`] on the [global](global) runtime.
///
/// # Errors
///
/// As there.
///
/// # Cancel safety
///
/// As there.
pub fn get_all<N, I>(nodes: I) -> impl Future<Output = Result<Vec<N::Value>>> + Send
where
    N: Load,
    I: IntoIterator<Item = N>,
{
    global().get_all(nodes)
}

/// [`Cacheme::get_many`] on the [global](global) runtime.
///
/// # Errors
///
/// As there.
///
/// # Cancel safety
///
/// As there.
pub fn get_many<N, I>(nodes: I) -> impl Future<Output = Result<Vec<Result<N::Value>>>> + Send
where
    N: Load,
    I: IntoIterator<Item = N>,
{
    global().get_many(nodes)
}

/// [`Cacheme::get_if_present`] on the [global](global) runtime.
///
/// # Errors
///
/// As there.
///
/// # Cancel safety
///
/// As there.
pub async fn get_if_present<N: Load>(node: N) -> Result<Option<N::Value>> {
    global().get_if_present(node).await
}

/// [`Cacheme::get_entry`] on the [global](global) runtime.
///
/// # Errors
///
/// As there.
///
/// # Cancel safety
///
/// As there.
pub async fn get_entry<N: Load>(node: N) -> Result<Cached<N::Value>> {
    global().get_entry(node).await
}

/// [`Cacheme::peek`] on the [global](global) runtime.
///
/// # Errors
///
/// As there.
///
/// # Cancel safety
///
/// As there.
pub async fn peek<N: Load>(node: N) -> Result<Option<N::Value>> {
    global().peek(node).await
}

/// [`Cacheme::contains`] on the [global](global) runtime.
///
/// # Errors
///
/// As there.
///
/// # Cancel safety
///
/// As there.
pub async fn contains<N: Load>(node: N) -> Result<bool> {
    global().contains(node).await
}

/// [`Cacheme::put`] on the [global](global) runtime.
///
/// # Errors
///
/// As there.
///
/// # Cancel safety
///
/// As there.
pub async fn put<N: Load>(node: N, value: N::Value) -> Result<()> {
    global().put(node, value).await
}

/// [`Cacheme::put_all`] on the [global](global) runtime.
///
/// # Errors
///
/// As there.
///
/// # Cancel safety
///
/// As there.
pub fn put_all<N, I>(pairs: I) -> impl Future<Output = Result<()>> + Send
where
    N: Load,
    I: IntoIterator<Item = (N, N::Value)>,
{
    global().put_all(pairs)
}

/// [`Cacheme::refresh`] on the [global](global) runtime.
///
/// # Errors
///
/// As there.
///
/// # Cancel safety
///
/// As there.
pub async fn refresh<N: Load>(node: N) -> Result<N::Value> {
    global().refresh(node).await
}

/// [`Cacheme::invalidate`] on the [global](global) runtime.
///
/// # Errors
///
/// As there.
///
/// # Cancel safety
///
/// As there.
pub async fn invalidate<N: Node>(node: N) -> Result<()> {
    global().invalidate(node).await
}

/// [`Cacheme::invalidate_tag`] on the [global](global) runtime.
///
/// # Errors
///
/// As there.
///
/// # Cancel safety
///
/// As there.
pub async fn invalidate_tag(tag: impl AsRef<str>) -> Result<()> {
    global().invalidate_tag(tag).await
}

/// [`Cacheme::invalidate_node`] on the [global](global) runtime.
///
/// # Errors
///
/// As there.
///
/// # Cancel safety
///
/// As there.
pub async fn invalidate_node<N: Node>() -> Result<()> {
    global().invalidate_node::<N>().await
}

/// [`Cacheme::invalidate_all`] on the [global](global) runtime.
///
/// # Errors
///
/// As there.
///
/// # Cancel safety
///
/// As there.
pub async fn invalidate_all() -> Result<()> {
    global().invalidate_all().await
}

/// [`Cacheme::pending`] on the [global](global) runtime.
pub fn pending() -> Pending {
    global().pending()
}

/// [`Cacheme::shutdown`] on the [global](global) runtime.
///
/// # Cancel safety
///
/// As there.
pub async fn shutdown(within: Duration) -> Pending {
    global().shutdown(within).await
}

/// [`Cacheme::nodes`] on the [global](global) runtime.
pub fn nodes() -> Vec<Meta> {
    global().nodes()
}

/// [`Cacheme::stats`] on the [global](global) runtime.
pub fn stats() -> Stats {
    global().stats()
}

/// [`Cacheme::set_prefix`] on the [global](global) runtime.
pub fn set_prefix(prefix: impl Into<String>) {
    global().set_prefix(prefix);
}

/// [`Cacheme::set_state`] on the [global](global) runtime.
///
/// # Errors
///
/// As there.
pub fn set_state<T: Send + Sync + 'static>(state: T) -> Result<()> {
    global().set_state(state)
}
