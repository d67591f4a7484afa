//! SQLite, through rusqlite: a file that several processes share, or memory.
//!
//! One connection writes, a few others read beside it, each on a thread of its own. A file is in
//! WAL mode, so that reads wait for no write.

mod connection;
mod schema;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use self::schema::Database;
use super::driver::table::{Table, place_setters};
use super::embedded::{Embedded, Settings, embedded_storage, settings_setters};
use super::url::{BadUrl, StorageUrl};
use crate::clock::Clock;
use crate::error::BoxError;

/// Entries in a table of an SQLite database.
///
/// Any number of processes of a machine may have the file open; on a network's file system it
/// doesn't work. The path `:memory:` is a database in memory, of this storage alone. A batch is one
/// transaction, and writes that come together share one. Expired entries are not returned, and each
/// write takes some of them out, so that the file grows no larger than what lives needs; it doesn't
/// shrink. Cloning shares the connections, which close when the last clone is dropped.
///
/// A write that was answered outlives the process, however that ends. When the machine loses its
/// power, the last seconds may be lost, unless the storage is
/// [`durable`](SqliteStorageBuilder::durable); the file is whole in any case.
///
/// The URL is `sqlite:cache.db`, `sqlite:/var/cache/app.db` or `sqlite::memory:`, and may have the
/// parameters `create`, `deadline`, `durable`, `readers` and `table`, as in
/// `sqlite:cache.db?table=pages&durable=true`: they are the setters of [`SqliteStorageBuilder`].
///
/// ```
/// use cacheme::storage::SqliteStorage;
/// use cacheme::{Entry, Key, Storage};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("cache.db");
/// let sqlite = SqliteStorage::open(&path)?;
/// sqlite.put_many(&[Entry::new(Key::new("user:7"), "Ada")]).await?;
/// let found = sqlite.get_many(&[Key::new("user:7"), Key::new("user:8")]).await?;
/// assert_eq!(found, [Some("Ada".into()), None]);
/// # Ok(())
/// # }
/// ```
///
/// # Schema
///
/// The table is created where it is missing. For those who run migrations themselves, and open
/// with `create=false`, it is this:
///
/// ```sql
/// CREATE TABLE "cacheme" (
///     key TEXT NOT NULL PRIMARY KEY,
///     value BLOB NOT NULL,
///     expires INTEGER -- in ms since the Unix epoch; NULL is never
/// );
/// CREATE INDEX "cacheme_expires" ON "cacheme" (expires) WHERE expires IS NOT NULL;
/// PRAGMA journal_mode = WAL;
/// ```
#[derive(Clone)]
pub struct SqliteStorage {
    path: Arc<Path>,
    embedded: Arc<Embedded>,
}

/// How to open a database; made by [`SqliteStorage::builder`].
#[derive(Clone, Debug)]
pub struct SqliteStorageBuilder {
    path: PathBuf,
    table: Table,
    durable: bool,
    settings: Settings,
}

impl SqliteStorage {
    /// Opens the database at this path, or makes one where there is none.
    ///
    /// # Errors
    ///
    /// As [`SqliteStorageBuilder::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, BoxError> {
        Self::builder(path).open()
    }

    /// The database at this path, with the table `cacheme` and a deadline of 1 s for an operation.
    pub fn builder(path: impl AsRef<Path>) -> SqliteStorageBuilder {
        SqliteStorageBuilder {
            path: path.as_ref().to_owned(),
            table: Table::default(),
            durable: false,
            settings: Settings::default(),
        }
    }

    /// Opens the database of a URL such as `sqlite:cache.db`.
    pub(super) async fn from_url(url: &str, clock: &Arc<dyn Clock>) -> Result<Self, BoxError> {
        let builder = SqliteStorageBuilder::read(url)?.clock(Arc::clone(clock));
        // Another process may have it locked for a while.
        tokio::task::spawn_blocking(|| builder.open()).await?
    }
}

impl SqliteStorageBuilder {
    place_setters!(table);
    settings_setters!();

    /// Takes what a URL says.
    pub(super) fn read(url: &str) -> Result<Self, BadUrl> {
        let ours = [&["create", "durable", "table"][..], &Settings::PARAMETERS].concat();
        let url = StorageUrl::parse(url, &ours, &[])?;
        let mut builder = SqliteStorage::builder(url.path("db")?);
        builder.table.read(&url, "table")?;
        url.read("durable", &mut builder.durable)?;
        builder.settings.read(&url)?;
        Ok(builder)
    }

    /// Answers a write only when it is on the disk (`synchronous = FULL` instead of `NORMAL`), so
    /// that it outlives a loss of power too. A commit then costs an fsync.
    #[must_use]
    pub fn durable(mut self) -> Self {
        self.durable = true;
        self
    }

    /// Opens the database, makes what is missing, and starts the threads. Blocks while another
    /// process has the file locked, for up to 5 s.
    ///
    /// # Errors
    ///
    /// When the file can't be opened or made, isn't SQLite's or may only be read, when its table of
    /// that name isn't the storage's, or is missing and isn't to be created. The file is then left as
    /// it is.
    pub fn open(self) -> Result<SqliteStorage, BoxError> {
        self.table.check(1)?;
        let path = self.path;
        let database = Database::new(&path, self.table, self.durable)?;
        let shown = |error| format!("{}: {error}", path.display());
        let open = || database.open(&self.settings).map_err(shown);
        let writer = open()?;
        let readers = if database.is_in_memory() {
            0
        } else {
            self.settings.readers
        };
        let readers = (0..readers).map(|_| open()).collect::<Result<_, _>>()?;
        writer.wait_for_nobody()?;
        let embedded = Embedded::start(writer, readers, self.settings)?;
        Ok(SqliteStorage {
            path: path.into(),
            embedded: Arc::new(embedded),
        })
    }
}

embedded_storage!(SqliteStorage);

impl fmt::Debug for SqliteStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStorage")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
