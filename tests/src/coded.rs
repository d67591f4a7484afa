//! A node whose values are written by any codec, and that is otherwise the same node for all of them.

use std::fmt;
use std::hash::Hasher;
use std::marker::PhantomData;

use cacheme::{KeyWriter, Meta, Node, Tier};

/// The node, in the storage `far`.
pub struct Coded<C>(PhantomData<fn() -> C>);

impl<C> Coded<C> {
    /// The one that there is.
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

impl<C> Default for Coded<C> {
    fn default() -> Self {
        Self::new()
    }
}

impl<C> fmt::Debug for Coded<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Coded")
    }
}

impl<C: 'static> Node for Coded<C> {
    type Codec = C;

    fn meta() -> Meta {
        Meta::new("Coded", "coded::Coded", "coded").with_tier(Tier::new("far"))
    }

    fn write_key(&self, key: &mut KeyWriter) {
        key.literal("coded");
    }

    fn same(&self, _other: &Self) -> bool {
        true
    }

    fn hash_into<H: Hasher>(&self, _state: &mut H) {}

    fn duplicate(&self) -> Self {
        Self::new()
    }
}
