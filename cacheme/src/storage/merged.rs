//! Simultaneous reads of a storage made one: a driver reads a hundred entries in little more time
//! than one.
//!
//! While few reads are under way, another one goes as it is. Beyond that, reads gather, and go as one
//! batch as soon as one that is under way ends, or after a moment: none waits for a server that
//! doesn't answer. Reads of many keys are a batch already, and always go as they are.
//!
//! Operations are tasks of their own, so that a caller that isn't polled for a while keeps no
//! connection from others.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Notify, oneshot};

use super::{Entry, Storage, StorageFuture};
use crate::error::BoxError;
use crate::key::Key;
use crate::lock::lock;

/// A storage whose simultaneous reads are merged.
pub(super) struct Merged(Arc<Core>);

struct Core {
    storage: Arc<dyn Storage>,
    /// How many reads are under way before others gather.
    most: usize,
    state: Mutex<State>,
    /// That a read ended.
    ended: Notify,
}

#[derive(Default)]
struct State {
    under_way: usize,
    /// Those that the task that gathers will take.
    gathered: Vec<Request>,
}

/// A read of few keys.
struct Request {
    keys: Vec<Key>,
    answer: oneshot::Sender<Answer>,
}

/// Why a batch failed goes to several.
type Answer = Result<Vec<Option<Bytes>>, Arc<str>>;

/// A read under way; dropping it ends it.
struct Turn(Arc<Core>);

impl Drop for Turn {
    fn drop(&mut self) {
        lock(&self.0.state).under_way -= 1;
        self.0.ended.notify_one();
    }
}

/// The task that gathers. Where it is dropped early, with its tokio runtime, those that it gathered
/// are told, and the next read has another one gather.
struct Gatherer {
    core: Arc<Core>,
    /// Whether those that gather now are another one's.
    is_done: bool,
}

impl Drop for Gatherer {
    fn drop(&mut self) {
        if !self.is_done {
            // Dropped without the lock: it tells their callers.
            let left = std::mem::take(&mut lock(&self.core.state).gathered);
            drop(left);
        }
    }
}

impl Merged {
    /// Reads of up to so many keys gather.
    const FEW: usize = 8;

    /// The most reads that become one.
    const MOST: usize = 64;

    /// The longest that reads gather.
    const MOMENT: Duration = Duration::from_millis(2);

    pub(super) fn new(storage: Arc<dyn Storage>, most: usize) -> Self {
        Self(Arc::new(Core {
            storage,
            most,
            state: Mutex::default(),
            ended: Notify::new(),
        }))
    }

    /// Reads few keys, with others if there are many at it.
    async fn read(&self, keys: &[Key]) -> Result<Vec<Option<Bytes>>, BoxError> {
        let (sender, answer) = oneshot::channel();
        let request = Request {
            keys: keys.to_vec(),
            answer: sender,
        };
        self.0.take(request);
        let answer = answer.await.map_err(|_| gone())?;
        answer.map_err(|problem| problem.to_string().into())
    }
}

impl Core {
    /// Has a request answered, now or with others.
    fn take(self: &Arc<Self>, request: Request) {
        let mut state = lock(&self.state);
        if state.gathered.is_empty() {
            if state.under_way < self.most {
                state.under_way += 1;
                drop(state);
                tokio::spawn(Turn(Arc::clone(self)).read(vec![request]));
                return;
            }
            state.gathered.push(request);
            drop(state);
            let core = Arc::clone(self);
            let is_done = false;
            tokio::spawn(Gatherer { core, is_done }.gather());
        } else {
            state.gathered.push(request);
        }
    }
}

impl Gatherer {
    /// Waits a moment at a time, and has those who gathered meanwhile answered, until there are none.
    async fn gather(mut self) {
        while !self.is_done {
            let core = &self.core;
            // Either will do.
            let _ = tokio::time::timeout(Merged::MOMENT, core.ended.notified()).await;
            let mut state = lock(&core.state);
            let count = state.gathered.len().min(Merged::MOST);
            let requests = state.gathered.drain(..count).collect();
            // Then the next read has another one gather.
            self.is_done = state.gathered.is_empty();
            state.under_way += 1;
            drop(state);
            tokio::spawn(Turn(Arc::clone(core)).read(requests));
        }
    }
}

impl Turn {
    /// Reads for all of these.
    async fn read(self, requests: Vec<Request>) {
        let keys: Vec<_> = requests
            .iter()
            .flat_map(|request| request.keys.iter().cloned())
            .collect();
        let found = match self.0.storage.get_many(&keys).await {
            Ok(found) if found.len() == keys.len() => Ok(found),
            Ok(found) => Err(format!("{} answers to {} keys", found.len(), keys.len())),
            Err(error) => Err(error.to_string()),
        };
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
        let (storage, keys) = (Arc::clone(&self.0.storage), keys.to_vec());
        Box::pin(apart(async move { storage.get_many(&keys).await }))
    }

    fn put_many<'a>(&'a self, entries: &'a [Entry]) -> StorageFuture<'a, ()> {
        let (storage, entries) = (Arc::clone(&self.0.storage), entries.to_vec());
        Box::pin(apart(async move { storage.put_many(&entries).await }))
    }

    fn remove_many<'a>(&'a self, keys: &'a [Key]) -> StorageFuture<'a, ()> {
        let (storage, keys) = (Arc::clone(&self.0.storage), keys.to_vec());
        Box::pin(apart(async move { storage.remove_many(&keys).await }))
    }

    fn now(&self) -> Option<Duration> {
        self.0.storage.now()
    }

    fn parallel_reads(&self) -> Option<usize> {
        None
    }
}

impl fmt::Debug for Merged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.storage.fmt(f)
    }
}
