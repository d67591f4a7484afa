//! A remote storage as a runtime uses it: what it does ends within a deadline, and a panic in it is an
//! error.
//!
//! Where the storage says how many reads are worth being under way, simultaneous ones are
//! [merged], and each operation is a task of its own: a caller that isn't polled for a while keeps
//! no connection from others.

mod merged;

use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use self::merged::Merged;
use crate::clock::Clock;
use crate::error::BoxError;
use crate::key::Key;
use crate::panic::{catch_panic, panic_message};
use crate::storage::{Entry, Storage, StorageFuture};

/// A storage and its deadline. Clones are of the same one.
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
}

impl Guard {
    /// Ends operations of `storage` after `deadline`.
    pub(crate) fn new(storage: Arc<dyn Storage>, deadline: Duration) -> Self {
        let parallel = storage.parallel_reads();
        let bounded = Bounded { storage, deadline };
        let merged = parallel.map(|most| Merged::new(bounded.clone(), most));
        Self { bounded, merged }
    }

    /// The time by which its entries expire, since the Unix epoch.
    pub(crate) fn now(&self, clock: &dyn Clock) -> Duration {
        self.bounded.storage.now().unwrap_or_else(|| clock.unix())
    }

    /// Reads entries: as many results as keys, in their order.
    pub(crate) async fn read(&self, keys: Vec<Key>) -> Result<Vec<Option<Bytes>>, BoxError> {
        match &self.merged {
            Some(merged) if Merged::takes(&keys) => merged.read(keys).await,
            _ => self.operate(|storage| storage.read(keys)).await,
        }
    }

    /// Writes entries.
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
    async fn read(self, keys: Vec<Key>) -> Result<Vec<Option<Bytes>>, BoxError> {
        let found = self.within(|storage| storage.get_many(&keys)).await?;
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
