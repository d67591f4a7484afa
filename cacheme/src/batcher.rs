//! Requests that come at the same time, made batches.
//!
//! A batch is a task. It takes what the tasks that are ready to run ask for before they wait, so that
//! those whom one batch answers are the next one, and a request that is alone waits for nobody. While
//! as many batches are under way as are to be at once, requests gather, until one of these ends, until
//! there are enough of them, or for a delay: none waits for work that doesn't end.

use std::fmt;
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::batch::Batch;
use crate::lock::lock;

/// Requests that wait to be one batch.
pub(crate) struct Batcher<R> {
    /// How many batches are under way before requests gather.
    most: usize,
    batch: Batch,
    state: Mutex<State<R>>,
    /// That a batch ended, or that enough have gathered.
    changed: Notify,
}

struct State<R> {
    under_way: usize,
    /// How many batches have ended so far.
    ended: u64,
    /// Those that the task that gathers will take.
    gathered: Vec<R>,
}

/// A batch under way; dropping it ends it.
pub(crate) struct Turn<R>(Arc<Batcher<R>>);

impl<R> Drop for Turn<R> {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        state.under_way -= 1;
        state.ended += 1;
        let is_waited_for = !state.gathered.is_empty();
        drop(state);
        if is_waited_for {
            self.0.changed.notify_one();
        }
    }
}

/// The task that gathers. Where it is dropped early, with its tokio runtime, so are the requests that
/// it gathered, and the next one has another task gather.
struct Gatherer<R> {
    batcher: Arc<Batcher<R>>,
    /// Whether those that gather now are another one's.
    is_done: bool,
}

impl<R> Drop for Gatherer<R> {
    fn drop(&mut self) {
        if !self.is_done {
            // Dropped without the lock: it tells their callers.
            let left = std::mem::take(&mut lock(&self.batcher.state).gathered);
            drop(left);
        }
    }
}

impl<R: Send + 'static> Batcher<R> {
    /// While `most` batches are under way, requests gather.
    pub(crate) fn new(most: usize, batch: Batch) -> Self {
        let state = State {
            under_way: 0,
            ended: 0,
            gathered: Vec::new(),
        };
        Self {
            most,
            batch,
            state: Mutex::new(state),
            changed: Notify::new(),
        }
    }

    /// Has a request done with others, by what `work` gives. That is asked of one request of several,
    /// and has to do for all of them.
    pub(crate) fn take<W, F>(self: &Arc<Self>, request: R, work: impl FnOnce() -> W)
    where
        W: Fn(Turn<R>, Vec<R>) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let mut state = lock(&self.state);
        state.gathered.push(request);
        let (count, ended) = (state.gathered.len(), state.ended);
        drop(state);
        if count == 1 {
            let batcher = Arc::clone(self);
            let is_done = false;
            tokio::spawn(Gatherer { batcher, is_done }.gather(ended, work()));
        } else if count == self.batch.max() {
            self.changed.notify_one();
        }
    }

    /// Whether a batch may begin that gathers since `ended` others had ended.
    fn is_due(&self, ended: u64) -> bool {
        let state = lock(&self.state);
        state.under_way < self.most
            || state.ended != ended
            || state.gathered.len() >= self.batch.max()
    }
}

impl<R: Send + 'static> Gatherer<R> {
    /// Begins batches until there are no requests left, the last one in this task.
    async fn gather<W, F>(mut self, mut ended: u64, work: W)
    where
        W: Fn(Turn<R>, Vec<R>) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let batcher = Arc::clone(&self.batcher);
        loop {
            yield_now().await;
            let due = async {
                while !batcher.is_due(ended) {
                    batcher.changed.notified().await;
                }
            };
            // Either will do.
            let _ = timeout(batcher.batch.delay(), due).await;
            let (turn, requests) = self.begin(&mut ended);
            let running = work(turn, requests);
            if self.is_done {
                return running.await;
            }
            tokio::spawn(running);
        }
    }

    /// Begins a batch, and says how many had ended by then.
    fn begin(&mut self, ended: &mut u64) -> (Turn<R>, Vec<R>) {
        let batcher = &self.batcher;
        let mut state = lock(&batcher.state);
        let count = state.gathered.len().min(batcher.batch.max());
        let requests = state.gathered.drain(..count).collect();
        // Then the next request has another one gather.
        self.is_done = state.gathered.is_empty();
        state.under_way += 1;
        *ended = state.ended;
        drop(state);
        (Turn(Arc::clone(batcher)), requests)
    }
}

impl<R> fmt::Debug for Batcher<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.batch.fmt(f)
    }
}
