//! A key of a dynamic node, which to the rest of the crate is the node.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::key::{FieldText, KeyWriter};
use crate::meta::Meta;
use crate::node::Node;

/// What tells a key from the others of its node, and the node.
pub(crate) struct DynamicKey<C> {
    node: Arc<Meta>,
    written: Arc<FieldText>,
    codec: PhantomData<fn() -> C>,
}

impl<C> DynamicKey<C> {
    /// The key that `value` shows.
    pub(super) fn new(node: &Arc<Meta>, value: &impl Serialize) -> Result<Self> {
        let written = FieldText::of(value).map_err(|error| Error::key(node.name(), error))?;
        Ok(Self {
            node: Arc::clone(node),
            written: Arc::new(written.without_widths()),
            codec: PhantomData,
        })
    }

    fn is_of(&self, other: &Arc<Meta>) -> bool {
        Arc::ptr_eq(&self.node, other) || self.node == *other
    }
}

impl<C: 'static> Node for DynamicKey<C> {
    type Codec = C;

    /// Of the type, which no runtime lists: each node has a meta of its own.
    fn meta() -> Meta {
        Meta::new("DynamicKey", module_path!(), "")
    }

    fn write_key(&self, key: &mut KeyWriter) {
        let pattern = self.node.pattern();
        key.literal(pattern.strip_suffix("{}").unwrap_or(pattern));
        key.written(&self.written);
    }

    fn same(&self, other: &Self) -> bool {
        self.written == other.written && self.is_of(&other.node)
    }

    fn hash_into<H: Hasher>(&self, state: &mut H) {
        self.node.name().hash(state);
        self.written.hash(state);
    }

    fn duplicate(&self) -> Self {
        Self {
            node: Arc::clone(&self.node),
            written: Arc::clone(&self.written),
            codec: PhantomData,
        }
    }
}

impl<C: 'static> Clone for DynamicKey<C> {
    fn clone(&self) -> Self {
        self.duplicate()
    }
}

impl<C> fmt::Debug for DynamicKey<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamicKey")
            .field("node", &self.node.name())
            .field("written", &self.written)
            .finish_non_exhaustive()
    }
}
