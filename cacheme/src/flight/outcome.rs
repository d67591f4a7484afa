//! What a flight ends with, for everybody who waits for it.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::sync::Notify;

use crate::error::Result;

/// The outcome of a flight. The first one given stays.
#[derive(Debug)]
pub(super) struct Outcome<V> {
    result: OnceLock<Result<V>>,
    /// That there will be none any more; set after any outcome.
    over: AtomicBool,
    changed: Notify,
}

/// The end of a flight that a waiter holds.
#[derive(Debug)]
pub(crate) struct Waiting<V>(pub(super) Arc<Outcome<V>>);

impl<V> Outcome<V> {
    pub(super) fn new() -> Self {
        Self {
            result: OnceLock::new(),
            over: AtomicBool::new(false),
            changed: Notify::new(),
        }
    }

    pub(super) fn give(&self, result: Result<V>) {
        // The first one was seen already, and stays.
        let _ = self.result.set(result);
        self.changed.notify_waiters();
    }

    pub(super) fn end(&self) {
        self.over.store(true, Ordering::Release);
        self.changed.notify_waiters();
    }
}

impl<V: Clone> Waiting<V> {
    /// Waits for the outcome; `None` if the flight ended without one.
    ///
    /// Cancel safe: nothing is lost when the future is dropped.
    pub(crate) async fn outcome(self) -> Option<Result<V>> {
        self.over().await;
        // Who waits alone has it without a copy.
        match Arc::try_unwrap(self.0) {
            Ok(outcome) => outcome.result.into_inner(),
            Err(shared) => shared.result.get().cloned(),
        }
    }

    /// Waits until there is an outcome, or won't be any.
    async fn over(&self) {
        loop {
            let mut changed = pin!(self.0.changed.notified());
            // Before the look: what changes after it wakes this.
            changed.as_mut().enable();
            // Whoever sees the end sees the outcome that came before it.
            if self.0.over.load(Ordering::Acquire) || self.0.result.get().is_some() {
                return;
            }
            changed.await;
        }
    }
}
