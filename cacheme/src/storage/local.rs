//! Typed values in process.
//!
//! One cache holds the values of many node types within one capacity. Its keys are nodes behind a
//! trait object; a look-up borrows the caller's node instead, so that nothing is allocated and no
//! string is built.

use std::any::{Any, TypeId};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use cacheme_tinylfu::{Cache, Equivalent, Lookup, Policy};

use super::Found;
use crate::clock::Clock;
use crate::node::Node;
use crate::stats::Miss;

/// A storage in process, to be registered: how many entries it keeps and which it evicts.
///
/// ```
/// use cacheme::{Cacheme, LocalStorage};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> cacheme::Result<()> {
/// let runtime = Cacheme::builder()
///     .storage("hot", LocalStorage::tlfu(10_000))
///     .storage("recent", "local://lru?capacity=500")
///     .build()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalStorage {
    capacity: usize,
    policy: Policy,
}

impl LocalStorage {
    /// Keeps `capacity` entries, the ones that are used most often and lately (W-TinyLFU). The
    /// right choice unless entries are only ever used soon after they came.
    pub fn tlfu(capacity: usize) -> Self {
        let policy = Policy::TinyLfu;
        Self { capacity, policy }
    }

    /// Keeps the `capacity` entries that were used last.
    pub fn lru(capacity: usize) -> Self {
        let policy = Policy::Lru;
        Self { capacity, policy }
    }

    /// Reads a URL such as `local://lru?capacity=500`.
    pub(super) fn parse(url: &str) -> Result<Self, String> {
        let rest = url.trim_start_matches("local:").trim_start_matches("//");
        let (policy, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut capacity = None;
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            if name != "capacity" {
                return Err(format!("unknown parameter `{name}`: there is `capacity`"));
            }
            let number = value.parse();
            let number = number.map_err(|_| format!("`capacity={value}` is not a whole number"))?;
            capacity = Some(number);
        }
        let missing = || format!("no capacity is given: write `local://{policy}?capacity=10000`");
        match policy {
            "tlfu" => Ok(Self::tlfu(capacity.ok_or_else(missing)?)),
            "lru" => Ok(Self::lru(capacity.ok_or_else(missing)?)),
            _ => Err(format!(
                "unknown policy `{policy}`: there are `tlfu` and `lru`"
            )),
        }
    }

    pub(super) fn into_cache(self, clock: Arc<dyn Clock>) -> Result<LocalCache, String> {
        let monotonic = Arc::clone(&clock);
        let entries = Cache::builder()
            .capacity(self.capacity)
            .policy(self.policy)
            .clock(move || monotonic.monotonic())
            .build()
            .map_err(|error| error.to_string())?;
        Ok(LocalCache { entries, clock })
    }
}

/// The entries of a local storage.
pub(crate) struct LocalCache {
    entries: Cache<Kept, Value>,
    clock: Arc<dyn Clock>,
}

struct Value {
    value: Box<dyn Any + Send + Sync>,
    /// By the monotonic clock. The cache knows it as well; it is kept here for refills.
    expires: Option<Duration>,
}

impl LocalCache {
    /// The value of `node` among the entries of `scope`.
    ///
    /// Takes one lock of the cache and allocates nothing beyond what cloning the value does.
    pub(crate) fn get<N: Node, V: Clone + 'static>(
        &self,
        scope: u64,
        node: &N,
    ) -> Result<Found<V>, Miss> {
        let found = self.entries.lookup(&Sought { scope, node }, |kept| {
            let value = kept.value.downcast_ref::<V>()?.clone();
            Some((value, kept.expires))
        });
        match found {
            Lookup::Hit(Some((value, expires))) => {
                let left = expires.map(|at| at.saturating_sub(self.clock.monotonic()));
                Ok(Found { value, left })
            }
            Lookup::Hit(None) => Err(Miss::Schema),
            Lookup::Expired => Err(Miss::Expired),
            Lookup::Absent => Err(Miss::Absent),
        }
    }

    pub(crate) fn put<N: Node, V: Send + Sync + 'static>(
        &self,
        scope: u64,
        node: N,
        value: V,
        ttl: Option<Duration>,
    ) {
        let node = Kept(Box::new(Scoped { scope, node }));
        let value = Box::new(value);
        match ttl {
            None => {
                let expires = None;
                self.entries.insert(node, Value { value, expires });
            }
            Some(ttl) => {
                let expires = Some(self.clock.monotonic().saturating_add(ttl));
                let value = Value { value, expires };
                self.entries.insert_with_ttl(node, value, ttl);
            }
        }
    }

    pub(crate) fn remove<N: Node>(&self, scope: u64, node: &N) {
        self.entries.remove(&Sought { scope, node });
    }
}

/// A node as a key of the cache.
struct Kept(Box<dyn AnyNode>);

struct Scoped<N> {
    scope: u64,
    node: N,
}

/// A node that is looked up; equivalent to the [`Kept`] one of the same type, scope and identity.
struct Sought<'a, N> {
    scope: u64,
    node: &'a N,
}

/// A [`Scoped`] node of any type.
trait AnyNode: Any + Send + Sync {
    fn hash_any(&self, state: &mut dyn Hasher);
    fn same_as(&self, other: &dyn AnyNode) -> bool;
}

impl<N: Node> AnyNode for Scoped<N> {
    fn hash_any(&self, mut state: &mut dyn Hasher) {
        let Self { scope, node } = self;
        Sought {
            scope: *scope,
            node,
        }
        .hash(&mut state);
    }

    fn same_as(&self, other: &dyn AnyNode) -> bool {
        let (scope, node) = (self.scope, &self.node);
        Sought { scope, node }.is(other)
    }
}

impl<N: Node> Sought<'_, N> {
    fn is(&self, other: &dyn AnyNode) -> bool {
        let other: &dyn Any = other;
        other
            .downcast_ref::<Scoped<N>>()
            .is_some_and(|other| self.scope == other.scope && self.node.same(&other.node))
    }
}

impl<N: Node> Hash for Sought<'_, N> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        TypeId::of::<N>().hash(state);
        state.write_u64(self.scope);
        self.node.hash_into(state);
    }
}

impl<N: Node> Equivalent<Kept> for Sought<'_, N> {
    fn equivalent(&self, kept: &Kept) -> bool {
        self.is(&*kept.0)
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

impl fmt::Debug for LocalCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalCache")
            .field("entries", &self.entries)
            .finish_non_exhaustive()
    }
}
