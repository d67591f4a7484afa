//! Typed values in process.
//!
//! One cache holds the values of many node types within one capacity. Its keys are nodes behind a
//! trait object; a look-up borrows the caller's node instead, so that nothing is allocated and no
//! string is built.

mod held;

use std::any::TypeId;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use cacheme_tinylfu::{Cache, Lookup, Policy};

use self::held::{Birth, End, Held, Identity, Kept, Sought};
use super::extra::{Extra, Unserved};
use super::url::{BadUrl, StorageUrl};
use super::{Found, Stay};
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
    is_weighted: bool,
}

impl LocalStorage {
    /// Keeps `capacity` entries, the ones that are used most often and lately (W-TinyLFU). The
    /// right choice unless entries are only ever used soon after they came.
    pub fn tlfu(capacity: usize) -> Self {
        Self::new(capacity, Policy::TinyLfu)
    }

    /// Keeps the `capacity` entries that were used last.
    pub fn lru(capacity: usize) -> Self {
        Self::new(capacity, Policy::Lru)
    }

    fn new(capacity: usize, policy: Policy) -> Self {
        Self {
            capacity,
            policy,
            is_weighted: false,
        }
    }

    /// Has the capacity be one of weight, in whatever unit the nodes' `weight` is, such as bytes. Values of
    /// nodes without it weigh 1. An entry that is heavier than an eighth of the capacity may be refused, and
    /// one that is heavier than all of it always is, also in place of a lighter one that was there; the figures
    /// count it as written.
    ///
    /// ```
    /// use cacheme::LocalStorage;
    ///
    /// // 64 MiB for nodes that say what their values weigh in bytes.
    /// let pages = LocalStorage::tlfu(64 << 20).weighted();
    /// ```
    #[must_use]
    pub fn weighted(mut self) -> Self {
        self.is_weighted = true;
        self
    }

    /// Reads a URL such as `local://lru?capacity=500`.
    pub(super) fn parse(url: &str) -> Result<Self, BadUrl> {
        let url = StorageUrl::parse(url, &["capacity", "weighted"], &[])?;
        let policy = url.rest().trim_start_matches("//");
        let with: fn(usize) -> Self = match policy {
            "tlfu" => Self::tlfu,
            "lru" => Self::lru,
            _ => {
                let problem = format!("unknown policy `{policy}`: there are `tlfu` and `lru`");
                return Err(BadUrl::new(problem));
            }
        };
        let capacity = url.get("capacity")?.ok_or_else(|| {
            let example = format!("local://{policy}?capacity=10000");
            BadUrl::new(format_args!("no capacity is given: write `{example}`"))
        })?;
        let mut storage = with(capacity);
        url.read("weighted", &mut storage.is_weighted)?;
        Ok(storage)
    }

    pub(super) fn into_cache(self, clock: Arc<dyn Clock>) -> Result<LocalCache, String> {
        if self.capacity == 0 {
            return Err("a capacity of 0 keeps nothing".to_owned());
        }
        let monotonic = Arc::clone(&clock);
        let mut builder = Cache::builder()
            .capacity(self.capacity)
            .policy(self.policy)
            .clock(move || monotonic.monotonic());
        if self.is_weighted {
            builder = builder.weigher(|kept: &Kept, ()| kept.0.weight());
        }
        let entries = builder.build().map_err(|error| error.to_string())?;
        Ok(LocalCache {
            entries,
            clock,
            is_weighted: self.is_weighted,
        })
    }
}

/// The entries of a local storage.
pub(crate) struct LocalCache {
    entries: Cache<Kept, ()>,
    clock: Arc<dyn Clock>,
    is_weighted: bool,
}

