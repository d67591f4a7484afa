//! What a dynamic node is built from.

use std::any::type_name;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use super::DynamicNode;
use crate::codec::{self, Cacheable};
use crate::error::{Error, Result};
use crate::key::escaped;
use crate::meta::{Meta, Tier};
use crate::runtime::Cacheme;

/// Builds a [`DynamicNode`]; made by [`Cacheme::dynamic`].
pub struct DynamicBuilder<C = codec::Default> {
    runtime: Cacheme,
    meta: Meta,
    codec: PhantomData<fn() -> C>,
}

impl DynamicBuilder {
    pub(super) fn new(runtime: Cacheme, name: String) -> Self {
        let body = escaped(&name);
        // No module path has such a form, so no node type has the digests of these keys.
        let path = format!("dynamic:{body}");
        Self {
            runtime,
            meta: Meta::new(name, path, format!("{body}:{{}}")),
            codec: PhantomData,
        }
    }
}

impl<C: 'static> DynamicBuilder<C> {
    /// Sets the version. A new version makes every entry of the node unreachable.
    #[must_use]
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.meta = self.meta.with_version(version.into());
        self
    }

    /// Adds a tier behind those that are there. A node needs at least one.
    #[must_use]
    pub fn tier(mut self, tier: Tier) -> Self {
        self.meta = self.meta.with_tier(tier);
        self
    }

    /// Has values written by the codec `D`, [`codec::Default`] unless this is called.
    #[must_use]
    pub fn codec<D: 'static>(self) -> DynamicBuilder<D> {
        DynamicBuilder {
            runtime: self.runtime,
            meta: self.meta,
            codec: PhantomData,
        }
    }

    /// The node of this name: a new one, or the one that is there.
    ///
    /// # Errors
    ///
    /// When there is one with another version, other tiers, another codec or another type of value, with a
    /// message that says what differs; when a storage isn't registered, the name is empty, no tier
    /// was given, a node type has the same key, or the codec can't write `V`.
    pub fn build<V: Cacheable<C>>(self) -> Result<DynamicNode<V, C>> {
        let name = self.meta.name();
        if name.is_empty() {
            return Err(Error::config("the name of a dynamic node is empty"));
        }
        if self.meta.tiers().is_empty() {
            let problem = format!("the dynamic node `{name}` has no tier: add one by `tier`");
            return Err(Error::node_config(name, problem));
        }
        let (meta, fetch) = self.runtime.dynamic_fetch(&Arc::new(self.meta))?;
        fetch.value_type::<V>()?;
        Ok(DynamicNode {
            runtime: self.runtime,
            meta,
            fetch,
            value: PhantomData,
        })
    }
}

impl<C> fmt::Debug for DynamicBuilder<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamicBuilder")
            .field("meta", &self.meta)
            .field("codec", &type_name::<C>())
            .finish_non_exhaustive()
    }
}
