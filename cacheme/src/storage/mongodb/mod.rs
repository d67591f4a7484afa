//! MongoDB, through its own driver.
//!
//! A batch is one command. The time is the primary server's: entries expire by it. An operation that
//! nobody waits for any more is let go on, since the driver closes the connection of one that is
//! dropped, and keeps one that is dropped while it waits for a connection in its queue.

mod builder;
mod bus;
mod collection;
mod document;
mod failure;
mod place;

pub use self::builder::MongodbStorageBuilder;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use mongodb::bson::{Document, RawDocumentBuf, doc};
use mongodb::raw_batch_cursor::{RawBatch, RawBatchCursor};
use mongodb::{Collection, Database};
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout_at};

use self::bus::MongodbBus;
use self::failure::Failure;
use super::driver::background::Background;
use super::driver::batch;
use super::driver::course::Courses;
use super::driver::server_clock::{ServerClock, Timed};
use super::driver::sweep::Sweep;
use super::driver::table::Table;
use super::driver::together::AT_ONCE;
use super::{Entry, Storage, StorageFuture, Swap};
use crate::bus::Bus;
use crate::error::BoxError;
use crate::key::Key;
use crate::together::together;

/// Entries in a collection of MongoDB, one document each:
/// `{ _id: BinData(key), value: BinData, expires: Date or absent }`.
///
/// Reads and removals of a batch are one command, `find` and `delete`, for each 1000 keys; a reply of
/// more than 16 MiB takes several. Writes are one command, `update` with `upsert`, for each 16 MiB.
/// A key longer than 1024 bytes is stored as its beginning and its SHA-256.
///
/// A document has up to 16 MiB, and beside key and value 44 bytes. So a value of up to 16,776,148
/// bytes, 16 MiB less 1,068 bytes, fits with every key. Longer ones are refused while the others of
/// their batch are written.
///
/// # The collection
///
/// Where it is missing it is made on connecting, with an index by which the server removes what is
/// expired, once a minute. With [`without_create`](MongodbStorageBuilder::without_create), do that
/// yourself:
///
/// ```text
/// db.createCollection("cacheme")
/// db.cacheme.createIndex({ expires: 1 }, { expireAfterSeconds: 0 })
/// ```
///
/// Some servers make that index and remove nothing, or refuse it and get a plain one. What has been
/// expired for 2 min and is still there is [swept](MongodbStorageBuilder::sweep), up to 1000
/// documents at a time, by one process at a time: by the one that could write the document
/// `{ _id: "sweep", expires: Date }`, which it removes after each batch and which ends by itself
/// after 10 s. Where the server does it there is nothing to sweep, and that takes a look at the
/// index. Reads leave out what is expired in any case, by the time of the primary server.
///
/// A collection that isn't ours is refused, and left as it is: a view, a capped one, one with
/// another index of `expires`, and one whose first or last document by `_id` has other types than
/// these.
///
/// # The bus
///
/// It carries [invalidations](crate::Cacheme::connect_bus) by a change stream of the collection `cacheme_bus`, named like the
/// entries' one, in which 64 small documents are replaced in turn; the first message makes it. So the server is one of a replica set, or of a
/// sharded cluster. It is listened to at the primary, whatever `readPreference` says.
///
/// Cloning shares the connections, which close when the last clone is dropped.
///
/// ```no_run
/// use std::time::Duration;
/// use cacheme::storage::MongodbStorage;
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// let mongodb = MongodbStorage::builder("mongodb://localhost:27017/shop")
///     .collection("pages")
///     .deadline(Duration::from_millis(200))
///     .connect()
///     .await?;
/// cacheme::register_storage("my-mongodb", mongodb).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct MongodbStorage {
    core: Arc<Core>,
    _background: Arc<[Background]>,
}

/// The connections, as clones share them.
struct Core {
    collection: Collection<Document>,
    /// For commands in which the driver doesn't set it.
    concern: Option<RawDocumentBuf>,
    table: Table,
    deadline: Duration,
    clock: ServerClock,
    courses: Courses,
    /// Whether the collection was looked at and the server asked for its time.
    ready: OnceCell<()>,
}

impl MongodbStorage {
    /// Connects to `mongodb://[user:password@]host[:port][,host...][/database][?...]` or to what the
    /// DNS says of `mongodb+srv://[user:password@]host[/database][?...]`.
    ///
    /// Parameters are `database`, `collection`, `create`, `sweep`, `pool`, `deadline`,
    /// `connect_timeout` and `lazy`, each as the setter of [`MongodbStorageBuilder`], and those of
    /// MongoDB's connection strings, such as `replicaSet`, `authSource`, `tls`, `tlsCAFile`,
    /// `readPreference` and `w`, spelled like that. Without `w` it is the server's default.
    ///
    /// # Errors
    ///
    /// As [`MongodbStorageBuilder::connect`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the connections up.
    pub async fn connect(url: &str) -> Result<Self, BoxError> {
        Self::builder(url).connect().await
    }

