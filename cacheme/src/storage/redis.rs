//! Redis, through fred: a standalone server, one multiplexed connection.
//!
//! Nothing waits for ever and nothing queues without bound. While the connection is down, every
//! command fails at once and fred reconnects behind the scenes; a server that doesn't answer costs
//! a deadline. Nothing is sent twice.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use fred::clients::{Client, Pipeline, WithOptions};
use fred::interfaces::{ClientLike, KeysInterface};
use fred::types::config::{
    Config, ConnectionConfig, Options, PerformanceConfig, ReconnectPolicy, UnresponsiveConfig,
};
use fred::types::{Builder, Expiration};

use super::{Entry, Storage, StorageFuture};
use crate::error::BoxError;
use crate::key::Key;

/// Entries in Redis, as plain strings with `PX` expiry.
///
/// A batch is one round trip: `MGET`, one pipeline of `SET`s, or one `DEL`. Cloning shares the
/// connection, which closes when the last clone is dropped.
///
/// ```no_run
/// use std::time::Duration;
/// use cacheme::RedisStorage;
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// let redis = RedisStorage::builder("redis://localhost:6379")
///     .deadline(Duration::from_millis(200))
///     .connect()
///     .await?;
/// cacheme::register_storage("my-redis", redis).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RedisStorage {
    client: Client,
    /// The client for commands: they fail at once while there is no connection.
    commands: WithOptions<Client>,
}

/// How to connect to Redis; made by [`RedisStorage::builder`].
#[derive(Clone)]
pub struct RedisStorageBuilder {
    url: String,
    deadline: Duration,
    connect_timeout: Duration,
    lazy: bool,
}

impl RedisStorage {
    /// Connects to `redis://[[user]:password@]host[:port][/database]` with the builder's defaults.
    ///
    /// # Errors
    ///
    /// As [`RedisStorageBuilder::connect`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the connection up.
    pub async fn connect(url: &str) -> Result<Self, BoxError> {
        Self::builder(url).connect().await
    }

    /// The server at this URL, with a deadline of 1 s for a command and 5 s for connecting.
    pub fn builder(url: &str) -> RedisStorageBuilder {
        RedisStorageBuilder {
            url: url.to_owned(),
            deadline: Duration::from_secs(1),
            connect_timeout: Duration::from_secs(5),
            lazy: false,
        }
    }
}

impl RedisStorageBuilder {
    /// Commands that may wait to be sent; more of them fail at once.
    const QUEUE: usize = 4096;

    /// Sets how long a command may take, 1 s by default. One that took longer failed, though a
    /// write may still reach the server.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sets how long connecting may take, 5 s by default.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Lets [`connect`](Self::connect) return at once and connect in the background, so that a
    /// program starts while Redis is down. Until it is up, reads are misses.
    #[must_use]
    pub fn lazy(mut self) -> Self {
        self.lazy = true;
        self
    }

    /// Connects. Later losses of the connection are mended in the background, for ever, with 50 ms
    /// to 1 s between attempts.
    ///
    /// # Errors
    ///
    /// When the URL is wrong and, unless [`lazy`](Self::lazy), when the server can't be reached
    /// within the time for connecting or refuses the password.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the connection up.
    pub async fn connect(self) -> Result<RedisStorage, BoxError> {
        let mut config = Config::from_url(&self.url)?;
        if config.server.is_clustered() || config.server.is_sentinel() {
            return Err("clusters and sentinels aren't supported yet".into());
        }
        config.fail_fast = !self.lazy;
        let client = Builder::from_config(config)
            .set_policy(ReconnectPolicy::new_exponential(0, 50, 1000, 2))
            .with_performance_config(|performance: &mut PerformanceConfig| {
                performance.default_command_timeout = self.deadline;
            })
            .with_connection_config(|connection: &mut ConnectionConfig| {
                connection.connection_timeout = self.connect_timeout;
                connection.internal_command_timeout = self.connect_timeout;
                connection.max_command_attempts = 1;
                connection.max_command_buffer_len = Self::QUEUE;
                connection.tcp.nodelay = Some(true);
                connection.unresponsive = UnresponsiveConfig {
                    max_timeout: Some(self.deadline * 4),
                    interval: self.deadline,
                };
            })
            .build()?;
        if self.lazy {
            drop(client.connect());
        } else {
            tokio::time::timeout(self.connect_timeout, client.init()).await??;
        }
        let commands = client.with_options(&Options {
            fail_fast: true,
            ..Options::default()
        });
        Ok(RedisStorage { client, commands })
    }
}

impl Storage for RedisStorage {
    fn get_many<'a>(&'a self, keys: &'a [Key]) -> StorageFuture<'a, Vec<Option<Bytes>>> {
        Box::pin(async move {
            if keys.is_empty() {
                return Ok(Vec::new());
            }
            Ok(self.commands.mget(names(keys)).await?)
        })
    }

    fn put_many<'a>(&'a self, entries: &'a [Entry]) -> StorageFuture<'a, ()> {
        Box::pin(async move {
            if entries.is_empty() {
                return Ok(());
            }
            let pipeline = Pipeline::from(self.commands.clone());
            for entry in entries {
                let (key, value) = (entry.key().as_str(), entry.value().clone());
                let ttl = entry.ttl().map(expiration);
                let () = pipeline.set(key, value, ttl, None, false).await?;
            }
            for outcome in pipeline.try_all::<()>().await {
                outcome?;
            }
            Ok(())
        })
    }

    fn remove_many<'a>(&'a self, keys: &'a [Key]) -> StorageFuture<'a, ()> {
        Box::pin(async move {
            if keys.is_empty() {
                return Ok(());
            }
            let () = self.commands.del(names(keys)).await?;
            Ok(())
        })
    }
}

fn names(keys: &[Key]) -> Vec<&str> {
    keys.iter().map(Key::as_str).collect()
}

fn expiration(ttl: Duration) -> Expiration {
    Expiration::PX(i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX))
}

impl fmt::Debug for RedisStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts = self.client.client_config().server.hosts();
        f.debug_struct("RedisStorage")
            .field("hosts", &hosts)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for RedisStorageBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the URL, which may hold a password.
        f.debug_struct("RedisStorageBuilder")
            .field("deadline", &self.deadline)
            .field("connect_timeout", &self.connect_timeout)
            .field("lazy", &self.lazy)
            .finish_non_exhaustive()
    }
}
