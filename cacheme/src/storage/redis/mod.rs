//! Redis, through fred: a server, a cluster, or a master that sentinels watch.
//!
//! Nothing waits for ever and nothing queues without bound. While a connection is down, its
//! commands fail at once and it is mended behind the scenes; a server that doesn't answer costs a
//! deadline. Nothing is sent twice.

mod address;
mod bus;
mod client;
mod cluster;
mod command;
mod link;
mod pool;
mod sentinel;
mod servers;
mod target;
mod tracking;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use self::bus::RedisBus;
use self::client::Access;
use self::servers::Servers;
use self::target::Target;
use super::driver::background::Background;
use super::driver::reach::{Reach, reach_setters};
use super::driver::server_clock::ServerClock;
use super::url::BadUrl;
use super::{Entry, Storage, StorageFuture, Swap};
use crate::bus::Bus;
use crate::error::BoxError;
use crate::key::Key;

#[doc = include_str!("redis.md")]
#[derive(Clone)]
pub struct RedisStorage {
    servers: Arc<Servers>,
    bus: Arc<RedisBus>,
    /// What goes on behind the scenes, until the last clone is dropped.
    _background: Arc<[Background]>,
}

/// How to connect to Redis; made by [`RedisStorage::builder`].
#[derive(Clone)]
pub struct RedisStorageBuilder {
    target: Result<Target, BadUrl>,
    reach: Reach,
}

impl RedisStorage {
    /// Connections to a server, unless it is said otherwise.
    const POOL: usize = 1;

    /// Connects to the servers of a URL with the builder's defaults.
    ///
    /// # Errors
    ///
    /// As [`RedisStorageBuilder::connect`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the connections up.
    pub async fn connect(url: &str) -> Result<Self, BoxError> {
        Self::builder(url).connect().await
    }

    /// The servers of a URL, with one connection to each, a deadline of 1 s for an operation and
    /// 5 s for connecting.
    pub fn builder(url: &str) -> RedisStorageBuilder {
        let mut reach = Reach::new(Self::POOL);
        let target = Target::read(url, &mut reach);
        RedisStorageBuilder { target, reach }
    }
}

impl RedisStorageBuilder {
    reach_setters!();

    /// What is wrong with the URL.
    #[cfg(any(fuzzing, test))]
    pub(super) fn problem(&self) -> Option<&BadUrl> {
        self.target.as_ref().err()
    }

    /// Sets the PEM file of the certificates to trust, instead of those that the system trusts. For
    /// URLs of TLS only.
    #[must_use]
    pub fn ca(mut self, path: impl Into<PathBuf>) -> Self {
        if let Ok(target) = &mut self.target {
            target.ca = Some(path.into());
        }
        self
    }

    /// Has the storage, where it is the [bus](crate::Builder::bus), also tell of what others than cacheme do to the
    /// keys that begin so, or to all for an empty prefix: see the [URL's](RedisStorage) `tracking`. To be called once
    /// for each prefix.
    #[must_use]
    pub fn tracking(mut self, prefix: impl Into<String>) -> Self {
        if let Ok(target) = &mut self.target {
            target.tracking.add(prefix.into());
        }
        self
    }

    /// Connects. Later losses of connections are mended in the background, for ever, with 20 ms to
    /// 1 s between attempts.
    ///
    /// # Errors
    ///
    /// When the URL is wrong, the certificates to trust can't be read and, unless
    /// [`lazy`](Self::lazy), when no server can be reached within the time for connecting or the
    /// password is refused.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the connections up.
    pub async fn connect(self) -> Result<RedisStorage, BoxError> {
        let Self { target, reach } = self;
        let target = target?;
        target.check(reach.pool)?;
        let access = Access {
            tls: client::tls(target.tls, target.ca.as_deref())?,
            reach: reach.clone(),
            credentials: target.credentials,
            database: target.database,
        };
        let servers = Arc::new(Servers::new(target.form, access.clone()));
        if reach.lazy {
            servers.connect_later()?;
        } else {
            servers.connect().await?;
        }
        let background = [Servers::follow(&servers), ServerClock::follow(&servers)];
        let background: Arc<[_]> = Arc::new(background);
        let bus = RedisBus {
            servers: Arc::clone(&servers),
            access,
            tracking: target.tracking,
            is_tracked: Arc::default(),
            _background: Arc::clone(&background),
        };
        Ok(RedisStorage {
            servers,
            bus: Arc::new(bus),
            _background: background,
        })
    }
}

impl Storage for RedisStorage {
    fn get_many<'a>(&'a self, keys: &'a [Key]) -> StorageFuture<'a, Vec<Option<Bytes>>> {
        Box::pin(self.servers.get(keys))
    }

    fn put_many<'a>(&'a self, entries: &'a [Entry]) -> StorageFuture<'a, ()> {
        Box::pin(self.servers.put(entries))
    }

    fn remove_many<'a>(&'a self, keys: &'a [Key]) -> StorageFuture<'a, ()> {
        Box::pin(self.servers.remove(keys))
    }

    fn swap_many<'a>(&'a self, swaps: &'a [Swap]) -> StorageFuture<'a, Vec<bool>> {
        Box::pin(self.servers.swap(swaps))
    }

    fn can_swap(&self) -> bool {
        true
    }

    fn now(&self) -> Option<Duration> {
        self.servers.now()
    }

    fn parallel_reads(&self) -> Option<usize> {
        self.servers.parallel_reads()
    }

    fn is_partitioned(&self) -> bool {
        self.servers.is_cluster()
    }

    fn bus(&self) -> Option<Arc<dyn Bus>> {
        Some(Arc::<RedisBus>::clone(&self.bus))
    }
}

impl fmt::Debug for RedisStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStorage")
            .field("servers", &self.servers.names())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for RedisStorageBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the URL, which may hold a password.
        f.debug_struct("RedisStorageBuilder")
            .field("reach", &self.reach)
            .finish_non_exhaustive()
    }
}
