//! What a node is: a type whose values each identify one cached thing.
//!
//! A node's identity is its fields, all of them, and nothing else. The same fields make its key
//! in remote storages, its hash and its equality in process, so the three can't disagree. The
//! macros write all of it; a node needs no other derive.

use std::any::TypeId;
use std::borrow::Cow;
use std::hash::{Hash, Hasher};

use serde::Serialize;

use crate::key::KeyWriter;
use crate::meta::Meta;
use crate::tag::TagWriter;

/// A type whose values each identify one cached thing.
///
/// Written by [`#[cacheme::node(...)]`](macro@crate::node) or
/// [`#[derive(Node)]`](macro@crate::Node). Implement [`Load`](crate::Load) beside it to say how a
/// missing value is made.
///
/// Whoever implements it by hand promises that [`same`](Node::same),
/// [`hash_into`](Node::hash_into) and [`write_key`](Node::write_key) agree: two nodes write the
/// same key exactly when they are the same, and then their hashes are equal.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a node",
    label = "not a node",
    note = "annotate the struct or enum with `#[cacheme::node(storage = \"...\")]`"
)]
pub trait Node: Sized + Send + Sync + 'static {
    /// How the values of this node become bytes: [`codec::Default`](crate::codec::Default)
    /// unless the node says `codec = ...`.
    type Codec;

    /// Name, version and tiers. Called when a runtime first sees the node, and now and then later.
    fn meta() -> Meta;

    /// What was annotated: of a function, all its instances are the same.
    #[doc(hidden)]
    fn site() -> TypeId {
        TypeId::of::<Self>()
    }

    /// What the figures call the type, its type parameters behind it in `<>`.
    #[doc(hidden)]
    fn type_name() -> Cow<'static, str> {
        Cow::Borrowed(std::any::type_name::<Self>())
    }

    /// What the compiler calls what was annotated, its type parameters left out.
    #[doc(hidden)]
    fn item() -> &'static str {
        let name = std::any::type_name::<Self>();
        name.split('<').next().unwrap_or_default()
    }

    /// Writes what tells this node from the others of its type.
    fn write_key(&self, key: &mut KeyWriter);

    /// Writes the tags that every value of this node has: none unless it says so here, and its meta by
    /// [`with_tags`](Meta::with_tags).
    fn write_tags(&self, tags: &mut TagWriter) {
        let _ = tags;
    }

    /// Whether both identify the same thing.
    fn same(&self, other: &Self) -> bool;

    /// Feeds the node's identity to a hasher.
    fn hash_into<H: Hasher>(&self, state: &mut H);

    /// A node that is the [`same`](Node::same) as this one.
    #[must_use]
    fn duplicate(&self) -> Self;
}

/// What a field of a node needs: to be compared, hashed, copied and written into a key.
///
/// Holds for every type that has the traits, so there is nothing to implement. The key part is
/// what serde's `Serialize` shows of the value: unequal values have to show something different.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be part of a node's key",
    label = "not usable in a key",
    note = "a field of a node needs `Clone`, `Eq`, `Hash` and `serde::Serialize`"
)]
pub trait KeyPart: Clone + Eq + Hash + Serialize + Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Clone + Eq + Hash + Serialize + Send + Sync + 'static> KeyPart for T {}

/// A node as a key of a hash map.
#[derive(Debug)]
pub(crate) struct Id<N>(pub(crate) N);

impl<N: Node> Clone for Id<N> {
    fn clone(&self) -> Self {
        Self(self.0.duplicate())
    }
}

impl<N: Node> PartialEq for Id<N> {
    fn eq(&self, other: &Self) -> bool {
        self.0.same(&other.0)
    }
}

impl<N: Node> Eq for Id<N> {}

impl<N: Node> Hash for Id<N> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash_into(state);
    }
}
