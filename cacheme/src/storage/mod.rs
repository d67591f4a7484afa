#![doc = include_str!("storages.md")]
//!
//! # Inside
//!
//! A *local* storage keeps typed values in process and is served by the crate's own cache. Any
//! other keeps bytes by key, behind the [`Storage`] trait: one file or folder per driver, one feature
//! each. [`open`] opens one outside of a runtime.

#[cfg(any(feature = "file", feature = "postgres", feature = "sqlite"))]
mod copies;
#[cfg(any(
    feature = "mongodb",
    feature = "mysql",
    feature = "postgres",
    feature = "redis",
    feature = "sqlite"
))]
#[allow(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "each driver uses a part of it"
)]
mod driver;
#[cfg(any(feature = "file", feature = "sqlite"))]
mod embedded;
#[cfg(feature = "encryption")]
mod encrypted;
#[cfg_attr(
    not(feature = "local"),
    expect(dead_code, reason = "local storages need it")
)]
mod extra;
#[cfg(feature = "file")]
mod file;
#[cfg(any(feature = "encryption", feature = "mac"))]
mod keyring;
#[cfg_attr(not(feature = "local"), path = "no_local.rs")]
mod local;
#[cfg(feature = "mongodb")]
mod mongodb;
#[cfg(feature = "mysql")]
mod mysql;
mod open;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "redis")]
mod redis;
#[cfg(any(fuzzing, test))]
mod said;
#[cfg(any(feature = "encryption", feature = "mac"))]
mod sealed;
#[cfg(feature = "mac")]
mod signed;
#[cfg(feature = "sqlite")]
mod sqlite;
mod swap;
#[allow(dead_code, reason = "each driver uses a part of it")]
mod url;

#[cfg(feature = "encryption")]
pub use self::encrypted::Encrypted;
pub(crate) use self::extra::Unserved;
#[cfg(feature = "file")]
pub use self::file::{FileStorage, FileStorageBuilder};
#[cfg(any(feature = "encryption", feature = "mac"))]
pub use self::keyring::Keyring;
pub(crate) use self::local::LocalCache;
#[cfg(feature = "local")]
pub use self::local::LocalStorage;
#[cfg(feature = "mongodb")]
pub use self::mongodb::{MongodbStorage, MongodbStorageBuilder};
#[cfg(feature = "mysql")]
pub use self::mysql::{MysqlStorage, MysqlStorageBuilder};
pub use self::open::{IntoStorage, open};
pub(crate) use self::open::{Ready, Unopened};
#[cfg(feature = "postgres")]
pub use self::postgres::{PostgresStorage, PostgresStorageBuilder};
#[cfg(feature = "redis")]
pub use self::redis::{RedisStorage, RedisStorageBuilder};
#[cfg(any(fuzzing, test))]
pub(crate) use self::said::said;
#[cfg(feature = "mac")]
pub use self::signed::Signed;
#[cfg(feature = "sqlite")]
pub use self::sqlite::{SqliteStorage, SqliteStorageBuilder};
pub use self::swap::Swap;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::bus::Bus;
use crate::cached::{LATEST, Landed, Origin};
use crate::error::BoxError;
use crate::key::Key;
use crate::tag::Stamp;

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
/// ([`Miss::Unavailable`](crate::Miss::Unavailable)) and goes on. A storage whose reads fail is left alone
/// for a while, as [`Builder::storage_timeout`](crate::Builder::storage_timeout) says.
pub trait Storage: fmt::Debug + Send + Sync + 'static {
    /// Reads entries: as many results as keys, in the order of the keys, `None` for what isn't
    /// there or is expired.
    fn get_many<'a>(&'a self, keys: &'a [Key]) -> StorageFuture<'a, Vec<Option<Bytes>>>;

    /// Writes entries over what was there. Of two with the same key the last one stays.
    fn put_many<'a>(&'a self, entries: &'a [Entry]) -> StorageFuture<'a, ()>;

    /// Removes entries; it is no error when they aren't there.
    fn remove_many<'a>(&'a self, keys: &'a [Key]) -> StorageFuture<'a, ()>;

    /// Writes each entry whose key has what its swap [expects](Swap), in one step with that look, and says of each
    /// whether it did. Keys are different ones; a swap is by itself, the batch isn't one step, and after an error or when
    /// the future was dropped some may have been made. The default fails.
    fn swap_many<'a>(&'a self, swaps: &'a [Swap]) -> StorageFuture<'a, Vec<bool>> {
        let _ = swaps;
        Box::pin(async { Err("it has no compare-and-swap".into()) })
    }

    /// Whether it has [`swap_many`](Self::swap_many), which nodes with `lease` need. `false` by default.
    fn can_swap(&self) -> bool {
        false
    }

    /// The time since the Unix epoch by the clock that all who use this place share, such as its
    /// server's; asked for often, so it mustn't wait. With it, clients whose own clocks differ
    /// agree on how long an entry has left to live. `None`, the default, is the runtime's
    /// [`Clock`](crate::Clock).
    fn now(&self) -> Option<Duration> {
        None
    }

    /// How many reads are worth being under way at a time, such as the number of connections. A
    /// runtime merges reads of few keys that come at once, or while so many are under way, into one
    /// batch, which a failure then concerns as a whole. `None`, the default, merges none.
    fn parallel_reads(&self) -> Option<usize> {
        None
    }

    /// Whether its keys are on several servers that fail each by itself, as in a cluster. A read that
    /// fails says nothing of other keys there, so the runtime goes on asking. `false`, the default, has it
    /// leave a storage alone that doesn't answer.
    fn is_partitioned(&self) -> bool {
        false
    }

    /// What carries invalidations between processes by way of the same server. `None`, the default, is nothing.
    fn bus(&self) -> Option<Arc<dyn Bus>> {
        None
    }
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

    fn swap_many<'a>(&'a self, swaps: &'a [Swap]) -> StorageFuture<'a, Vec<bool>> {
        (**self).swap_many(swaps)
    }

    fn can_swap(&self) -> bool {
        (**self).can_swap()
    }

    fn now(&self) -> Option<Duration> {
        (**self).now()
    }

    fn parallel_reads(&self) -> Option<usize> {
        (**self).parallel_reads()
    }

    fn is_partitioned(&self) -> bool {
        (**self).is_partitioned()
    }

    fn bus(&self) -> Option<Arc<dyn Bus>> {
        (**self).bus()
    }
}

