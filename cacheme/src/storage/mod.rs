//! Named places for entries.
//!
//! A *local* storage keeps typed values in process and is served by the crate's own cache. Any
//! other keeps bytes by key, behind the [`Storage`] trait: one file per driver, one feature each.

#[cfg(feature = "file")]
mod file;
#[cfg_attr(not(feature = "local"), path = "no_local.rs")]
mod local;
mod open;
#[cfg(feature = "redis")]
mod redis;

#[cfg(feature = "file")]
pub use self::file::{FileStorage, FileStorageBuilder};
pub(crate) use self::local::LocalCache;
#[cfg(feature = "local")]
pub use self::local::LocalStorage;
pub use self::open::IntoStorage;
pub(crate) use self::open::{Ready, Unopened};
#[cfg(feature = "redis")]
pub use self::redis::{RedisStorage, RedisStorageBuilder};

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::error::BoxError;
use crate::key::Key;

/// What an operation of a [`Storage`] returns: a boxed future, so that the trait is object-safe.
pub type StorageFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send + 'a>>;

/// A place that keeps bytes by key.
///
/// Batches come first: each operation is one round trip where the driver can do that, for one
/// entry as for a thousand. Keys may stand in a batch more than once. An empty batch does nothing.
///
/// Implementations bound their own time; the runtime's
/// [`storage_timeout`](crate::Builder::storage_timeout) ends what takes longer still. Futures may
/// be dropped at any await: an operation that was under way then may or may not have happened,
/// and later ones work as before.
///
/// # Errors
///
/// Whatever the driver says. The runtime counts a failed read as a miss
/// ([`Miss::Unavailable`](crate::Miss::Unavailable)) and goes on.
pub trait Storage: fmt::Debug + Send + Sync + 'static {
    /// Reads entries: as many results as keys, in the order of the keys, `None` for what isn't
    /// there or is expired.
    fn get_many<'a>(&'a self, keys: &'a [Key]) -> StorageFuture<'a, Vec<Option<Bytes>>>;

    /// Writes entries over what was there. Of two with the same key the last one stays.
    fn put_many<'a>(&'a self, entries: &'a [Entry]) -> StorageFuture<'a, ()>;

    /// Removes entries; it is no error when they aren't there.
    fn remove_many<'a>(&'a self, keys: &'a [Key]) -> StorageFuture<'a, ()>;
}

#[deny(clippy::missing_trait_methods)]
impl<S: Storage + ?Sized> Storage for Arc<S> {
    fn get_many<'a>(&'a self, keys: &'a [Key]) -> StorageFuture<'a, Vec<Option<Bytes>>> {
        (**self).get_many(keys)
    }

    fn put_many<'a>(&'a self, entries: &'a [Entry]) -> StorageFuture<'a, ()> {
        (**self).put_many(entries)
    }

    fn remove_many<'a>(&'a self, keys: &'a [Key]) -> StorageFuture<'a, ()> {
        (**self).remove_many(keys)
    }
}

/// A value that a tier gave, and how long it may still be kept; `None` is for ever.
#[derive(Clone, Debug)]
pub(crate) struct Found<V> {
    pub(crate) value: V,
    pub(crate) left: Option<Duration>,
}

/// An entry to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    key: Key,
    value: Bytes,
    ttl: Option<Duration>,
}

impl Entry {
    /// The entry of `value` under `key`, kept for ever.
    pub fn new(key: Key, value: impl Into<Bytes>) -> Self {
        Self {
            key,
            value: value.into(),
            ttl: None,
        }
    }

    /// Keeps the entry for `ttl` from when it is written, in whole milliseconds, at least one.
    #[must_use]
    pub fn with_ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl.max(Duration::from_millis(1)));
        self
    }

    /// The key.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// The bytes to keep.
    pub fn value(&self) -> &Bytes {
        &self.value
    }

    /// How long to keep them; `None` is for ever.
    pub fn ttl(&self) -> Option<Duration> {
        self.ttl
    }
}
