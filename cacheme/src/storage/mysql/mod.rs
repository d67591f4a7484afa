//! MariaDB and MySQL, through `mysql_async`: a table of keys and values.
//!
//! Nothing waits for ever and nothing queues without bound. An operation has a deadline, in which
//! it waits for a connection too; a connection on which one was cut off is closed.

mod abandoned;
mod builder;
mod pool;
mod statement;

pub use self::builder::MysqlStorageBuilder;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mysql_async::{Row, Value};
use tokio::sync::OnceCell;

use self::abandoned::Abandoned;
use self::pool::{Lease, Pool};
use self::statement::{Statement, Statements};
use super::driver::background::Background;
use super::driver::batch;
use super::driver::reach::Reach;
use super::driver::server_clock::{ServerClock, Timed};
use super::driver::sweep::Sweep;
use super::driver::table::Table;
use super::{Entry, Storage, StorageFuture, Swap};
use crate::error::BoxError;
use crate::key::Key;

/// Entries in a table of MariaDB or MySQL.
///
/// A batch is one statement and one round trip, cut after 5000 keys, after 4 MiB, and where the
/// server's `max_allowed_packet` needs it; a value of 2 MiB or more is a statement by itself. One
/// that is larger than the server takes is an error, which names the setting, while the other
/// entries of its batch are written. Cloning shares the connections, which close when the last clone
/// is dropped.
///
/// ```no_run
/// use std::time::Duration;
/// use cacheme::storage::MysqlStorage;
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// let mysql = MysqlStorage::builder("mysql://user:password@localhost/shop")
///     .table("cache")
///     .deadline(Duration::from_millis(200))
///     .connect()
///     .await?;
/// cacheme::register_storage("my-mysql", mysql).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Parameters
///
/// | parameter of the URL | default | |
/// | --- | --- | --- |
/// | `table` | `cacheme` | the table's name |
/// | `create` | `true` | whether a missing table is created |
/// | `sweep` | `1m` | between two sweeps of expired rows, or `off` |
/// | `pool` | `8` | the most connections |
/// | `deadline` | `1s` | for an operation, waiting for a connection included |
/// | `connect_timeout` | `5s` | for connecting |
/// | `lazy` | `false` | whether the server may be down at first |
/// | `tls` | `false` | whether connections are encrypted, and the server's name is checked |
/// | `ca` | Mozilla's | a PEM file of the certificates to trust; turns `tls` on |
/// | `compression` | | `mysql_async`'s own, as are `enable_cleartext_plugin`, `secure_auth`, `socket` and `tcp_keepalive` |
///
/// # Table
///
/// The table is created when it is missing. For migrations of your own there is `create=false`, and
/// the statement, with the name of your choice, is
///
/// ```sql
/// CREATE TABLE IF NOT EXISTS `cacheme` (
///     `key` VARBINARY(1024) NOT NULL PRIMARY KEY,
///     `value` LONGBLOB NOT NULL,
///     `expires` BIGINT NULL,
///     KEY `expires` (`expires`)
/// ) ENGINE = InnoDB ROW_FORMAT = DYNAMIC
/// ```
///
/// `expires` is in milliseconds since the Unix epoch, by the server's clock and in UTC whatever the
/// time zones are; `NULL` is never. Of a key longer than 1024 bytes there is the beginning and the
/// SHA-256. The user needs `SELECT`, `INSERT`, `UPDATE` and `DELETE` on the table; one who may only
/// read gets errors from writes. Expired rows are never returned; a thousand at a time they are
/// removed, by one process at a time, which takes the named lock `cacheme:database.table`.
#[derive(Clone)]
pub struct MysqlStorage {
    core: Arc<Core>,
    _background: Arc<[Background]>,
}

/// The connections, as clones share them.
struct Core {
    pool: Arc<Pool>,
    reach: Reach,
    table: Table,
    statements: Statements,
    clock: ServerClock,
    /// Set when the table was there and of the right shape.
    ready: OnceCell<()>,
    abandoned: Abandoned,
    /// What `Debug` shows.
    place: String,
}

