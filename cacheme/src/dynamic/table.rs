//! The dynamic nodes of a runtime, by name.

use std::any::{Any, type_name};
use std::collections::BTreeMap;
use std::sync::Arc;

use super::key::DynamicKey;
use crate::error::{Error, Result};
use crate::fetch::Fetch;
use crate::meta::Meta;

/// What is known of each dynamic node.
#[derive(Debug, Default)]
pub(crate) struct DynamicTable(BTreeMap<String, Known>);

#[derive(Debug)]
struct Known {
    meta: Arc<Meta>,
    codec: &'static str,
    /// A `Fetch<DynamicKey<C>>`, with the codec of that name.
    fetch: Arc<dyn Any + Send + Sync>,
}

/// A node of the table.
pub(crate) type Entry<C> = (Arc<Meta>, Arc<Fetch<DynamicKey<C>>>);

impl DynamicTable {
    /// The node of this name, if it is there and the same.
    pub(crate) fn find<C: 'static>(&self, meta: &Meta) -> Result<Option<Entry<C>>> {
        let Some(known) = self.0.get(meta.name()) else {
            return Ok(None);
        };
        match Arc::clone(&known.fetch).downcast() {
            Ok(fetch) if *known.meta == *meta => Ok(Some((Arc::clone(&known.meta), fetch))),
            _ => Err(known.differs(meta, type_name::<C>())),
        }
    }

    pub(crate) fn insert<C: 'static>(
        &mut self,
        meta: &Arc<Meta>,
        fetch: Fetch<DynamicKey<C>>,
    ) -> Entry<C> {
        let fetch = Arc::new(fetch);
        let known = Known {
            meta: Arc::clone(meta),
            codec: type_name::<C>(),
            fetch: Arc::<Fetch<DynamicKey<C>>>::clone(&fetch),
        };
        self.0.insert(meta.name().to_owned(), known);
        (Arc::clone(meta), fetch)
    }
}

impl Known {
    /// Says in what another definition differs.
    fn differs(&self, meta: &Meta, codec: &str) -> Error {
        let (here, name) = (&self.meta, meta.name());
        let of = |what, here: &dyn std::fmt::Debug, there: &dyn std::fmt::Debug| {
            let (here, there) = (format!("{here:?}"), format!("{there:?}"));
            (here != there).then(|| format!("{what} {here}, not {there}"))
        };
        let differences = [
            of("the version", &here.version(), &meta.version()),
            of("the tiers", &here.tiers(), &meta.tiers()),
            of("the codec", &self.codec, &codec),
        ];
        let differences: Vec<_> = differences.into_iter().flatten().collect();
        let differences = differences.join(" and ");
        Error::node_config(
            name,
            format!("the dynamic node `{name}` is there already, with {differences}"),
        )
    }
}