    /// The servers at this URL, with up to 8 connections to each, a deadline of 1 s for an
    /// operation and 5 s for connecting.
    pub fn builder(url: &str) -> MongodbStorageBuilder {
        MongodbStorageBuilder::new(url)
    }
}

impl Core {
    fn database(&self) -> Database {
        let client = self.collection.client();
        client.database(&self.collection.namespace().db)
    }

    /// Waits for a server until then, and gets ready.
    async fn found(&self, until: Instant) -> Result<(), BoxError> {
        let mut last = "no answer in the time for connecting".into();
        loop {
            match timeout_at(until, self.ready()).await {
                Ok(Err(error)) if error.downcast_ref().is_some_and(Failure::is_no_server) => {
                    last = error;
                }
                Ok(outcome) => return outcome,
                Err(_) => return Err(last),
            }
        }
    }

    /// Looks at the collection and asks for the time, if that wasn't done yet.
    async fn ready(&self) -> Result<(), BoxError> {
        let prepare = || async {
            ServerClock::ask(self).await?;
            collection::prepare(&self.collection, &self.table).await
        };
        self.ready.get_or_try_init(prepare).await?;
        Ok(())
    }

    /// The server's time, which is known when this is ready.
    fn time(&self) -> Result<Duration, BoxError> {
        let time = self.clock.now();
        time.ok_or_else(|| "the server's time isn't known".into())
    }

    async fn find(&self, keys: &[Key]) -> Result<batch::ByKey<Vec<u8>, Bytes>, BoxError> {
        self.ready().await?;
        let mut found = batch::by_key(keys.len());
        for keys in document::KEYS.chunks(keys, document::key_room) {
            let find = self
                .collection
                .find(document::filter(keys))
                // One more than there can be: with these, the server knows that it is done.
                .batch_size(u32::try_from(keys.len() + 1)?)
                .max_time(self.deadline);
            let mut replies = find.batch().await.map_err(Failure::new)?;
            while let Some(reply) = next(&mut replies).await {
                document::take(reply.map_err(Failure::new)?, self.time()?, &mut found)?;
            }
        }
        Ok(found)
    }

    async fn update(&self, entries: &[Entry]) -> Result<(), BoxError> {
        self.ready().await?;
        let fits = |entry: &Entry| document::length(entry) <= document::DOCUMENT;
        let (fitting, large): (Vec<_>, Vec<_>) = entries.iter().cloned().partition(fits);
        let mut unwritten: Vec<_> = large.iter().map(too_large).collect();
        for entries in document::UPDATES.chunks(&fitting, document::room) {
            let again = self.update_once(entries, true, &mut unwritten).await?;
            if !again.is_empty() {
                self.update_once(&again, false, &mut unwritten).await?;
            }
        }
        let Some(first) = unwritten.first() else {
            return Ok(());
        };
        let (count, all) = (unwritten.len(), entries.len());
        Err(format!("{count} of {all} entries couldn't be written: {first}").into())
    }

    /// Writes what goes into one command. Gives back what is to be written `again`, since another
    /// process put the same key in at the same moment.
    async fn update_once(
        &self,
        entries: &[Entry],
        again: bool,
        unwritten: &mut Vec<String>,
    ) -> Result<Vec<Entry>, BoxError> {
        let name = self.collection.name();
        let command = document::update(name, entries, self.time()?, self.concern.as_ref());
        let reply = self.database().run_raw_command(command).await;
        let mut met = Vec::new();
        for rejected in document::rejected(&reply.map_err(Failure::new)?)? {
            match entries.get(rejected.index) {
                Some(entry) if again && rejected.met_another() => met.push(entry.clone()),
                _ => unwritten.push(rejected.to_string()),
            }
        }
        Ok(met)
    }

    /// Swaps entries, each by a command: the reply to several doesn't say which of them found what they expect.
    async fn swap(&self, swaps: &[Swap]) -> Result<Vec<bool>, BoxError> {
        self.ready().await?;
        let mut swapped = Vec::with_capacity(swaps.len());
        for swaps in swaps.chunks(AT_ONCE) {
            swapped.extend(self.swap_at_once(swaps).await?);
        }
        Ok(swapped)
    }

