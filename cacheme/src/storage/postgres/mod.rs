//! PostgreSQL, through tokio-postgres and a pool of deadpool.
//!
//! Each operation is one statement on one connection of the pool, prepared there once. Nothing
//! waits for longer than its deadline: not for a connection ([`dial`]), and not behind a statement
//! that somebody gave up ([`lease`]).

mod builder;
mod bus;
mod core;
mod dial;
mod error;
mod lease;
mod schema;

pub use self::builder::PostgresStorageBuilder;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;

use self::bus::PostgresBus;
use self::core::Core;
use self::lease::Purpose;
use super::driver::background::Background;
use super::driver::server_clock::ServerClock;
use super::driver::sweep;
use super::{Entry, Storage, StorageFuture, Swap};
use crate::bus::Bus;
use crate::error::BoxError;
use crate::key::Key;

/// Entries in a table of PostgreSQL.
///
/// A batch is one statement and one round trip, up to 50,000 entries and 32 MiB of keys and
/// values, after which it goes in several. Cloning shares the connections, which close when the
/// last clone is dropped.
///
/// ```no_run
/// use std::time::Duration;
/// use cacheme::storage::PostgresStorage;
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// let postgres = PostgresStorage::builder("postgresql://app:secret@localhost/shop")
///     .table("cache")
///     .deadline(Duration::from_millis(200))
///     .connect()
///     .await?;
/// cacheme::register_storage("my-postgres", postgres).await?;
/// # Ok(())
/// # }
/// ```
///
/// # URL
///
/// `postgresql://[user[:password]@]host[:port][/database]`, also with `postgres:`. A host may be
/// the folder of a Unix socket, written as `%2Frun%2Fpostgresql`; several hosts with commas between
/// are tried in turn. Parameters, each with its default:
///
/// | parameter | |
/// | --- | --- |
/// | `table=cacheme` | the table's name, after a schema and a dot if need be |
/// | `create=true` | whether a missing table is created |
/// | `unlogged=false` | whether it is created as an `UNLOGGED` one |
/// | `sweep=1m` | how long it is between two sweeps of expired rows, or `off` |
/// | `pool=8` | the most connections at a time |
/// | `deadline=1s` | how long an operation may take, waiting for a connection included |
/// | `connect_timeout=5s` | how long connecting may take |
/// | `lazy=false` | whether the server may be down at first |
/// | `prepare=true` | whether statements are prepared; not behind a pooler that mixes connections |
/// | `sslmode=prefer` | `disable`; `prefer`: TLS where the server offers it; `require` |
/// | `ca` | a PEM file of the certificates to trust, instead of those that the system trusts |
///
/// and those that tokio-postgres takes: `user`, `password`, `host`, `hostaddr`, `port`, `dbname`,
/// `application_name` (`cacheme`), `options`, `channel_binding`, `keepalives`, `keepalives_idle`,
/// `keepalives_interval`, `keepalives_retries`, `load_balance_hosts` and `target_session_attrs`.
///
/// # TLS
///
/// Where TLS is used, the server's certificate and the name in it are always verified, so that
/// `verify-full` is the same as `require`. This goes for `prefer` too: a server that offers TLS with
/// a certificate that nobody here trusts, such as one it signed itself, is refused, and the error
/// says so. Either name the certificate of its authority by `ca`, or do without TLS by
/// `sslmode=disable`.
///
/// # Schema
///
/// The table is created by these statements, unless it is there already; then the user needs no
/// rights but to `SELECT`, `INSERT`, `UPDATE` and `DELETE`. A table with other columns is refused
/// and left as it is.
///
/// ```sql
/// CREATE TABLE cacheme (key bytea PRIMARY KEY, value bytea NOT NULL, expires timestamptz);
/// ALTER TABLE cacheme ALTER COLUMN value SET STORAGE EXTERNAL;
/// CREATE INDEX cacheme_expires ON cacheme (expires) WHERE expires IS NOT NULL;
/// ```
///
/// Entries expire by the server's clock; those that never do have no `expires`. Keys of more than
/// 1024 bytes are cut, with their SHA-256 at the end.
#[derive(Clone)]
pub struct PostgresStorage {
    core: Arc<Core>,
    bus: Arc<PostgresBus>,
    _background: Arc<[Background]>,
}

