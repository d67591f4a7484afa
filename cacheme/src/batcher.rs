//! Requests that come at the same time, made batches.
//!
//! A batch is a task. Before it takes what there is it yields once, to the tasks that are ready to run: those
//! whom one batch answers ask again in the meantime, and are the next one. A request that is alone waits for
//! no other. While as many batches are under way as are worth it, requests gather, until one of these ends,
//! until there are enough of them, or for a delay: none waits for work that doesn't end. Where several more
//! are worth it, those that have gathered are shared out among them. Otherwise all requests would come to
//! be one batch in the end, with nothing to do while it is under way.
//!
//! Requests of different tokio runtimes don't meet. One that isn't driven, or is shut down, would keep the
//! others' from being done.

use std::fmt;
use std::sync::{Arc, Mutex};

use tokio::runtime::{Handle, Id};
use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::batch::Batch;
use crate::lock::lock;

/// The requests that a group's list has room for from the start: others wait for the lock while it grows.
const ROOM: usize = 64;

/// Fewer requests aren't shared out: a batch of so many costs each of them little more than a larger one.
const LEAST: usize = 16;

/// Requests that wait to be one batch.
pub(crate) struct Batcher<R> {
    /// How many batches are under way before requests gather.
    most: usize,
    batch: Batch,
    state: Mutex<State<R>>,
}

struct State<R> {
    under_way: usize,
    /// How many batches have ended so far.
    ended: u64,
    /// Those that gather, by tokio runtime.
    groups: Vec<Group<R>>,
}

/// Those that a task will take. It is there as long as the task gathers.
struct Group<R> {
    tokio: Id,
    requests: Vec<R>,
    /// That a batch ended, or that enough have gathered.
    changed: Arc<Notify>,
}

/// A batch under way; dropping it ends it.
pub(crate) struct Turn<R>(Arc<Batcher<R>>);

impl<R> Drop for Turn<R> {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        state.under_way -= 1;
        state.ended += 1;
        for group in &state.groups {
            group.changed.notify_one();
        }
    }
}

/// The task that gathers. Where it is dropped early, with its tokio runtime, so are the requests that
/// it gathered.
struct Gatherer<R> {
    batcher: Arc<Batcher<R>>,
    tokio: Id,
    changed: Arc<Notify>,
    /// Whether it has left its group, and those that come gather anew.
    is_done: bool,
}

impl<R> Drop for Gatherer<R> {
    fn drop(&mut self) {
        if !self.is_done {
            let left = lock(&self.batcher.state).leave(self.tokio);
            // Without the lock: it tells their callers.
            drop(left);
        }
    }
}

impl<R> State<R> {
    fn group(&mut self, tokio: Id) -> Option<&mut Group<R>> {
        self.groups.iter_mut().find(|group| group.tokio == tokio)
    }

    /// Takes the group of a tokio runtime out.
    fn leave(&mut self, tokio: Id) -> Option<Group<R>> {
        let place = self.groups.iter().position(|group| group.tokio == tokio)?;
        Some(self.groups.swap_remove(place))
    }
}

impl<R: Send + 'static> Batcher<R> {
    /// While `most` batches are under way, requests gather.
    pub(crate) fn new(most: usize, batch: Batch) -> Self {
        let state = State {
            under_way: 0,
            ended: 0,
            groups: Vec::new(),
        };
        Self {
            most,
            batch,
            state: Mutex::new(state),
        }
    }

    /// Has a request done with others, by what `work` gives. That is asked of one request of several,
    /// and has to do for all of them.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub(crate) fn take<W, F>(self: &Arc<Self>, request: R, work: impl FnOnce() -> W)
    where
        W: Fn(Turn<R>, Vec<R>) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let tokio = Handle::current();
        let id = tokio.id();
        let mut state = lock(&self.state);
        if let Some(group) = state.group(id) {
            group.requests.push(request);
            if group.requests.len() == self.batch.max() {
                group.changed.notify_one();
            }
            return;
        }
        let changed = Arc::<Notify>::default();
        let mut requests = Vec::with_capacity(self.batch.max().min(ROOM));
        requests.push(request);
        state.groups.push(Group {
            tokio: id,
            requests,
            changed: Arc::clone(&changed),
        });
        let ended = state.ended;
        drop(state);
        let gatherer = Gatherer {
            batcher: Arc::clone(self),
            tokio: id,
            changed,
            is_done: false,
        };
        tokio.spawn(gatherer.gather(ended, work()));
    }
}

impl<R> Batcher<R> {
    /// How many of those that have gathered become the next batch while so many are under way.
    fn share(&self, gathered: usize, under_way: usize) -> usize {
        let free = self.most.saturating_sub(under_way).max(1);
        let share = gathered.div_ceil(free).max(LEAST);
        share.min(self.batch.max())
    }
}

impl<R: Send + 'static> Gatherer<R> {
    /// Begins batches until there are no requests left, the last one in this task. `ended` is how many
    /// had ended when the first request came.
    async fn gather<W, F>(mut self, mut ended: u64, work: W)
    where
        W: Fn(Turn<R>, Vec<R>) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        loop {
            let due = async {
                while !self.is_due(ended) {
                    self.changed.notified().await;
                }
            };
            // Either will do.
            let _ = timeout(self.batcher.batch.delay(), due).await;
            yield_now().await;
            let (turn, requests) = self.begin(&mut ended);
            let running = work(turn, requests);
            if self.is_done {
                return running.await;
            }
            tokio::spawn(running);
        }
    }

    /// Whether a batch may begin that gathers since `ended` others had ended.
    fn is_due(&self, ended: u64) -> bool {
        let Batcher { most, batch, .. } = &*self.batcher;
        let mut state = lock(&self.batcher.state);
        state.under_way < *most
            || state.ended != ended
            || state
                .group(self.tokio)
                .is_none_or(|group| group.requests.len() >= batch.max())
    }

    /// Begins a batch, and says how many others had ended by then.
    fn begin(&mut self, ended: &mut u64) -> (Turn<R>, Vec<R>) {
        let mut state = lock(&self.batcher.state);
        let under_way = state.under_way;
        state.under_way += 1;
        *ended = state.ended;
        let share = |group: &Group<R>| self.batcher.share(group.requests.len(), under_way);
        let requests = match state.group(self.tokio) {
            Some(group) if share(group) < group.requests.len() => {
                let share = share(group);
                group.requests.drain(..share).collect()
            }
            _ => {
                // The next request has another one gather.
                self.is_done = true;
                let group = state.leave(self.tokio);
                group.map_or_else(Vec::new, |group| group.requests)
            }
        };
        drop(state);
        (Turn(Arc::clone(&self.batcher)), requests)
    }
}

impl<R> fmt::Debug for Batcher<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.batch.fmt(f)
    }
}
