//! What embedded databases share: they work on threads of their own, so that no call of theirs
//! blocks tokio's.
//!
//! Writes go to one thread, which takes whatever has queued up while the last commit was under way
//! into the next one. Reads go to a few others, or to the same one where the database can't read
//! beside a commit. Queues are bounded, every operation ends within the deadline, and what nobody
//! waits for any more isn't begun.

mod crew;
mod job;
mod settings;

pub(super) use self::job::{Change, Sweep};
pub(super) use self::settings::{Settings, settings_setters};

use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::oneshot;

use self::crew::Crew;
use self::job::{Asked, Job, Worker};
use super::{Entry, StorageFuture, Swap};
use crate::clock::{NEVER, millis};
use crate::error::BoxError;
use crate::key::Key;
use crate::storage::copies::Copies;

/// An embedded database, as one thread uses it.
pub(super) trait Engine: Send + 'static {
    /// What it holds at some moment.
    type View<'a>: View
    where
        Self: 'a;

    /// The longest key and value together, in bytes.
    const LARGEST: usize;

    /// What it holds now.
    fn view(&self) -> Result<Self::View<'_>, BoxError>;

    /// Keeps other processes from writing until the commit; `false` while one of them does.
    fn lock(&self) -> Result<bool, BoxError> {
        Ok(true)
    }

    /// Makes all of these changes, in their order, or none, and says of each which of its swaps were made. Takes out
    /// some of what is expired too.
    fn commit(&mut self, changes: &[&Change], now: u64) -> Result<Vec<Vec<bool>>, BoxError>;
}

/// What a database holds at some moment.
pub(super) trait View {
    /// The value of a key, unless that is expired at `now`, in ms since the Unix epoch.
    fn find(&mut self, key: &Key, now: u64, copies: &mut Copies)
    -> Result<Option<Bytes>, BoxError>;
}

/// A database and its threads. It closes when this is dropped, which waits for what is under way.
#[derive(Debug)]
pub(super) struct Embedded {
    // In this order, so that the writer is the last to close.
    readers: Option<Crew<Job>>,
    writer: Crew<Job>,
    settings: Settings,
    largest: usize,
}

impl Embedded {
    /// Starts the threads: one for `writer`, and one for each of the `readers`. Without these, the
    /// writer reads too.
    pub(super) fn start<E: Engine>(
        writer: E,
        readers: Vec<E>,
        settings: Settings,
    ) -> Result<Self, BoxError> {
        let crew = |name, engines: Vec<E>| {
            let work = |engine| {
                let mut worker = Worker::new(engine, &settings);
                move |jobs| worker.serve(jobs)
            };
            Crew::start(name, engines.into_iter().map(work).collect())
        };
        Ok(Self {
            writer: crew("cacheme-write", vec![writer])?,
            readers: match readers.as_slice() {
                [] => None,
                _ => Some(crew("cacheme-read", readers)?),
            },
            settings,
            largest: E::LARGEST,
        })
    }

    async fn ask<Q, A>(
        &self,
        crew: &Crew<Job>,
        job: fn(Asked<Q, A>) -> Job,
        question: Q,
        bytes: usize,
    ) -> Result<A, BoxError> {
        let deadline = self.settings.deadline;
        let at = Instant::now();
        let asked = async {
            let room = crew.room(bytes).await?;
            let (answer, outcome) = oneshot::channel();
            crew.push(job(Asked::new(question, answer, at, room)));
            outcome
                .await
                .map_err(|_| "the thread of the database is gone")?
        };
        tokio::time::timeout(deadline, asked)
            .await
            .unwrap_or_else(|_| Err(format!("no answer within {deadline:?}").into()))
    }

    async fn write(&self, change: Change) -> Result<Vec<bool>, BoxError> {
        let bytes = change.bytes();
        self.ask(&self.writer, Job::Write, change, bytes).await
    }