impl Drop for Core {
    fn drop(&mut self) {
        self.pool.close();
    }
}

impl MysqlStorage {
    /// Connects to `mysql://[user[:password]@]host[:port]/database[?parameters]` with the builder's
    /// defaults; `mariadb://` is the same.
    ///
    /// # Errors
    ///
    /// As [`MysqlStorageBuilder::connect`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the connection up.
    pub async fn connect(url: &str) -> Result<Self, BoxError> {
        Self::builder(url).connect().await
    }

    /// The database at this URL, with a deadline of 1 s for an operation, 5 s for connecting, and 8
    /// connections.
    pub fn builder(url: &str) -> MysqlStorageBuilder {
        MysqlStorageBuilder::new(url)
    }
}

impl Core {
    /// A connection, once the table is known to be right.
    async fn lease(&self) -> Result<Lease, BoxError> {
        let mut lease = self.pool.lease().await?;
        let looked = self.ready.get_or_try_init(|| self.look(&mut lease));
        looked.await?;
        Ok(lease)
    }

    /// Looks that the table is ours, and creates it if it is missing.
    async fn look(&self, lease: &mut Lease) -> Result<(), BoxError> {
        let mut columns = self.columns(lease).await?;
        if columns.is_empty() {
            if !self.table.create {
                return Err(self.table.missing());
            }
            lease.run(&self.statements.create()).await?;
            // Another process may have been faster, with another table.
            columns = self.columns(lease).await?;
        }
        self.table.refuse_other(&statement::COLUMNS, &columns)
    }

    async fn columns(&self, lease: &mut Lease) -> Result<Vec<String>, BoxError> {
        let rows = lease.run(&self.statements.columns()).await?;
        rows.into_iter().map(first).collect()
    }

    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Bytes>>, BoxError> {
        let asked = batch::each_once(keys);
        let mut found = batch::by_key(asked.len());
        let mut lease = self.lease().await?;
        for chunk in statement::limit(lease.packet()).chunks(&asked, |key| statement::key(key)) {
            let rows = lease.run(&self.statements.get(chunk)).await?;
            found.extend(rows.into_iter().filter_map(entry));
        }
        Ok(batch::in_order(keys, &found))
    }

    async fn put(&self, mut lease: Lease, entries: &[Entry]) -> Result<(), BoxError> {
        let packet = lease.packet();
        let entries = batch::last_of_each(entries).into_iter();
        let (mut fit, too_large): (Vec<_>, Vec<_>) =
            entries.partition(|entry| statement::fits(entry, packet));
        fit.sort_unstable_by_key(|entry| batch::bounded(entry.key()));
        for chunk in statement::limit(packet).chunks(&fit, |entry| statement::row(entry)) {
            lease.run(&self.statements.put(chunk)).await?;
        }
        let Some(largest) = too_large.iter().map(|entry| entry.value().len()).max() else {
            return Ok(());
        };
        // What they were to replace is out of date.
        let keys: Vec<_> = too_large.iter().map(|entry| entry.key()).collect();
        self.remove(lease, &keys).await?;
        Err(format!(
            "a value of {largest} bytes is too large for the server, whose `max_allowed_packet` is \
             {packet} bytes; the batch's other entries were written"
        )
        .into())
    }

    async fn remove(&self, mut lease: Lease, keys: &[&Key]) -> Result<(), BoxError> {
        for chunk in statement::limit(lease.packet()).chunks(keys, |key| statement::key(key)) {
            lease.run(&self.statements.remove(chunk)).await?;
        }
        Ok(())
    }

    async fn swap(&self, mut lease: Lease, swaps: &[Swap]) -> Result<Vec<bool>, BoxError> {
        let mut swapped = Vec::with_capacity(swaps.len());
        for swap in swaps {
            lease.run(&self.statements.swap(swap)).await?;
            swapped.push(lease.affected() > 0);
        }
        Ok(swapped)
    }