    async fn swap_at_once(&self, swaps: &[Swap]) -> Result<Vec<bool>, BoxError> {
        let swapping = swaps.iter().map(|swap| async move {
            let (name, concern) = (self.collection.name(), self.concern.as_ref());
            let command = document::swap(name, swap, self.time()?, concern);
            let reply = self.database().run_raw_command(command).await;
            let reply = reply.map_err(Failure::new)?;
            match document::rejected(&reply)?.first() {
                None => Ok(document::number(&reply, "n") > 0),
                Some(rejected) if rejected.met_another() => Ok(false),
                Some(rejected) => Err(rejected.to_string().into()),
            }
        });
        together(swapping).await.into_iter().collect()
    }

    async fn delete(&self, keys: &[Key]) -> Result<(), BoxError> {
        self.ready().await?;
        for keys in document::KEYS.chunks(keys, document::key_room) {
            let delete = self.collection.delete_many(document::filter(keys));
            delete.await.map_err(Failure::new)?;
        }
        Ok(())
    }
}

fn too_large(entry: &Entry) -> String {
    let value = entry.value().len();
    let most = value + document::DOCUMENT - document::length(entry);
    format!("a value has {value} bytes, and with its key up to {most} fit into a document")
}

async fn next(replies: &mut RawBatchCursor) -> Option<Result<RawBatch, mongodb::error::Error>> {
    std::future::poll_fn(|cx| Pin::new(&mut *replies).poll_next(cx)).await
}

impl Storage for MongodbStorage {
    fn get_many<'a>(&'a self, keys: &'a [Key]) -> StorageFuture<'a, Vec<Option<Bytes>>> {
        Box::pin(async move {
            if keys.is_empty() {
                return Ok(Vec::new());
            }
            let core = Arc::clone(&self.core);
            let asked: Vec<_> = batch::each_once(keys).into_iter().cloned().collect();
            let find = async move { core.find(&asked).await };
            let found = self.core.courses.read(find).await?;
            Ok(batch::in_order(keys, &found))
        })
    }

    fn put_many<'a>(&'a self, entries: &'a [Entry]) -> StorageFuture<'a, ()> {
        Box::pin(async move {
            if entries.is_empty() {
                return Ok(());
            }
            let core = Arc::clone(&self.core);
            let entries: Vec<_> = batch::last_of_each(entries).into_iter().cloned().collect();
            let update = async move { core.update(&entries).await };
            self.core.courses.write(update).await
        })
    }

    fn remove_many<'a>(&'a self, keys: &'a [Key]) -> StorageFuture<'a, ()> {
        Box::pin(async move {
            if keys.is_empty() {
                return Ok(());
            }
            let core = Arc::clone(&self.core);
            let keys: Vec<_> = batch::each_once(keys).into_iter().cloned().collect();
            let delete = async move { core.delete(&keys).await };
            self.core.courses.write(delete).await
        })
    }

    fn swap_many<'a>(&'a self, swaps: &'a [Swap]) -> StorageFuture<'a, Vec<bool>> {
        Box::pin(async move {
            if swaps.is_empty() {
                return Ok(Vec::new());
            }
            let (core, swaps) = (Arc::clone(&self.core), swaps.to_vec());
            let swap = async move { core.swap(&swaps).await };
            self.core.courses.write(swap).await
        })
    }

    fn can_swap(&self) -> bool {
        true
    }

    fn now(&self) -> Option<Duration> {
        self.core.clock.now()
    }

    fn parallel_reads(&self) -> Option<usize> {
        Some(self.core.courses.most())
    }

    fn bus(&self) -> Option<Arc<dyn Bus>> {
        let core = Arc::clone(&self.core);
        Some(Arc::new(MongodbBus { core }))
    }
}

impl Timed for Core {
    fn clock(&self) -> &ServerClock {
        &self.clock
    }

    async fn ask_time(&self) -> Result<Duration, BoxError> {
        let admin = self.collection.client().database("admin");
        let hello = admin.run_command(doc! { "hello": 1 }).await;
        let hello = hello.map_err(Failure::new)?;
        let time = hello.get_datetime("localTime")?.timestamp_millis();
        Ok(Duration::from_millis(u64::try_from(time)?))
    }
}

impl Sweep for Core {
    async fn sweep(&self) -> Result<u64, BoxError> {
        self.ready().await?;
        collection::sweep(&self.collection, self.time()?).await
    }
}

impl fmt::Debug for MongodbStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MongodbStorage")
            .field("collection", &self.core.collection.namespace().to_string())
            .finish_non_exhaustive()
    }
}