impl LocalCache {
    /// The value of `node` among the entries of `scope`, unless it is to be renewed.
    ///
    /// Waits for no other reader, allocates nothing beyond what cloning the value does, and reads the
    /// clock only for an entry that expires.
    #[inline]
    pub(crate) fn get<N: Node, V: Clone + Send + Sync + 'static>(
        &self,
        scope: u64,
        node: &N,
    ) -> Result<V, Unserved> {
        self.read(scope, node, |held: &Held<N, V>| match &held.extra {
            None => Ok(held.value.clone()),
            Some(extra) => self.checked(held, extra),
        })
    }

    /// The value of an entry of which there is more to know. Apart, so that plain hits stay small.
    #[inline(never)]
    fn checked<N, V: Clone>(&self, held: &Held<N, V>, extra: &Extra) -> Result<V, Unserved> {
        extra.check(held.end.at(), &*self.clock)?;
        Ok(held.value.clone())
    }

    /// Whether the entry of `node` is to be renewed by who asks: for a while by nobody else.
    pub(crate) fn claim<N: Node, V: Send + Sync + 'static>(&self, scope: u64, node: &N) -> bool {
        let claim = |held: &Held<N, V>| {
            let extra = held.extra.as_ref();
            Ok(extra.is_some_and(|extra| extra.claim(&*self.clock)))
        };
        let claimed: Result<_, Miss> = self.read(scope, node, claim);
        claimed.unwrap_or(false)
    }

    /// The value with the life left to it and its age.
    pub(crate) fn find<N: Node, V: Clone + Send + Sync + 'static>(
        &self,
        scope: u64,
        node: &N,
    ) -> Result<Found<V>, Miss> {
        self.found(scope, node, |held, now| {
            held.is_usable(now)?;
            Ok(held.end.at())
        })
    }

    /// The same, with one that is kept beyond its life. What is left is for how long it is kept, then.
    pub(crate) fn find_kept<N: Node, V: Clone + Send + Sync + 'static>(
        &self,
        scope: u64,
        node: &N,
    ) -> Result<Found<V>, Miss> {
        self.found(scope, node, |held, now| {
            let Some(extra) = &held.extra else {
                return Ok(held.end.at());
            };
            extra.is_current()?;
            let is_over = held.end.at().is_some_and(|end| end <= now);
            let end = if is_over || extra.is_stale {
                extra.kept_until
            } else {
                held.end.at()
            };
            Ok(end)
        })
    }

    /// What is found, `end` saying until when it may be used.
    fn found<N: Node, V: Clone + Send + Sync + 'static>(
        &self,
        scope: u64,
        node: &N,
        end: impl FnOnce(&Held<N, V>, Duration) -> Result<Option<Duration>, Miss>,
    ) -> Result<Found<V>, Miss> {
        let now = self.clock.monotonic();
        self.read(scope, node, |held: &Held<N, V>| {
            let end = end(held, now)?;
            let extra = held.extra.as_ref();
            let is_over = held.end.at().is_some_and(|end| end <= now);
            Ok(Found {
                value: held.value.clone(),
                left: end.map(|at| at.saturating_sub(now)),
                age: held.birth.age(now),
                stamp: extra.and_then(|extra| extra.stamp.clone()),
                is_stale: is_over || extra.is_some_and(|extra| extra.is_stale),
                draw: 0,
            })
        })
    }

    /// What `read` makes of the value of `node`, which the policy doesn't notice.
    pub(crate) fn peek<N: Node, V: Send + Sync + 'static, R>(
        &self,
        scope: u64,
        node: &N,
        read: impl FnOnce(&V) -> R,
    ) -> Option<R> {
        let value = PhantomData;
        let sought: Sought<'_, N, V> = Sought { scope, node, value };
        let read = |held: &Held<N, V>| {
            let usable = held.is_usable(self.clock.monotonic());
            usable.is_ok().then(|| read(&held.value))
        };
        self.entries
            .peek_key_value(&sought, |kept, ()| kept.as_held().and_then(read))
            .flatten()
    }

    #[inline]
    fn read<N: Node, V: Send + Sync + 'static, R, E: From<Miss>>(
        &self,
        scope: u64,
        node: &N,
        read: impl FnOnce(&Held<N, V>) -> Result<R, E>,
    ) -> Result<R, E> {
        let value = PhantomData;
        let sought: Sought<'_, N, V> = Sought { scope, node, value };
        let found = self
            .entries
            .lookup_key_value(&sought, |kept, ()| kept.as_held().map(read));
        match found {
            Lookup::Hit(Some(read)) => read,
            Lookup::Expired => Err(Miss::Expired.into()),
            Lookup::Hit(None) | Lookup::Absent => Err(Miss::Absent.into()),
        }
    }

    pub(crate) fn put<N: Node, V: Send + Sync + 'static>(
        &self,
        scope: u64,
        node: N,
        value: V,
        stay: &Stay,
    ) {
        let now = self.clock.monotonic();
        let kept = stay.kept();
        let extra = stay.needs_extra().then(|| Extra::new(stay, now));
        let &Stay {
            ttl,
            age,
            idle,
            weight,
            ..
        } = stay;
        let entry = Kept(Box::new(Held {
            scope,
            node,
            value,
            end: End::new(ttl.map(|ttl| now.saturating_add(ttl))),
            birth: Birth::new(now, age),
            weight,
            extra: extra.map(Box::new),
        }));
        match (kept, idle) {
            (kept, Some(idle)) => self.entries.insert_with_idle(entry, (), kept, idle),
            (Some(kept), None) => self.entries.insert_with_ttl(entry, (), kept),
            (None, None) => self.entries.insert(entry, ()),
        };
    }

    /// Whether its capacity is one of weight.
    pub(crate) fn is_weighted(&self) -> bool {
        self.is_weighted
    }

    /// Takes out all entries of a node type.
    pub(crate) fn clear(&self, node: TypeId) {
        self.entries.retain(|kept, ()| kept.node_type() != node);
    }

    /// Takes out everything.
    pub(crate) fn clear_all(&self) {
        self.entries.clear();
    }

    pub(crate) fn remove<N: Node>(&self, scope: u64, node: &N) {
        self.entries.remove(&Identity { scope, node });
    }
}

impl fmt::Debug for LocalCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalCache")
            .field("entries", &self.entries)
            .finish_non_exhaustive()
    }
}
