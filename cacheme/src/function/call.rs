//! What a function and its companions do.

use std::any::TypeId;

use super::{Shape, Site};
use crate::error::Result;
use crate::fetch::Reads;
use crate::life::Life;
use crate::node::Node;
use crate::runtime::Cacheme;
use crate::stats::Stats;

/// The result of a function, cached or made by `load`.
pub async fn call<N, R, S, F>(
    runtime: &Cacheme,
    node: N,
    shape: S,
    reads: Reads,
    load: impl FnOnce() -> F,
) -> R
where
    N: Node,
    S: Shape<R, N::Codec>,
    S::Value: Send,
    F: Future<Output = R>,
{
    runtime.call(node, shape, reads, load).await
}

/// What is kept of a call.
///
/// # Errors
///
/// As [`Cacheme::get_if_present`].
pub async fn get_cached<N, R, S>(runtime: &Cacheme, node: N, shape: S) -> Result<Option<R>>
where
    N: Node,
    S: Shape<R, N::Codec>,
    S::Value: Send,
{
    let value = runtime.find(node).await?;
    Ok(value.map(|value| shape.join(value)))
}

/// Keeps a result as if the function had given it.
///
/// # Errors
///
/// As [`Cacheme::put`].
pub async fn prime<N, R, S>(runtime: &Cacheme, node: N, shape: S, result: R) -> Result<()>
where
    N: Node,
    S: Shape<R, N::Codec>,
    S::Value: Send,
{
    let Ok(value) = shape.split(result) else {
        // The function would keep nothing either.
        return Ok(());
    };
    let ttl_none = runtime.fetch::<N>()?.chain().meta.ttl_none();
    let life = match ttl_none {
        _ if shape.is_something(&value) => Life::default(),
        Some(ttl) => Life::at_most(ttl),
        // As after a refresh, what was kept goes.
        None => Life::NONE,
    };
    runtime.keep(node, value, life).await
}

/// The figures of a function.
pub fn stats<S: Site>(runtime: &Cacheme) -> Stats {
    runtime.stats_of(|chain| chain.site == TypeId::of::<S>())
}

/// The figures of the method at this path of the type `own`.
pub fn method_stats(runtime: &Cacheme, path: &str, own: &str) -> Stats {
    // It is the last of the types that tell calls apart.
    let end = format!("{own}>");
    runtime.stats_of(|chain| chain.meta.path() == path && chain.type_name().ends_with(&end))
}

/// The figures of a node type.
pub fn stats_of<N: Node>(runtime: &Cacheme) -> Stats {
    runtime.stats_of(|chain| chain.id == TypeId::of::<N>())
}
