//! Who is told what the cache evicts.

use std::fmt;

/// Why the cache gave an entry up.
///
/// What the user takes out is no eviction: [`remove`](crate::Cache::remove) and
/// [`insert`](crate::Cache::insert) hand the old value back, `retain` and `clear` drop it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// Others needed the room.
    Capacity,
    /// Its lifetime, or the time for which it may be idle, was over.
    Expired,
    /// It was not kept, since it weighs more than its shard holds.
    TooHeavy,
    /// It was not kept, since it weighs more than an eighth of a full shard and was asked for less often,
    /// for its weight, than what would leave for it first. Asked for again it comes in, after 15 times at
    /// the latest.
    Outweighed,
    /// It was never kept, since the [doorkeeper](crate::Builder::doorkeeper) didn't know its key.
    FirstSeen,
}

/// Called with what is evicted, after the lock is released.
pub(crate) struct Listener<K, V>(Option<Box<Call<K, V>>>);

type Call<K, V> = dyn Fn(K, V, Cause) + Send + Sync;

impl<K, V> Listener<K, V> {
    pub(crate) fn none() -> Self {
        Self(None)
    }

    pub(crate) fn new(call: impl Fn(K, V, Cause) + Send + Sync + 'static) -> Self {
        Self(Some(Box::new(call)))
    }

    #[inline]
    pub(crate) fn tell(&self, key: K, value: V, cause: Cause) {
        if let Some(call) = &self.0 {
            call(key, value, cause);
        }
    }
}

impl<K, V> fmt::Debug for Listener<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Some(..)" } else { "None" })
    }
}