impl PostgresStorage {
    /// Connects to `postgresql://[user[:password]@]host[:port][/database][?table=...]` with the
    /// builder's defaults.
    ///
    /// # Errors
    ///
    /// As [`PostgresStorageBuilder::connect`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the connection up.
    pub async fn connect(url: &str) -> Result<Self, BoxError> {
        Self::builder(url).connect().await
    }

    /// The server at this URL, with up to 8 connections, a deadline of 1 s for an operation and 5 s
    /// for connecting.
    pub fn builder(url: &str) -> PostgresStorageBuilder {
        PostgresStorageBuilder::new(url)
    }

    async fn open(
        builder: PostgresStorageBuilder,
        config: Config,
        tls: MakeRustlsConnect,
    ) -> Result<Self, BoxError> {
        let every = builder.table.sweep;
        let core = Core::new(builder, config.clone(), tls.clone())?;
        let core = Arc::new(core);
        if !core.reach.lazy {
            let patience = core.reach.connect_timeout;
            let connected = tokio::time::timeout(patience, async {
                core.ready().await?;
                ServerClock::ask(&*core).await
            });
            let connected = connected.await;
            connected.map_err(|_| format!("no connection within {patience:?}"))??;
        }
        let clock = ServerClock::follow(&core);
        let sweeps = every.map(|every| sweep::in_background(&core, every));
        let bus = PostgresBus {
            core: Arc::clone(&core),
            config,
            tls,
        };
        Ok(Self {
            core,
            bus: Arc::new(bus),
            _background: [clock].into_iter().chain(sweeps).collect(),
        })
    }
}

impl Storage for PostgresStorage {
    fn get_many<'a>(&'a self, keys: &'a [Key]) -> StorageFuture<'a, Vec<Option<Bytes>>> {
        Box::pin(async move {
            if keys.is_empty() {
                return Ok(Vec::new());
            }
            let core = &*self.core;
            let operation = async {
                core.ready().await?;
                let lease = core.lease(Purpose::Read).await?;
                let found = core.get(&lease, keys).await;
                lease.end();
                found
            };
            core.reach.within(operation).await
        })
    }

    fn put_many<'a>(&'a self, entries: &'a [Entry]) -> StorageFuture<'a, ()> {
        Box::pin(async move {
            if entries.is_empty() {
                return Ok(());
            }
            let core = &*self.core;
            let operation = async {
                let lease = core.lease_to_write().await?;
                let put = core.put(&lease, entries).await;
                lease.end();
                put
            };
            core.reach.within(operation).await
        })
    }

    fn remove_many<'a>(&'a self, keys: &'a [Key]) -> StorageFuture<'a, ()> {
        Box::pin(async move {
            if keys.is_empty() {
                return Ok(());
            }
            let core = &*self.core;
            let operation = async {
                let lease = core.lease_to_write().await?;
                let removed = core.remove(&lease, keys).await;
                lease.end();
                removed
            };
            core.reach.within(operation).await
        })
    }

    fn swap_many<'a>(&'a self, swaps: &'a [Swap]) -> StorageFuture<'a, Vec<bool>> {
        Box::pin(async move {
            if swaps.is_empty() {
                return Ok(Vec::new());
            }
            let core = &*self.core;
            let operation = async {
                let lease = core.lease_to_write().await?;
                let swapped = core.swap(&lease, swaps).await;
                lease.end();
                swapped
            };
            core.reach.within(operation).await
        })
    }

    fn can_swap(&self) -> bool {
        true
    }

    fn now(&self) -> Option<Duration> {
        self.core.clock.now()
    }

    fn parallel_reads(&self) -> Option<usize> {
        Some(self.core.reach.pool)
    }

    fn bus(&self) -> Option<Arc<dyn Bus>> {
        Some(Arc::<PostgresBus>::clone(&self.bus))
    }
}

impl fmt::Debug for PostgresStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the configuration, which may hold a password.
        f.debug_struct("PostgresStorage")
            .field("table", &self.core.schema.name())
            .field("pool", &self.core.pool.status())
            .finish_non_exhaustive()
    }
}
