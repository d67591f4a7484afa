//! A remote storage as a runtime uses it: what it does ends within a deadline, a panic in it is an
//! error, while it doesn't answer it isn't asked ([breaker]), and what it missed is made up for ([backlog]).
//!
//! Where the storage says how many reads are worth being under way, simultaneous ones are
//! [merged], and each operation is a task of its own: a caller that isn't polled for a while keeps
//! no connection from others.

mod backlog;
mod breaker;
mod merged;

use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::coop::consume_budget;
use tokio::time::Instant;

use self::backlog::{Backlog, Removing};
pub(crate) use self::backlog::{Behind, Writing};
use self::breaker::{Breaker, Verdict};
use self::merged::Merged;
use crate::bus::Bus;
use crate::clock::Clock;
use crate::error::BoxError;
use crate::event::Event;
use crate::key::Key;
use crate::panic::{catch_panic, panic_message};
use crate::prefix::Prefix;
use crate::storage::{Entry, Storage, StorageFuture, Swap};

/// A storage, its deadline and its breaker. Clones are of the same one.
#[derive(Clone)]
pub(crate) struct Guard {
    bounded: Bounded,
    merged: Option<Merged>,
    backlog: Arc<Backlog>,
}

/// A storage whose operations end.
#[derive(Clone)]
struct Bounded {
    name: Arc<str>,
    storage: Arc<dyn Storage>,
    deadline: Duration,
    breaker: Arc<Breaker>,
}

impl Guard {
    /// Ends operations of `storage`, which is registered under this name, after `deadline`.
    pub(crate) fn new(name: &str, storage: Arc<dyn Storage>, deadline: Duration) -> Self {
        let parallel = storage.parallel_reads();
        let bounded = Bounded {
            name: name.into(),
            storage,
            deadline,
            breaker: Arc::new(Breaker::new(deadline)),
        };
        let merged = parallel.map(|most| Merged::new(bounded.clone(), most));
        let backlog = Backlog::new(bounded.clone());
        Self {
            bounded,
            merged,
            backlog,
        }
    }

    /// The time by which its entries expire, since the Unix epoch.
    pub(crate) fn now(&self, clock: &dyn Clock) -> Duration {
        self.bounded.now(clock)
    }

    /// The bus that the storage has.
    pub(crate) fn bus(&self) -> Option<Arc<dyn Bus>> {
        self.bounded.storage.bus()
    }

    /// Reads entries: as many results as keys, in their order.
    pub(crate) async fn read(&self, keys: Vec<Key>) -> Result<Vec<Option<Bytes>>, BoxError> {
        self.admit(|| keys.clone()).await?;
        match &self.merged {
            Some(merged) if Merged::takes(&keys) => merged.read(keys).await,
            _ => self.operate(|storage| storage.read(keys)).await,
        }
    }

    /// Whether the storage is to be asked; otherwise the error of what isn't tried. It may read `keys` to see
    /// whether the storage answers, beside its caller.
    pub(crate) async fn admit(&self, keys: impl FnOnce() -> Vec<Key>) -> Result<(), BoxError> {
        match self.bounded.breaker.read() {
            Verdict::Ask => return Ok(()),
            Verdict::Refuse => {}
            Verdict::Probe => {
                tokio::spawn(self.bounded.clone().probe(keys()));
            }
        }
        // It takes no time, so it sees to it that others have their turn.
        consume_budget().await;
        Err("it didn't answer lately, and isn't asked until it does".into())
    }

    /// Writes entries, whatever the breaker says: ask it before by [`admit`](Self::admit).
    pub(crate) async fn write(&self, entries: Vec<Entry>) -> Result<(), BoxError> {
        let writing = self.writing();
        let keys: Vec<_> = match writing {
            Some(_) => entries.iter().map(Entry::key).cloned().collect(),
            None => Vec::new(),
        };
        self.operate(|storage| storage.write(entries)).await?;
        self.wrote(writing, keys.iter());
        Ok(())
    }

    /// Whether the storage has a compare-and-swap.
    pub(crate) fn can_swap(&self) -> bool {
        self.bounded.storage.can_swap()
    }

    /// Swaps entries, whatever the breaker says: as many answers as swaps, in their order.
    pub(crate) async fn swap(&self, swaps: Vec<Swap>) -> Result<Vec<bool>, BoxError> {
        self.operate(|storage| storage.swap(swaps)).await
    }

    /// Begins to look which entries are to be written: what is missed from now on isn't made up for by that.
    pub(crate) fn writing(&self) -> Option<Writing> {
        self.backlog.writing()
    }