    /// Does a write within the deadline, after those that were abandoned.
    async fn write<W, T>(
        self: &Arc<Self>,
        write: impl FnOnce(Arc<Self>, Lease) -> W + Send,
    ) -> Result<T, BoxError>
    where
        W: Future<Output = Result<T, BoxError>> + Send + 'static,
        T: Send + 'static,
    {
        let written = async {
            self.abandoned.over().await;
            let lease = self.lease().await?;
            let (core, write) = (Arc::clone(self), write(Arc::clone(self), lease));
            let bounded = async move { core.reach.within(write).await };
            self.abandoned.run(bounded).await
        };
        self.reach.within(written).await
    }
}

impl Storage for MysqlStorage {
    fn get_many<'a>(&'a self, keys: &'a [Key]) -> StorageFuture<'a, Vec<Option<Bytes>>> {
        Box::pin(async move {
            if keys.is_empty() {
                return Ok(Vec::new());
            }
            self.core.reach.within(self.core.get(keys)).await
        })
    }

    fn put_many<'a>(&'a self, entries: &'a [Entry]) -> StorageFuture<'a, ()> {
        Box::pin(async move {
            if entries.is_empty() {
                return Ok(());
            }
            let entries = entries.to_vec();
            let put = |core: Arc<Core>, lease| async move { core.put(lease, &entries).await };
            self.core.write(put).await
        })
    }

    fn remove_many<'a>(&'a self, keys: &'a [Key]) -> StorageFuture<'a, ()> {
        Box::pin(async move {
            if keys.is_empty() {
                return Ok(());
            }
            let keys = keys.to_vec();
            let remove = |core: Arc<Core>, lease| async move {
                core.remove(lease, &batch::each_once(&keys)).await
            };
            self.core.write(remove).await
        })
    }

    fn swap_many<'a>(&'a self, swaps: &'a [Swap]) -> StorageFuture<'a, Vec<bool>> {
        Box::pin(async move {
            if swaps.is_empty() {
                return Ok(Vec::new());
            }
            let swaps = swaps.to_vec();
            let swap = |core: Arc<Core>, lease| async move { core.swap(lease, &swaps).await };
            self.core.write(swap).await
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
}

impl Timed for Core {
    fn clock(&self) -> &ServerClock {
        &self.clock
    }

    async fn ask_time(&self) -> Result<Duration, BoxError> {
        let asked = async { number(&mut self.lease().await?, &statement::time()).await };
        self.reach.within(asked).await.map(Duration::from_micros)
    }
}

impl Sweep for Core {
    async fn sweep(&self) -> Result<u64, BoxError> {
        let swept = async {
            let mut lease = self.lease().await?;
            if number(&mut lease, &self.statements.lock()).await? == 0 {
                return Ok(0);
            }
            // The lock is the connection's: it is let go of before others use that.
            let swept = lease.run(&self.statements.sweep()).await;
            let removed = lease.affected();
            lease.run(&self.statements.unlock()).await?;
            swept.map(|_| removed)
        };
        self.reach.within(swept).await
    }
}

/// The number that is the answer to a statement.
async fn number(lease: &mut Lease, statement: &Statement) -> Result<u64, BoxError> {
    let rows = lease.run(statement).await?;
    let row = rows.into_iter().next().ok_or("the server gave no row")?;
    Ok(first(row)?.parse()?)
}

/// The first column, a text.
fn first(row: Row) -> Result<String, BoxError> {
    match row.unwrap_raw().into_iter().next() {
        Some(Some(Value::Bytes(text))) => Ok(String::from_utf8(text)?),
        _ => Err("the server gave no text".into()),
    }
}

/// A row of key and value.
fn entry(row: Row) -> Option<(Vec<u8>, Bytes)> {
    match <[Option<Value>; 2]>::try_from(row.unwrap_raw()) {
        Ok([Some(Value::Bytes(key)), Some(Value::Bytes(value))]) => Some((key, value.into())),
        _ => None,
    }
}

impl fmt::Debug for MysqlStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MysqlStorage")
            .field("place", &self.core.place)
            .field("table", &self.core.table.name)
            .finish_non_exhaustive()
    }
}
