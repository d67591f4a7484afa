//! What a batch of nodes was loaded as.

use std::collections::HashMap;
use std::time::Duration;

use super::LoadResult;
use crate::error::{BoxError, Error, Result};
use crate::life::Life;
use crate::node::{Id, Node};

/// Values by node, as [`Load::load_all`](crate::Load::load_all) returns them. Collect it from pairs of a node and its
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
    /// [`LoadContext::set_ttl`](crate::LoadContext::set_ttl) says of all values of a load.
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

    /// Gives the value of `node`, which is in, a tag: what
    /// [`LoadContext::add_tag`](crate::LoadContext::add_tag) says of all values of a load.
    ///
    /// ```
    /// # use cacheme::Loaded;
    /// # #[cacheme::node(storage = "hot")]
    /// # struct Article { number: u64 }
    /// let mut loaded = Loaded::default();
    /// loaded.insert(Article { number: 1 }, "news");
    /// loaded.add_tag(&Article { number: 1 }, "author:7");
    /// ```
    pub fn add_tag(&mut self, node: &N, tag: impl Into<String>) {
        if let Some(Ok((_, life))) = self.values.get_mut(&Id(node.duplicate())) {
            let tagged = Life::of_tags([tag.into().into()]);
            *life = std::mem::take(life).and(tagged);
        }
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
    pub(crate) fn shortened(mut self, life: &Life) -> Self {
        if *life != Life::default() {
            for (_, own) in self.values.values_mut().flatten() {
                *own = std::mem::take(own).and(life.clone());
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
