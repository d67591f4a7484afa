//! A remote storage as a runtime uses it: what it does ends within a deadline, a panic in it is an
//! error, and while it doesn't answer it isn't asked ([breaker]).
//!
//! Where the storage says how many reads are worth being under way, simultaneous ones are
//! [merged], and each operation is a task of its own: a caller that isn't polled for a while keeps
//! no connection from others.

mod breaker;
mod merged;

use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::coop::consume_budget;
use tokio::time::Instant;

use self::breaker::{Breaker, Verdict};
use self::merged::Merged;
use crate::bus::Bus;
use crate::clock::Clock;
use crate::error::BoxError;
use crate::key::Key;
use crate::panic::{catch_panic, panic_message};
use crate::storage::{Entry, Storage, StorageFuture};

/// A storage, its deadline and its breaker. Clones are of the same one.
#[derive(Clone)]
pub(crate) struct Guard {
    bounded: Bounded,
    merged: Option<Merged>,
}

/// A storage whose operations end.
#[derive(Clone)]
struct Bounded {
    storage: Arc<dyn Storage>,
    deadline: Duration,
    breaker: Arc<Breaker>,
}

impl Guard {
    /// Ends operations of `storage` after `deadline`.
    pub(crate) fn new(storage: Arc<dyn Storage>, deadline: Duration) -> Self {
        let parallel = storage.parallel_reads();
        let bounded = Bounded {
            storage,
            deadline,
            breaker: Arc::new(Breaker::new(deadline)),
        };
        let merged = parallel.map(|most| Merged::new(bounded.clone(), most));
        Self { bounded, merged }
    }

    /// The time by which its entries expire, since the Unix epoch.
    pub(crate) fn now(&self, clock: &dyn Clock) -> Duration {
        self.bounded.storage.now().unwrap_or_else(|| clock.unix())
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
        self.operate(|storage| storage.write(entries)).await
    }

    /// Removes entries.
    pub(crate) async fn remove(&self, keys: Vec<Key>) -> Result<(), BoxError> {
        self.operate(|storage| storage.remove(keys)).await
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
    /// Reads, to see whether the storage answers.
    async fn probe(self, keys: Vec<Key>) {
        match self.within(|storage| storage.get_many(&keys)).await {
            Ok(_) => self.breaker.succeeded(),
            Err(_) => self.breaker.probe_failed(),
        }
    }

    async fn read(self, keys: Vec<Key>) -> Result<Vec<Option<Bytes>>, BoxError> {
        let begun = Instant::now();
        let found = self.within(|storage| storage.get_many(&keys)).await;
        match &found {
            Ok(_) => self.breaker.succeeded(),
            // One part of it says nothing of the others.
            Err(_) if self.storage.is_partitioned() => {}
            Err(_) => self.breaker.failed(begun.elapsed()),
        }
        let found = found?;
        if found.len() == keys.len() {
            return Ok(found);
        }
        Err(format!("{} answers to {} keys", found.len(), keys.len()).into())
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

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bounded.storage.fmt(f)
    }
}
