//! The work of a flight: polled by its caller while nobody else needs it, a task from then on.
//!
//! A task costs two hops between tasks that a single caller can do without. But no caller may hold
//! others up: by being dropped, or by not being polled for a while, as a branch of a `select!` may
//! be. So the work becomes a task as soon as a second caller joins, and when the first one goes.

use std::fmt;
use std::future::poll_fn;
use std::panic::{self, AssertUnwindSafe};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::sync::{Handle, Mutex, lock};

/// A flight's work, which ends without an outcome of its own. Flights that a panic drops land with it.
type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Who does the work of some flights that began together. Clones share it.
#[derive(Clone)]
pub(crate) struct Work(Arc<Mutex<State>>);

enum State {
    /// Not begun yet, or being polled by its leader; and whether it is to be a task afterwards.
    Away { shared: bool },
    /// Between two polls of its leader.
    Here(Task, Handle),
    /// A task, or done.
    Gone,
}

/// The leader's end of the work. Dropping it makes a task of what is left.
pub(crate) struct Led(Work);

impl Work {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(State::Away { shared: false })))
    }

    /// Has the work go on whatever becomes of its leader.
    pub(crate) fn share(&self) {
        let mut state = lock(&self.0);
        match std::mem::replace(&mut *state, State::Gone) {
            State::Away { .. } => *state = State::Away { shared: true },
            State::Here(task, tokio) => {
                drop(state);
                tokio.spawn(task);
            }
            State::Gone => {}
        }
    }

    /// Begins the work: it belongs to this caller until it is shared.
    pub(crate) fn lead(self, task: Task, tokio: Handle) -> Led {
        self.put_back(task, tokio);
        Led(self)
    }

    /// The work, if it is in the leader's hands.
    fn take(&self) -> Option<(Task, Handle)> {
        let mut state = lock(&self.0);
        match std::mem::replace(&mut *state, State::Gone) {
            State::Here(task, tokio) => {
                *state = State::Away { shared: false };
                Some((task, tokio))
            }
            other => {
                *state = other;
                None
            }
        }
    }

    /// Keeps the work for the next poll, or makes a task of it.
    fn put_back(&self, task: Task, tokio: Handle) {
        let mut state = lock(&self.0);
        if let State::Away { shared: false } = *state {
            *state = State::Here(task, tokio);
            return;
        }
        *state = State::Gone;
        drop(state);
        tokio.spawn(task);
    }
}

impl Led {
    /// Waits for `future`, and does the work meanwhile, from where it was begun.
    pub(crate) async fn until<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        let mut is_begun = false;
        poll_fn(|cx| {
            self.poll(cx, is_begun);
            is_begun = true;
            future.as_mut().poll(cx)
        })
        .await
    }

    /// Polls the work, if it is still the leader's.
    fn poll(&self, cx: &mut Context<'_>, is_begun: bool) {
        let Some((mut task, tokio)) = self.0.take() else {
            return;
        };
        // The caller may be polled outside of the runtime that it began in. Not at first, which is worth
        // knowing: all threads count who enters in one place.
        let entered = is_begun.then(|| tokio.enter());
        let poll = AssertUnwindSafe(|| task.as_mut().poll(cx));
        let polled = panic::catch_unwind(poll);
        drop(entered);
        match polled {
            Ok(Poll::Pending) => self.0.put_back(task, tokio),
            // A panic ends it, as it ends a task.
            Ok(Poll::Ready(())) | Err(_) => *lock(&self.0.0) = State::Gone,
        }
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work").finish_non_exhaustive()
    }
}

impl Drop for Led {
    fn drop(&mut self) {
        self.0.share();
    }
}
