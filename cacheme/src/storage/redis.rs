//! Redis, through fred: a standalone server, one multiplexed connection.
//!
//! Nothing waits for ever and nothing queues without bound. While the connection is down, every
//! command fails at once and fred reconnects behind the scenes; a server that doesn't answer costs
//! a deadline. Nothing is sent twice.

use std::fmt;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use fred::clients::{Client, Pipeline, WithOptions};
use fred::error::{Error as FredError, ErrorKind};
use fred::interfaces::{ClientLike, KeysInterface};
use fred::types::config::{
    Config, ConnectionConfig, Options, PerformanceConfig, ReconnectPolicy, UnresponsiveConfig,
};
use fred::types::{Builder, ConnectHandle, Expiration};
use tokio::task::AbortHandle;

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
    link: Arc<Link>,
}

/// The connection, as clones share it.
struct Link {
    /// fred's task, which would keep the connection, or the attempts to connect, up for ever.
    task: AbortHandle,
    /// Commands in a row that weren't answered in time.
    unanswered: AtomicU32,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
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
    /// So many commands in a row without an answer, and the connection is given up. fred itself
    /// gives up only a connection on which nothing was sent for some time.
    const SILENCE: u32 = 4;

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

    /// Notices whether the server answers `command` at all.
    async fn noticed<T>(
        &self,
        command: impl Future<Output = Result<T, FredError>>,
    ) -> Result<T, BoxError> {
        let outcome = command.await;
        let unanswered = &self.link.unanswered;
        match &outcome {
            Err(error) if *error.kind() == ErrorKind::Timeout => {
                let count = unanswered.fetch_add(1, Ordering::Relaxed) + 1;
                if count.is_multiple_of(Self::SILENCE) {
                    let client = self.client.clone();
                    tokio::spawn(async move { client.force_reconnection().await });
                }
            }
            _ => unanswered.store(0, Ordering::Relaxed),
        }
        Ok(outcome?)
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
        // fred takes any scheme, and without its TLS features speaks in the clear with `rediss:`.
        if !self.url.starts_with("redis://") {
            return Err("not the URL of a standalone server: one begins with `redis://`".into());
        }
        let mut config = Config::from_url(&self.url)?;
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
                    max_timeout: Some(self.deadline),
                    interval: self.deadline / 2,
                };
            })
            .build()?;
        let task = client.connect();
        let link = Link {
            task: task.abort_handle(),
            unanswered: AtomicU32::new(0),
        };
        if !self.lazy {
            tokio::time::timeout(self.connect_timeout, connected(&client, task)).await??;
        }
        let commands = client.with_options(&Options {
            fail_fast: true,
            ..Options::default()
        });
        Ok(RedisStorage {
            client,
            commands,
            link: Arc::new(link),
        })
    }
}

/// Waits until fred's task has connected, or ended.
async fn connected(client: &Client, mut task: ConnectHandle) -> Result<(), FredError> {
    let mut waiting = pin!(client.wait_for_connect());
    std::future::poll_fn(|cx| match waiting.as_mut().poll(cx) {
        Poll::Ready(outcome) => Poll::Ready(outcome),
        // It may have failed before anybody waited.
        Poll::Pending => Pin::new(&mut task).poll(cx).map(|ended| ended?),
    })
    .await
}

impl Storage for RedisStorage {
    fn get_many<'a>(&'a self, keys: &'a [Key]) -> StorageFuture<'a, Vec<Option<Bytes>>> {
        Box::pin(async move {
            if keys.is_empty() {
                return Ok(Vec::new());
            }
            self.noticed(self.commands.mget(names(keys))).await
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
            let written = async { pipeline.try_all::<()>().await.into_iter().collect() };
            self.noticed(written).await
        })
    }

    fn remove_many<'a>(&'a self, keys: &'a [Key]) -> StorageFuture<'a, ()> {
        Box::pin(async move {
            if keys.is_empty() {
                return Ok(());
            }
            self.noticed(self.commands.del(names(keys))).await
        })
    }
}

fn names(keys: &[Key]) -> Vec<&str> {
    keys.iter().map(Key::as_str).collect()
}

fn expiration(ttl: Duration) -> Expiration {
    // A century: Redis refuses a time to live whose end it can't count.
    const MOST: i64 = 100 * 366 * 24 * 3600 * 1000;
    Expiration::PX(i64::try_from(ttl.as_millis()).map_or(MOST, |ttl| ttl.min(MOST)))
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
