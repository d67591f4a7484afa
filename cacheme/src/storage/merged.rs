//! Simultaneous reads of a storage made one: a driver reads a hundred entries in little more time
//! than one.
//!
//! Reads that come at once go together. While as many are under way as the storage says are worth it,
//! others gather, until one ends, 64 are there, or a moment has passed. Reads of many keys are a batch
//! already, and always go as they are.
//!
//! Operations are tasks of their own, so that a caller that isn't polled for a while keeps no
//! connection from others.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::{Entry, Storage, StorageFuture};
use crate::batch::Batch;
use crate::batcher::{Batcher, Turn};
use crate::error::BoxError;
use crate::key::Key;

/// A storage whose simultaneous reads are merged.
pub(super) struct Merged {
    storage: Arc<dyn Storage>,
    reads: Arc<Batcher<Request>>,
}

/// A read of few keys.
struct Request {
    keys: Vec<Key>,
    answer: oneshot::Sender<Answer>,
}

/// Why a batch failed goes to several.
type Answer = Result<Vec<Option<Bytes>>, Arc<str>>;

impl Merged {
    /// Reads of up to so many keys gather.
    const FEW: usize = 8;

    /// The most reads that become one.
    const MOST: usize = 64;

    /// The longest that reads gather.
    const MOMENT: Duration = Duration::from_millis(2);

    /// While `most` reads are under way, others gather.
    pub(super) fn new(storage: Arc<dyn Storage>, most: usize) -> Self {
        let batch = Batch::default();
        let batch = batch.with_max(Self::MOST).with_delay(Self::MOMENT);
        let reads = Arc::new(Batcher::new(most, batch));
        Self { storage, reads }
    }

    /// Reads few keys, with others if there are many at it.
    async fn read(&self, keys: &[Key]) -> Result<Vec<Option<Bytes>>, BoxError> {
        let (sender, answer) = oneshot::channel();
        let request = Request {
            keys: keys.to_vec(),
            answer: sender,
        };
        self.reads.take(request, || {
            let storage = Arc::clone(&self.storage);
            move |turn, requests| read(Arc::clone(&storage), turn, requests)
        });
        let answer = answer.await.map_err(|_| gone())?;
        answer.map_err(|problem| problem.to_string().into())
    }
}

/// Reads for all of these.
async fn read(storage: Arc<dyn Storage>, turn: Turn<Request>, requests: Vec<Request>) {
    let mut keys = Vec::with_capacity(requests.len());
    for request in &requests {
        keys.extend_from_slice(&request.keys);
    }
    let found = match storage.get_many(&keys).await {
        Ok(found) if found.len() == keys.len() => Ok(found),
        Ok(found) => Err(format!("{} answers to {} keys", found.len(), keys.len())),
        Err(error) => Err(error.to_string()),
    };
    // Before the answers, so that who is answered and reads again finds it ended.
    drop(turn);
    let mut found = found.map(Vec::into_iter).map_err(Arc::from);
    for Request { keys, answer } in requests {
        let own = match &mut found {
            Ok(found) => Ok(found.take(keys.len()).collect()),
            Err(problem) => Err(Arc::clone(problem)),
        };
        // Who asked may have gone.
        let _ = answer.send(own);
    }
}

/// Does `operation` in a task of its own.
async fn apart<T: Send + 'static>(
    operation: impl Future<Output = Result<T, BoxError>> + Send + 'static,
) -> Result<T, BoxError> {
    tokio::spawn(operation).await?
}

fn gone() -> BoxError {
    "the tokio runtime that read it was shut down".into()
}

#[deny(clippy::missing_trait_methods)]
impl Storage for Merged {
    fn get_many<'a>(&'a self, keys: &'a [Key]) -> StorageFuture<'a, Vec<Option<Bytes>>> {
        if keys.len() <= Self::FEW {
            return Box::pin(self.read(keys));
        }
        let (storage, keys) = (Arc::clone(&self.storage), keys.to_vec());
        Box::pin(apart(async move { storage.get_many(&keys).await }))
    }

    fn put_many<'a>(&'a self, entries: &'a [Entry]) -> StorageFuture<'a, ()> {
        let (storage, entries) = (Arc::clone(&self.storage), entries.to_vec());
        Box::pin(apart(async move { storage.put_many(&entries).await }))
    }

    fn remove_many<'a>(&'a self, keys: &'a [Key]) -> StorageFuture<'a, ()> {
        let (storage, keys) = (Arc::clone(&self.storage), keys.to_vec());
        Box::pin(apart(async move { storage.remove_many(&keys).await }))
    }

    fn now(&self) -> Option<Duration> {
        self.storage.now()
    }

    fn parallel_reads(&self) -> Option<usize> {
        None
    }
}

impl fmt::Debug for Merged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.storage.fmt(f)
    }
}
