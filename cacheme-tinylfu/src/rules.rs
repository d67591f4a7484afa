//! What a cache does with every entry: what it weighs, how long it lives, who hears of its end.

use std::fmt;
use std::time::Duration;

use crate::clock::Span;
use crate::listener::Listener;
use crate::shard::Gone;
use crate::times::Lifetime;

type Weigher<K, V> = dyn Fn(&K, &V) -> u32 + Send + Sync;
type ExpiresAfter<K, V> = dyn Fn(&K, &V) -> Option<Duration> + Send + Sync;

pub(crate) struct Rules<K, V> {
    pub(crate) weigher: Option<Box<Weigher<K, V>>>,
    pub(crate) ttl: Span,
    pub(crate) idle: Span,
    pub(crate) expires_after: Option<Box<ExpiresAfter<K, V>>>,
    pub(crate) listener: Listener<K, V>,
}

impl<K, V> Rules<K, V> {
    pub(crate) fn new() -> Self {
        Self {
            weigher: None,
            ttl: Span::ENDLESS,
            idle: Span::ENDLESS,
            expires_after: None,
            listener: Listener::none(),
        }
    }

    /// What an entry weighs: one at least.
    #[inline]
    pub(crate) fn weigh(&self, key: &K, value: &V) -> u32 {
        let weigher = self.weigher.as_ref();
        weigher.map_or(1, |weigh| weigh(key, value).max(1))
    }

    /// How long an entry lives for which the caller gave no lifetime.
    #[inline]
    pub(crate) fn lifetime(&self, key: &K, value: &V) -> Lifetime {
        let own = self.expires_after.as_ref();
        let own = own.and_then(|expires_after| expires_after(key, value));
        Lifetime {
            ttl: own.map_or(self.ttl, Span::from),
            idle: self.idle,
        }
    }

    /// How long an entry lives for which the caller gave a lifetime.
    pub(crate) fn lifetime_of(&self, ttl: Duration) -> Lifetime {
        Lifetime {
            ttl: ttl.into(),
            idle: self.idle,
        }
    }

    /// Tells the listener what left, and drops it. Must not be called while a shard is locked.
    #[inline]
    pub(crate) fn let_go(&self, gone: Gone<K, V>) {
        gone.for_each(|entry, cause| self.listener.tell(entry.key, entry.value, cause));
    }
}

impl<K, V> fmt::Debug for Rules<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules")
            .field("ttl", &self.ttl)
            .field("idle", &self.idle)
            .finish_non_exhaustive()
    }
}