/// A value that a tier gave.
#[derive(Clone, Debug)]
pub(crate) struct Found<V> {
    pub(crate) value: V,
    /// How long it may still be kept; `None` is for ever.
    pub(crate) left: Option<Duration>,
    /// How long ago it was loaded.
    pub(crate) age: Duration,
    pub(crate) stamp: Option<Arc<Stamp>>,
    /// Whether its time to live is over.
    pub(crate) is_stale: bool,
    /// What tells an entry of a remote tier from others.
    pub(crate) draw: u64,
}

impl<V> Found<V> {
    /// As it is returned that had it at this place in the chain. Nobody joins it.
    pub(crate) fn landed(self, place: usize) -> Landed<V> {
        Landed {
            value: self.value,
            origin: Origin::Tier(place),
            age: self.age,
            is_stale: self.is_stale,
            until: None,
            stamp: None,
            seen: LATEST,
        }
    }
}

/// How a value stays in a local tier.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "local"), expect(dead_code, reason = "nobody reads it"))]
pub(crate) struct Stay {
    /// How long at most; `None` is for ever.
    pub(crate) ttl: Option<Duration>,
    /// How long ago it was loaded.
    pub(crate) age: Duration,
    /// How long without being asked for; `None` is for ever.
    pub(crate) idle: Option<Duration>,
    pub(crate) weight: u32,
    /// Its tags, if it has any.
    pub(crate) stamp: Option<Arc<Stamp>>,
    /// How long it is kept beyond its time to live, as an old value.
    pub(crate) stale: Option<Duration>,
    /// Whether it is an old value now.
    pub(crate) is_stale: bool,
    /// After which time a hit has it renewed.
    pub(crate) renewed: Option<Duration>,
}

#[cfg_attr(not(feature = "local"), expect(dead_code, reason = "nobody asks"))]
impl Stay {
    /// How long it is there, its time to live over or not.
    pub(crate) fn kept(&self) -> Option<Duration> {
        let stale = self.stale.unwrap_or_default();
        self.ttl.map(|ttl| ttl.saturating_add(stale))
    }

    /// Of an old value, which is kept for `left`.
    pub(crate) fn make_old(&mut self, left: Duration) {
        self.is_stale = true;
        self.stale = self.ttl.map(|ttl| left.saturating_sub(ttl));
        self.renewed = None;
    }

    /// Whether it is more than a time to live.
    pub(crate) fn needs_extra(&self) -> bool {
        self.stamp.is_some() || self.stale.is_some() || self.is_stale || self.renewed.is_some()
    }
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
