//! Simultaneous requests that miss, made one load.
//!
//! While no load of the node is under way, a request's load begins at once. Beyond that, requests
//! gather, and go as one batch as soon as a load ends, there are enough of them, or the first has
//! waited for the node's delay. Nobody waits for a loader that doesn't answer.
//!
//! Batches are tasks of their own, so that no caller's cancellation ends one for the others.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex};

use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;

use super::Loader;
use super::load::Call;
use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::life::Life;
use crate::lock::lock;
use crate::node::{Id, Node};

/// Requests of a node that wait to be loaded together.
pub(crate) struct Gather<N, V> {
    batch: Batch,
    load_all: fn() -> Loader<N, V>,
    state: Mutex<State<N, V>>,
    /// That a load ended, or that enough have gathered.
    changed: Notify,
}

struct State<N, V> {
    under_way: usize,
    /// How many loads have ended so far.
    ended: u64,
    /// Those that the task that gathers will take.
    gathered: Vec<Request<N, V>>,
}

struct Request<N, V> {
    id: Id<N>,
    answer: oneshot::Sender<Result<(V, Life)>>,
}

/// A load under way; dropping it ends it.
struct Turn<N, V>(Arc<Gather<N, V>>);

impl<N, V> Drop for Turn<N, V> {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        state.under_way -= 1;
        state.ended += 1;
        drop(state);
        self.0.changed.notify_one();
    }
}

/// The task that gathers. Where it is dropped early, with its tokio runtime, those that it gathered
/// are told, and the next request has another one gather.
struct Gatherer<N: Node, V> {
    gather: Arc<Gather<N, V>>,
    call: Call,
    /// Whether those that gather now are another one's.
    is_done: bool,
}

impl<N: Node, V> Drop for Gatherer<N, V> {
    fn drop(&mut self) {
        if !self.is_done {
            // Dropped without the lock: it tells their callers.
            let left = std::mem::take(&mut lock(&self.gather.state).gathered);
            drop(left);
        }
    }
}

impl<N: Node, V: Clone + Send + Sync + 'static> Gather<N, V> {
    /// How often a request gathers.
    const TRIES: usize = 3;

    pub(super) fn new(batch: Batch, load_all: fn() -> Loader<N, V>) -> Self {
        let state = State {
            under_way: 0,
            ended: 0,
            gathered: Vec::new(),
        };
        Self {
            batch,
            load_all,
            state: Mutex::new(state),
            changed: Notify::new(),
        }
    }

    /// Loads a node, with others if there are many at it.
    pub(super) async fn load(self: Arc<Self>, call: &Call, node: N) -> Result<(V, Life)> {
        for _ in 0..Self::TRIES {
            let (answer, loaded) = oneshot::channel();
            let id = Id(node.duplicate());
            self.take(call, Request { id, answer });
            if let Ok(loaded) = loaded.await {
                return loaded;
            }
            // The tokio runtime of who gathered is gone, and this one's may be there.
        }
        Err(Error::lost(call.chain.meta.name()))
    }

    /// Whether a load ended since `ended` had, or enough have gathered.
    fn is_due(&self, ended: u64) -> bool {
        let state = lock(&self.state);
        state.ended != ended || state.gathered.len() >= self.batch.max()
    }

    /// Has a request answered, now or with others.
    fn take(self: &Arc<Self>, call: &Call, request: Request<N, V>) {
        let mut state = lock(&self.state);
        if state.under_way == 0 && state.gathered.is_empty() {
            state.under_way = 1;
            drop(state);
            tokio::spawn(Turn(Arc::clone(self)).load(call.clone(), vec![request]));
            return;
        }
        state.gathered.push(request);
        let count = state.gathered.len();
        let ended = state.ended;
        drop(state);
        if count == 1 {
            let gatherer = Gatherer {
                gather: Arc::clone(self),
                call: call.clone(),
                is_done: false,
            };
            tokio::spawn(gatherer.gather(ended));
        } else if count >= self.batch.max() {
            self.changed.notify_one();
        }
    }
}

impl<N: Node, V: Clone + Send + Sync + 'static> Gatherer<N, V> {
    /// Has those who gathered loaded, a batch at a time, until there are none. `ended` is how many
    /// loads had ended when the first one came.
    async fn gather(mut self, mut ended: u64) {
        let gather = Arc::clone(&self.gather);
        while !self.is_done {
            let due = async {
                while !gather.is_due(ended) {
                    gather.changed.notified().await;
                }
            };
            // Either will do.
            let _ = timeout(gather.batch.delay(), due).await;
            let mut state = lock(&gather.state);
            let count = state.gathered.len().min(gather.batch.max());
            let requests = state.gathered.drain(..count).collect();
            // Then the next request has another one gather.
            self.is_done = state.gathered.is_empty();
            state.under_way += 1;
            ended = state.ended;
            drop(state);
            tokio::spawn(Turn(Arc::clone(&gather)).load(self.call.clone(), requests));
        }
    }
}

impl<N: Node, V: Clone + Send + Sync + 'static> Turn<N, V> {
    /// Loads for all of these.
    async fn load(self, call: Call, requests: Vec<Request<N, V>>) {
        let chain = Arc::clone(&call.chain);
        // A node is there twice when its first flight was voided meanwhile.
        let mut seen = HashSet::new();
        let ids = requests.iter().map(|request| &request.id);
        let ids = ids.filter(|id| seen.insert(*id));
        let nodes = ids.map(|Id(node)| node.duplicate()).collect();
        let mut loaded = call.of((self.0.load_all)(), nodes).await;
        // Before the answers, so that who is answered and asks again finds it ended.
        drop(self);
        let mut given = HashMap::new();
        for Request { id, answer } in requests {
            let own = given.entry(id).or_insert_with_key(|id| match &mut loaded {
                Ok(loaded) => loaded
                    .take(id)
                    .unwrap_or_else(|| Err(Error::left_out(chain.meta.name()))),
                Err(error) => Err(error.clone()),
            });
            let own = own.clone();
            // Who asked may have gone.
            let _ = answer.send(own);
        }
    }
}

impl<N, V> fmt::Debug for Gather<N, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.batch.fmt(f)
    }
}
