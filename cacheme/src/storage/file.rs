//! An embedded file, through redb.
//!
//! A commit costs an fsync, and a burst of single writes shares it. The file is whole after a
//! crash, with every write that was answered.

use std::fmt;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use redb::{
    AccessGuard, Database, ReadOnlyTable, ReadableDatabase, ReadableTable, Table, TableDefinition,
    TableError,
};

use super::copies::Copies;
use super::embedded::{
    Change, Embedded, Engine, Settings, Sweep, View, embedded_storage, settings_setters,
};
use super::url::{BadUrl, StorageUrl};
use crate::clock::Clock;
use crate::error::BoxError;
use crate::key::Key;

/// Key to (expiry in ms since the Unix epoch, value). All ones never expires.
const ENTRIES: TableDefinition<&str, (u64, &[u8])> = TableDefinition::new("cacheme-v1");

/// Entries in a redb file.
///
/// One process at a time can have the file open. A batch is one transaction; a write is answered
/// when it is on the disk. Reads and writes run on threads of the storage's own. Expired entries are
/// not returned, and each write takes some of them out, so that the file grows no larger than what
/// lives needs; it doesn't shrink. Cloning shares the file, which closes when the last clone is
/// dropped.
///
/// The URL is `file:cache.redb` or `file:/var/cache/app.redb`, and may have the parameters
/// `deadline`, `memory` and `readers`, which are the setters of [`FileStorageBuilder`].
///
/// ```
/// use cacheme::storage::FileStorage;
/// use cacheme::{Entry, Key, Storage};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("cache.redb");
/// let file = FileStorage::open(&path)?;
/// file.put_many(&[Entry::new(Key::new("user:7"), "Ada")]).await?;
/// let found = file.get_many(&[Key::new("user:7"), Key::new("user:8")]).await?;
/// assert_eq!(found, [Some("Ada".into()), None]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct FileStorage {
    path: Arc<Path>,
    embedded: Arc<Embedded>,
}

/// How to open a file; made by [`FileStorage::builder`].
#[derive(Clone, Debug)]
pub struct FileStorageBuilder {
    path: PathBuf,
    memory: usize,
    settings: Settings,
}

impl FileStorage {
    /// Opens the file, or makes one where there is none.
    ///
    /// # Errors
    ///
    /// As [`FileStorageBuilder::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, BoxError> {
        Self::builder(path).open()
    }

    /// The file at this path, with a deadline of 1 s for an operation and up to 64 MiB of memory.
    pub fn builder(path: impl AsRef<Path>) -> FileStorageBuilder {
        FileStorageBuilder {
            path: path.as_ref().to_owned(),
            memory: 64 << 20,
            settings: Settings::default(),
        }
    }

    /// Opens the file of a URL such as `file:cache.redb`.
    pub(super) async fn from_url(url: &str, clock: &Arc<dyn Clock>) -> Result<Self, BoxError> {
        let builder = FileStorageBuilder::read(url)?.clock(Arc::clone(clock));
        // It may take a while to open a file that a crash left behind.
        tokio::task::spawn_blocking(|| builder.open()).await?
    }
}

impl FileStorageBuilder {
    settings_setters!();

    /// Takes what a URL says.
    pub(super) fn read(url: &str) -> Result<Self, BadUrl> {
        let ours = [&["memory"][..], &Settings::PARAMETERS].concat();
        let url = StorageUrl::parse(url, &ours, &[])?;
        let mut builder = FileStorage::builder(url.path("redb")?);
        url.read("memory", &mut builder.memory)?;
        builder.settings.read(&url)?;
        Ok(builder)
    }

    /// Sets how many bytes of the file are kept in memory, 64 MiB by default. The system keeps more
    /// of it where it has room.
    #[must_use]
    pub fn memory(mut self, bytes: usize) -> Self {
        self.memory = bytes;
        self
    }

    /// Opens the file, or makes one where there is none, and starts its threads. Blocks for as long
    /// as redb takes, which after a crash may be a check of the whole file.
    ///
    /// # Errors
    ///
    /// When the file can't be opened or made, is open in another process, or isn't redb's. It is
    /// then left as it is.
    pub fn open(self) -> Result<FileStorage, BoxError> {
        let path = self.path;
        let shown = path.display();
        let database = Database::builder()
            .set_cache_size(self.memory)
            .create(&path)
            .map_err(|error| format!("{shown}: {}", lower_first(&error.to_string())))?;
        let database = Arc::new(database);
        let engine = |_| File {
            database: Arc::clone(&database),
            swept: None,
        };
        let readers = (0..self.settings.readers).map(engine).collect();
        let embedded = Embedded::start(engine(0), readers, self.settings)?;
        Ok(FileStorage {
            path: path.into(),
            embedded: Arc::new(embedded),
        })
    }
}