    /// These were written.
    pub(crate) fn wrote<'k>(&self, writing: Option<Writing>, keys: impl Iterator<Item = &'k Key>) {
        if let Some(writing) = writing {
            self.backlog.wrote(writing, keys);
        }
    }

    /// Removes entries of this prefix. What it doesn't remove, dropped or not, it [has missed](Self::missed).
    pub(crate) async fn remove(
        &self,
        keys: Vec<Key>,
        prefix: &Prefix,
        clock: &dyn Clock,
    ) -> Result<(), BoxError> {
        let removing = Removing {
            backlog: &self.backlog,
            keys: keys.clone(),
            prefix,
            clock,
        };
        self.operate(|storage| storage.remove(keys)).await?;
        removing.done();
        Ok(())
    }

    /// Takes it that entries are to be removed as soon as they can be, and not to be read before.
    pub(crate) fn missed(&self, keys: &[Key], prefix: &Prefix, clock: &dyn Clock) {
        self.backlog.remove(keys, prefix, clock);
    }

    /// The same of a mark that is to say [until when](crate::ended) entries are ended.
    pub(crate) fn missed_end(&self, mark: Key, until: u64) {
        self.backlog.end(mark, until);
    }

    /// What the storage is behind with, of each of these keys; nothing if that holds for all.
    pub(crate) fn behind(&self, keys: &[Key]) -> Option<Vec<Behind>> {
        self.backlog.behind(keys)
    }

    /// Has `told` called whenever something was made up for, which others may have read until then.
    pub(crate) fn when_made_up(&self, told: impl Fn() + Send + Sync + 'static) {
        self.backlog.when_made_up(told);
    }

    /// Takes it that entries are known to be ended until then, by the storage's clock.
    pub(crate) fn knows(&self, until: u64) {
        self.backlog.knows(until);
    }

    /// Until when everything is ended since too much was missed, by the storage's clock; 0 if that never was.
    pub(crate) fn flushed(&self) -> u64 {
        self.backlog.flushed()
    }

    /// How many removals it has missed by now.
    pub(crate) fn backlog(&self) -> usize {
        self.backlog.len()
    }

    /// Has what it missed tried at once.
    pub(crate) fn hurry(&self) {
        self.backlog.hurry();
    }

    /// Does an operation; where reads are merged, in a task of its own.
    async fn operate<T, F>(&self, operation: impl FnOnce(Bounded) -> F) -> Result<T, BoxError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, BoxError>> + Send + 'static,
    {
        let operation = operation(self.bounded.clone());
        match self.merged {
            Some(_) => tokio::spawn(operation).await?,
            None => operation.await,
        }
    }
}

impl Bounded {
    /// The time by which its entries expire, since the Unix epoch.
    fn now(&self, clock: &dyn Clock) -> Duration {
        self.storage.now().unwrap_or_else(|| clock.unix())
    }

    /// Reads, to see whether the storage answers.
    async fn probe(self, keys: Vec<Key>) {
        match self.within(|storage| storage.get_many(&keys)).await {
            Ok(_) => self.succeeded(),
            Err(_) => self.breaker.probe_failed(),
        }
    }

    fn succeeded(&self) {
        if self.breaker.succeeded() {
            let storage = &self.name;
            Event::Up { storage }.tell();
        }
    }

    fn failed(&self, after: Duration, error: &BoxError) {
        if self.breaker.failed(after) {
            let (storage, error) = (&self.name, &**error);
            Event::Down { storage, error }.tell();
        }
    }

    async fn read(self, keys: Vec<Key>) -> Result<Vec<Option<Bytes>>, BoxError> {
        let begun = Instant::now();
        let found = self.within(|storage| storage.get_many(&keys)).await;
        match &found {
            Ok(_) => self.succeeded(),
            // One part of it says nothing of the others.
            Err(_) if self.storage.is_partitioned() => {}
            Err(error) => self.failed(begun.elapsed(), error),
        }
        answers(found?, keys.len())
    }

    async fn swap(self, swaps: Vec<Swap>) -> Result<Vec<bool>, BoxError> {
        let swapped = self.within(|storage| storage.swap_many(&swaps)).await?;
        answers(swapped, swaps.len())
    }

    async fn write(self, entries: Vec<Entry>) -> Result<(), BoxError> {
        self.within(|storage| storage.put_many(&entries)).await
    }

    async fn remove(self, keys: Vec<Key>) -> Result<(), BoxError> {
        self.within(|storage| storage.remove_many(&keys)).await
    }

    /// Ends an operation at its deadline, and turns a panic in it into an error.
    async fn within<'a, T>(
        &'a self,
        operation: impl FnOnce(&'a dyn Storage) -> StorageFuture<'a, T>,
    ) -> Result<T, BoxError> {
        let begun = panic::catch_unwind(AssertUnwindSafe(|| operation(&*self.storage)));
        let operation = begun.map_err(|panic| panic_message(&*panic))?;
        tokio::time::timeout(self.deadline, catch_panic(operation)).await??
    }
}

/// The answers to so many keys, if there are as many.
fn answers<T>(answers: Vec<T>, keys: usize) -> Result<Vec<T>, BoxError> {
    if answers.len() == keys {
        return Ok(answers);
    }
    Err(format!("{} answers to {keys} keys", answers.len()).into())
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bounded.fmt(f)
    }
}

impl fmt::Debug for Bounded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.storage.fmt(f)
    }
}