    pub(super) fn get_many<'a>(&'a self, keys: &'a [Key]) -> StorageFuture<'a, Vec<Option<Bytes>>> {
        Box::pin(async move {
            if keys.is_empty() {
                return Ok(Vec::new());
            }
            let readers = self.readers.as_ref().unwrap_or(&self.writer);
            let bytes = keys.iter().map(|key| key.as_str().len()).sum();
            self.ask(readers, Job::Read, keys.to_vec(), bytes).await
        })
    }

    pub(super) fn put_many<'a>(&'a self, entries: &'a [Entry]) -> StorageFuture<'a, ()> {
        Box::pin(async move {
            if entries.is_empty() {
                return Ok(());
            }
            let put = entries.iter().map(|entry| self.row(entry));
            let change = Change::Put(put.collect::<Result<_, _>>()?);
            self.write(change).await.map(drop)
        })
    }

    /// An entry as it is written: key, end and value.
    fn row(&self, entry: &Entry) -> Result<(Key, u64, Bytes), BoxError> {
        let largest = self.largest;
        if entry.key().as_str().len() + entry.value().len() > largest {
            return Err(format!("an entry has more than {largest} bytes").into());
        }
        let now = self.settings.clock.unix();
        let expires = |ttl| millis(now.saturating_add(ttl));
        let expires = entry.ttl().map_or(NEVER, expires);
        Ok((entry.key().clone(), expires, entry.value().clone()))
    }

    pub(super) fn swap_many<'a>(&'a self, swaps: &'a [Swap]) -> StorageFuture<'a, Vec<bool>> {
        Box::pin(async move {
            if swaps.is_empty() {
                return Ok(Vec::new());
            }
            let swap = |swap: &Swap| {
                let (key, expires, value) = self.row(swap.entry())?;
                Ok::<_, BoxError>((key, expires, value, swap.expected().cloned()))
            };
            let change = Change::Swap(swaps.iter().map(swap).collect::<Result<_, _>>()?);
            self.write(change).await
        })
    }

    pub(super) fn remove_many<'a>(&'a self, keys: &'a [Key]) -> StorageFuture<'a, ()> {
        Box::pin(async move {
            if keys.is_empty() {
                return Ok(());
            }
            self.write(Change::Remove(keys.to_vec())).await.map(drop)
        })
    }

    pub(super) fn now(&self) -> Duration {
        self.settings.clock.unix()
    }

    /// A read goes to one thread and takes little there, so that two keep reads flowing; further
    /// ones are better one batch.
    pub(super) const PARALLEL_READS: usize = 2;
}

/// The storage of a type whose `embedded` does all of it.
macro_rules! embedded_storage {
    ($storage:ty) => {
        impl $crate::storage::Storage for $storage {
            fn get_many<'a>(
                &'a self,
                keys: &'a [$crate::Key],
            ) -> $crate::storage::StorageFuture<'a, Vec<Option<bytes::Bytes>>> {
                self.embedded.get_many(keys)
            }

            fn put_many<'a>(
                &'a self,
                entries: &'a [$crate::storage::Entry],
            ) -> $crate::storage::StorageFuture<'a, ()> {
                self.embedded.put_many(entries)
            }

            fn remove_many<'a>(
                &'a self,
                keys: &'a [$crate::Key],
            ) -> $crate::storage::StorageFuture<'a, ()> {
                self.embedded.remove_many(keys)
            }

            fn swap_many<'a>(
                &'a self,
                swaps: &'a [$crate::storage::Swap],
            ) -> $crate::storage::StorageFuture<'a, Vec<bool>> {
                self.embedded.swap_many(swaps)
            }

            fn can_swap(&self) -> bool {
                true
            }

            fn now(&self) -> Option<std::time::Duration> {
                Some(self.embedded.now())
            }

            fn parallel_reads(&self) -> Option<usize> {
                Some($crate::storage::embedded::Embedded::PARALLEL_READS)
            }
        }
    };
}

pub(super) use embedded_storage;
