//! An entry of a local storage: a node of any type with its value, as the key of the cache.

use std::any::{Any, TypeId};
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::time::Duration;

use cacheme_tinylfu::Equivalent;

use crate::node::Node;
use crate::registry;
use crate::stats::Miss;
use crate::storage::extra::Extra;

/// An entry, in one box that is the cache's key: what makes it equal, and the rest.
pub(super) struct Held<N, V> {
    pub(super) scope: u64,
    pub(super) node: N,
    pub(super) value: V,
    /// The cache knows it as well; it is kept here for refills.
    pub(super) end: End,
    pub(super) birth: Birth,
    pub(super) weight: u32,
    /// What few entries have, in a place of its own so that the others are small.
    pub(super) extra: Option<Box<Extra>>,
}

impl<N, V> Held<N, V> {
    /// Whether it is as it was put there: within its life, and with its tags.
    pub(super) fn is_usable(&self, now: Duration) -> Result<(), Miss> {
        let Some(extra) = &self.extra else {
            return Ok(());
        };
        extra.is_current()?;
        match self.end.at() {
            Some(end) if end <= now => Err(Miss::Expired),
            _ => Ok(()),
        }
    }
}

/// When a value was loaded: milliseconds by the monotonic clock, negative for what is older than that
/// clock's start, as values of a remote tier may be.
#[derive(Clone, Copy)]
pub(super) struct Birth(i64);

impl Birth {
    pub(super) fn new(now: Duration, age: Duration) -> Self {
        Self(whole(now).saturating_sub(whole(age)))
    }

    pub(super) fn age(self, now: Duration) -> Duration {
        let age = whole(now).saturating_sub(self.0);
        Duration::from_millis(age.try_into().unwrap_or(0))
    }
}

/// When the life of a value ends: nanoseconds by the monotonic clock, all ones for never. An entry of a number is a cache
/// line with it, and would be more with a `Duration`.
#[derive(Clone, Copy)]
pub(super) struct End(u64);

impl End {
    pub(super) fn new(at: Option<Duration>) -> Self {
        let nanos = at.map(|at| u64::try_from(at.as_nanos()).unwrap_or(u64::MAX - 1));
        Self(nanos.unwrap_or(u64::MAX))
    }

    pub(super) fn at(self) -> Option<Duration> {
        (self.0 != u64::MAX).then(|| Duration::from_nanos(self.0))
    }
}

/// Whole milliseconds.
fn whole(time: Duration) -> i64 {
    time.as_millis().try_into().unwrap_or(i64::MAX)
}

/// A [`Held`] of any types.
pub(super) struct Kept(pub(super) Box<dyn AnyHeld>);

pub(super) trait AnyHeld: Any + Send + Sync {
    fn hash_any(&self, state: &mut dyn Hasher);

    /// The scope, and the node as its type.
    fn identity(&self) -> (u64, &dyn Any);

    fn same_as(&self, other: &dyn AnyHeld) -> bool;

    fn weight(&self) -> u32;
}

/// What makes entries equal: the scope, the node's type and its own identity.
pub(super) struct Identity<'a, N> {
    pub(super) scope: u64,
    pub(super) node: &'a N,
}

/// The identity of an entry whose value has the type `V`. Within a runtime a node has one type of
/// value, so this finds what [`Identity`] finds, with one look at the entry's type.
pub(super) struct Sought<'a, N, V> {
    pub(super) scope: u64,
    pub(super) node: &'a N,
    pub(super) value: PhantomData<fn() -> V>,
}

impl Kept {
    pub(super) fn node_type(&self) -> TypeId {
        self.0.identity().1.type_id()
    }

    #[inline]
    pub(super) fn as_held<N: Node, V: Send + Sync + 'static>(&self) -> Option<&Held<N, V>> {
        let held: &dyn Any = &*self.0;
        held.downcast_ref()
    }
}

impl<N: Node, V: Send + Sync + 'static> AnyHeld for Held<N, V> {
    fn hash_any(&self, mut state: &mut dyn Hasher) {
        let (scope, node) = (self.scope, &self.node);
        Identity { scope, node }.hash(&mut state);
    }

    fn identity(&self) -> (u64, &dyn Any) {
        (self.scope, &self.node)
    }

    fn same_as(&self, other: &dyn AnyHeld) -> bool {
        let (scope, node) = (self.scope, &self.node);
        Identity { scope, node }.is(other)
    }

    fn weight(&self) -> u32 {
        self.weight
    }
}

impl<N: Node> Identity<'_, N> {
    fn is(&self, other: &dyn AnyHeld) -> bool {
        let (scope, node) = other.identity();
        let same = |node| self.node.same(node);
        scope == self.scope && node.downcast_ref().is_some_and(same)
    }
}

impl<N: Node> Hash for Identity<'_, N> {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        // One word for both: a `TypeId` is spread over all of its bits.
        state.write_u64(registry::hash(TypeId::of::<N>()) ^ self.scope);
        self.node.hash_into(state);
    }
}

impl<N: Node> Equivalent<Kept> for Identity<'_, N> {
    fn equivalent(&self, kept: &Kept) -> bool {
        self.is(&*kept.0)
    }
}

impl<N: Node, V> Hash for Sought<'_, N, V> {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        let (scope, node) = (self.scope, self.node);
        Identity { scope, node }.hash(state);
    }
}

impl<N: Node, V: Send + Sync + 'static> Equivalent<Kept> for Sought<'_, N, V> {
    #[inline]
    fn equivalent(&self, kept: &Kept) -> bool {
        let held = kept.as_held::<N, V>();
        held.is_some_and(|held| held.scope == self.scope && held.node.same(self.node))
    }
}

impl Hash for Kept {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash_any(state);
    }
}

impl PartialEq for Kept {
    fn eq(&self, other: &Self) -> bool {
        self.0.same_as(&*other.0)
    }
}

impl Eq for Kept {}