/// redb's messages begin upper case.
fn lower_first(message: &str) -> String {
    let mut chars = message.trim_end_matches('.').chars();
    let first = chars.next().map(|c| c.to_ascii_lowercase());
    first.into_iter().chain(chars).collect()
}

/// The file, as one of the threads uses it.
struct File {
    database: Arc<Database>,
    /// Where the last sweep ended, if that wasn't at the end.
    swept: Option<String>,
}

impl Engine for File {
    type View<'a> = Option<ReadOnlyTable<&'static str, (u64, &'static [u8])>>;

    // redb's own limit is 3 GiB.
    const LARGEST: usize = 1 << 30;

    fn view(&self) -> Result<Self::View<'_>, BoxError> {
        match self.database.begin_read()?.open_table(ENTRIES) {
            Ok(table) => Ok(Some(table)),
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn commit(&mut self, changes: &[&Change], now: u64) -> Result<Vec<Vec<bool>>, BoxError> {
        let transaction = self.database.begin_write()?;
        let swapped;
        {
            let mut table = transaction.open_table(ENTRIES)?;
            let made = changes.iter().map(|change| make(&mut table, change, now));
            swapped = made.collect::<Result<_, _>>()?;
            self.sweep(&mut table, Sweep::of(changes), now)?;
        }
        transaction.commit()?;
        Ok(swapped)
    }
}

type Entries<'a> = Table<'a, &'static str, (u64, &'static [u8])>;

/// Makes a change, and says which of its swaps were made.
fn make(table: &mut Entries<'_>, change: &Change, now: u64) -> Result<Vec<bool>, redb::Error> {
    let mut swapped = Vec::new();
    match change {
        Change::Put(entries) => {
            for (key, expires, value) in entries {
                table.insert(key.as_str(), (*expires, &value[..]))?;
            }
        }
        Change::Remove(keys) => {
            for key in keys {
                table.remove(key.as_str())?;
            }
        }
        Change::Swap(swaps) => {
            for (key, expires, value, expected) in swaps {
                let is_so = {
                    let there = table.get(key.as_str())?;
                    let there = there.as_ref().map(AccessGuard::value);
                    let there = there.filter(|(expires, _)| *expires > now);
                    there.map(|(_, value)| value) == expected.as_deref()
                };
                if is_so {
                    table.insert(key.as_str(), (*expires, &value[..]))?;
                }
                swapped.push(is_so);
            }
        }
    }
    Ok(swapped)
}

impl File {
    /// Looks at the next entries behind those that the last sweep looked at, and takes out what is
    /// expired. There is no index to find them by: it would cost each write more than this does.
    fn sweep(
        &mut self,
        table: &mut Entries<'_>,
        mut sweep: Sweep,
        now: u64,
    ) -> Result<(), redb::Error> {
        let after = match &self.swept {
            Some(key) => Bound::Excluded(key.as_str()),
            None => Bound::Unbounded,
        };
        let mut expired = Vec::new();
        let mut last = None;
        let mut range = table.range::<&str>((after, Bound::Unbounded))?;
        while sweep.goes_on() {
            let Some(entry) = range.next() else {
                last = None;
                break;
            };
            let (key, entry) = entry?;
            let (expires, value) = entry.value();
            sweep.count(key.value().len() + value.len());
            if expires <= now {
                expired.push(key.value().to_owned());
            }
            last = Some(key);
        }
        self.swept = last.map(|key| key.value().to_owned());
        drop(range);
        for key in expired {
            table.remove(&*key)?;
        }
        Ok(())
    }
}

impl View for Option<ReadOnlyTable<&'static str, (u64, &'static [u8])>> {
    fn find(
        &mut self,
        key: &Key,
        now: u64,
        copies: &mut Copies,
    ) -> Result<Option<Bytes>, BoxError> {
        // Nothing was written yet.
        let Some(table) = self else {
            return Ok(None);
        };
        let entry = table.get(key.as_str())?;
        Ok(entry.and_then(|entry| {
            let (expires, value) = entry.value();
            (expires > now).then(|| copies.copy(value))
        }))
    }
}

embedded_storage!(FileStorage);

impl fmt::Debug for FileStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStorage")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
