//! An embedded file, through redb.
//!
//! Reads run on tokio's blocking threads. Writes go to one thread of the storage's own, which
//! takes whatever has queued up while the last commit was under way into the next one: a commit
//! costs an fsync, and a burst of single writes shares it. The file is whole after a crash, with
//! every write that was answered.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use redb::{Database, ReadableDatabase, TableDefinition, TableError};
use tokio::sync::{mpsc, oneshot};

use super::{Entry, Storage, StorageFuture};
use crate::clock::{Clock, NEVER, SystemClock, millis};
use crate::error::BoxError;
use crate::key::Key;

/// Key to (expiry in ms since the Unix epoch, value). All ones never expires.
const ENTRIES: TableDefinition<&str, (u64, &[u8])> = TableDefinition::new("cacheme-v1");

/// Entries in a redb file.
///
/// One process at a time can have the file open. A batch is one transaction; a write is answered
/// when it is on the disk. Expired entries are not returned; their space is used again when they
/// are overwritten or removed. Cloning shares the file, which closes when the last clone is dropped
/// and no read is under way.
///
/// ```
/// use cacheme::{Entry, FileStorage, Key, Storage};
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
    file: Arc<File>,
    clock: Arc<dyn Clock>,
}

/// An open file and its writer. Dropping it waits for the commit that is under way.
struct File {
    path: PathBuf,
    database: Arc<Database>,
    queue: Option<mpsc::Sender<Write>>,
    writer: Option<JoinHandle<()>>,
}

/// How to open a file; made by [`FileStorage::builder`].
#[derive(Debug)]
pub struct FileStorageBuilder {
    path: PathBuf,
    clock: Arc<dyn Clock>,
}

/// A write that waits for its commit.
struct Write {
    change: Change,
    done: oneshot::Sender<Result<(), BoxError>>,
}

enum Change {
    Put(Vec<(Key, u64, Bytes)>),
    Remove(Vec<Key>),
}

impl FileStorage {
    /// Writes that may wait for the commit that is under way; further ones wait for room.
    const QUEUE: usize = 1024;

    /// Opens the file, or makes one where there is none.
    ///
    /// # Errors
    ///
    /// As [`FileStorageBuilder::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, BoxError> {
        Self::builder(path).open()
    }

    /// The file at this path.
    pub fn builder(path: impl AsRef<Path>) -> FileStorageBuilder {
        FileStorageBuilder {
            path: path.as_ref().to_owned(),
            clock: Arc::new(SystemClock::new()),
        }
    }

    async fn write(&self, change: Change) -> Result<(), BoxError> {
        let (done, outcome) = oneshot::channel();
        let queue = self.file.queue.as_ref().ok_or("the file is closed")?;
        queue.send(Write { change, done }).await?;
        outcome.await?
    }
}

impl FileStorageBuilder {
    /// Sets the clock that entries expire by, the system's by default.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Opens the file, or makes one where there is none, and starts its thread. Blocks for as long
    /// as redb takes, which after a crash may be a check of the whole file.
    ///
    /// # Errors
    ///
    /// When the file can't be opened or made, is open in another process, or isn't redb's. It is
    /// then left as it is.
    pub fn open(self) -> Result<FileStorage, BoxError> {
        let shown = self.path.display();
        let database = Database::create(&self.path)
            .map_err(|error| format!("{shown}: {}", lower_first(&error.to_string())))?;
        let database = Arc::new(database);
        let (queue, waiting) = mpsc::channel(FileStorage::QUEUE);
        let writer = thread::Builder::new().name("cacheme-file".into()).spawn({
            let database = Arc::clone(&database);
            move || commit_all(&database, waiting)
        })?;
        let file = File {
            path: self.path,
            database,
            queue: Some(queue),
            writer: Some(writer),
        };
        Ok(FileStorage {
            file: Arc::new(file),
            clock: self.clock,
        })
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // Without senders the writer ends, and lets go of the file.
        self.queue = None;
        if let Some(writer) = self.writer.take() {
            // It doesn't panic; if it did, there is nothing left to do.
            let _ = writer.join();
        }
    }
}

/// redb's messages begin upper case.
fn lower_first(message: &str) -> String {
    let mut chars = message.trim_end_matches('.').chars();
    let first = chars.next().map(|c| c.to_ascii_lowercase());
    first.into_iter().chain(chars).collect()
}

/// Commits what is in the queue, all that waits at once, until every sender is gone.
fn commit_all(database: &Database, mut queue: mpsc::Receiver<Write>) {
    let mut waiting = Vec::new();
    while queue.blocking_recv_many(&mut waiting, FileStorage::QUEUE) > 0 {
        let outcome = commit(database, waiting.iter().map(|write| &write.change));
        for write in waiting.drain(..) {
            let outcome = outcome.as_ref().map(|&()| ());
            // Nobody may be waiting any more.
            let _ = write
                .done
                .send(outcome.map_err(|error| error.to_string().into()));
        }
    }
}

fn commit<'a>(
    database: &Database,
    changes: impl Iterator<Item = &'a Change>,
) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    {
        let mut table = transaction.open_table(ENTRIES)?;
        for change in changes {
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
            }
        }
    }
    Ok(transaction.commit()?)
}

fn read(database: &Database, keys: &[Key], now: u64) -> Result<Vec<Option<Bytes>>, redb::Error> {
    let table = match database.begin_read()?.open_table(ENTRIES) {
        Ok(table) => table,
        Err(TableError::TableDoesNotExist(_)) => return Ok(vec![None; keys.len()]),
        Err(error) => return Err(error.into()),
    };
    let mut found = Vec::with_capacity(keys.len());
    for key in keys {
        let entry = table.get(key.as_str())?;
        found.push(entry.and_then(|entry| {
            let (expires, value) = entry.value();
            (expires > now).then(|| Bytes::copy_from_slice(value))
        }));
    }
    Ok(found)
}

impl Storage for FileStorage {
    fn get_many<'a>(&'a self, keys: &'a [Key]) -> StorageFuture<'a, Vec<Option<Bytes>>> {
        Box::pin(async move {
            let (database, keys) = (Arc::clone(&self.file.database), keys.to_vec());
            let now = millis(self.clock.unix());
            let read = tokio::task::spawn_blocking(move || read(&database, &keys, now));
            Ok(read.await??)
        })
    }

    fn put_many<'a>(&'a self, entries: &'a [Entry]) -> StorageFuture<'a, ()> {
        Box::pin(async move {
            let now = self.clock.unix();
            let expires = |ttl| millis(now.saturating_add(ttl));
            let put = |entry: &Entry| {
                let expires = entry.ttl().map_or(NEVER, expires);
                (entry.key().clone(), expires, entry.value().clone())
            };
            self.write(Change::Put(entries.iter().map(put).collect()))
                .await
        })
    }

    fn remove_many<'a>(&'a self, keys: &'a [Key]) -> StorageFuture<'a, ()> {
        Box::pin(self.write(Change::Remove(keys.to_vec())))
    }
}

impl fmt::Debug for FileStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStorage")
            .field("path", &self.file.path)
            .finish_non_exhaustive()
    }
}
