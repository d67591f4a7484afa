//! Values that say that there is nothing, and how long a node keeps those.

use std::any::{Any, TypeId};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A value that may say that there is nothing, as `None` does. A node with `ttl_none` keeps such
/// values for that time.
///
/// Implemented for `Option`, and for a `Box` or `Arc` around such a type; implement it for a type
/// of your own to use `ttl_none` with it:
///
/// ```
/// use cacheme::{Load, LoadContext, LoadResult, Nothing};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Clone, Serialize, Deserialize)]
/// struct Hits(Vec<u64>);
///
/// impl Nothing for Hits {
///     fn is_nothing(&self) -> bool {
///         self.0.is_empty()
///     }
/// }
///
/// #[cacheme::node(storage = "hot", ttl = "1h", ttl_none = "5s")]
/// struct Search { words: String }
///
/// impl Load for Search {
///     type Value = Hits;
///
///     async fn load(&self, _cx: &LoadContext) -> LoadResult<Hits> {
///         Ok(Hits(Vec::new()))
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`ttl_none` is for values that may be nothing, and `{Self}` never is",
    label = "`{Self}` is not an `Option`",
    note = "make the node's value an `Option`, implement `cacheme::Nothing` for it, or leave `ttl_none` out"
)]
pub trait Nothing {
    /// Whether this says that there is nothing.
    fn is_nothing(&self) -> bool;
}

impl<T> Nothing for Option<T> {
    fn is_nothing(&self) -> bool {
        self.is_none()
    }
}

impl<T: Nothing + ?Sized> Nothing for Box<T> {
    fn is_nothing(&self) -> bool {
        (**self).is_nothing()
    }
}

impl<T: Nothing + ?Sized> Nothing for Arc<T> {
    fn is_nothing(&self) -> bool {
        (**self).is_nothing()
    }
}

/// How long a node keeps values that are nothing, and how it tells them.
#[derive(Clone, Copy)]
pub(crate) struct TtlNone {
    pub(crate) ttl: Duration,
    /// The type of the values.
    of: TypeId,
    is_nothing: fn(&dyn Any) -> bool,
}

impl TtlNone {
    pub(crate) fn new<V: Nothing + 'static>(ttl: Duration) -> Self {
        let is_nothing = |value: &dyn Any| value.downcast_ref().is_some_and(V::is_nothing);
        Self {
            ttl,
            of: TypeId::of::<V>(),
            is_nothing,
        }
    }

    /// The time for values that somebody else tells.
    pub(crate) fn of_others(ttl: Duration) -> Self {
        Self {
            ttl,
            of: TypeId::of::<()>(),
            is_nothing: |_| false,
        }
    }

    /// Whether it is the time that this value is kept for.
    pub(crate) fn is_for(&self, value: &dyn Any) -> bool {
        (self.is_nothing)(value)
    }
}

impl PartialEq for TtlNone {
    fn eq(&self, other: &Self) -> bool {
        (self.ttl, self.of) == (other.ttl, other.of)
    }
}

impl Eq for TtlNone {}

impl fmt::Debug for TtlNone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ttl.fmt(f)
    }
}
