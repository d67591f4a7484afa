//! What stands for the cache in process when the feature `local` is off: a type without values.

use std::any::TypeId;

use super::{Found, Stay, Unserved};
use crate::node::Node;
use crate::stats::Miss;

/// Never exists.
#[derive(Debug)]
pub(crate) enum LocalCache {}

impl LocalCache {
    pub(crate) fn get<N: Node, V>(&self, _scope: u64, _node: &N) -> Result<V, Unserved> {
        match *self {}
    }

    #[expect(clippy::extra_unused_type_parameters, reason = "as the cache's")]
    pub(crate) fn claim<N: Node, V>(&self, _scope: u64, _node: &N) -> bool {
        match *self {}
    }

    pub(crate) fn find_kept<N: Node, V>(&self, _scope: u64, _node: &N) -> Result<Found<V>, Miss> {
        match *self {}
    }

    pub(crate) fn find<N: Node, V>(&self, _scope: u64, _node: &N) -> Result<Found<V>, Miss> {
        match *self {}
    }

    pub(crate) fn peek<N: Node, V, R>(
        &self,
        _scope: u64,
        _node: &N,
        _read: impl FnOnce(&V) -> R,
    ) -> Option<R> {
        match *self {}
    }

    pub(crate) fn put<N: Node, V>(&self, _scope: u64, _node: N, _value: V, _stay: &Stay) {
        match *self {}
    }

    pub(crate) fn clear(&self, _node: TypeId) {
        match *self {}
    }

    pub(crate) fn clear_all(&self) {
        match *self {}
    }

    pub(crate) fn is_weighted(&self) -> bool {
        match *self {}
    }

    pub(crate) fn remove<N: Node>(&self, _scope: u64, _node: &N) {
        match *self {}
    }
}
