//! What flights that began together end with, for everybody who waits for one of them.

use std::ops::Range;
use std::pin::pin;
use std::sync::{Arc, OnceLock};

use tokio::sync::Notify;

use crate::error::Result;

/// The outcomes of flights that began together, each at the place of its flight: given once, and
/// `None` for a flight that ended without one.
#[derive(Debug)]
pub(crate) struct Outcomes<V> {
    results: Box<[OnceLock<Option<Result<V>>>]>,
    changed: Notify,
}

/// The end of a flight that a waiter holds.
#[derive(Debug)]
pub(crate) struct Waiting<V> {
    pub(super) outcomes: Arc<Outcomes<V>>,
    pub(super) place: usize,
}

impl<V> Outcomes<V> {
    /// Places for so many flights.
    pub(crate) fn new(flights: usize) -> Arc<Self> {
        Arc::new(Self {
            results: (0..flights).map(|_| OnceLock::new()).collect(),
            changed: Notify::new(),
        })
    }

    /// Gives a flight its outcome, of which nobody is told yet. The first one stays.
    pub(super) fn give(&self, place: usize, result: Option<Result<V>>) {
        // The first one was seen already.
        let _ = self.results[place].set(result);
    }

    /// Tells all who wait.
    pub(super) fn announce(&self) {
        self.changed.notify_waiters();
    }

    /// Waits until the flights of these places have ended.
    ///
    /// Cancel safe: nothing is lost when the future is dropped.
    pub(crate) async fn over(&self, places: Range<usize>) {
        let are_over = || {
            let mut results = self.results[places.clone()].iter();
            results.all(|result| result.get().is_some())
        };
        while !are_over() {
            let mut changed = pin!(self.changed.notified());
            // Before another look: what changes after it wakes this.
            changed.as_mut().enable();
            if !are_over() {
                changed.await;
            }
        }
    }
}

impl<V: Clone> Outcomes<V> {
    /// What the flights of the first places ended with, without copies where nobody else waits.
    pub(crate) fn take(self: Arc<Self>, flights: usize) -> Vec<Option<Result<V>>> {
        match Arc::try_unwrap(self) {
            Ok(own) => {
                let results = own.results.into_iter().take(flights);
                results
                    .map(|result| result.into_inner().flatten())
                    .collect()
            }
            Err(shared) => {
                let results = shared.results[..flights].iter();
                results
                    .map(|result| result.get().cloned().flatten())
                    .collect()
            }
        }
    }
}

impl<V> Waiting<V> {
    /// Whether it is for one of these outcomes.
    pub(crate) fn is_of(&self, outcomes: &Arc<Outcomes<V>>) -> bool {
        Arc::ptr_eq(&self.outcomes, outcomes)
    }

    /// Whether its flight has found a value.
    pub(super) fn has_value(&self) -> bool {
        let outcome = self.outcomes.results[self.place].get();
        matches!(outcome, Some(Some(Ok(_))))
    }

    /// The place of its flight among those that began together.
    pub(crate) fn place(&self) -> usize {
        self.place
    }
}

impl<V: Clone> Waiting<V> {
    /// Waits for the outcome; `None` if the flight ended without one.
    ///
    /// Cancel safe: nothing is lost when the future is dropped.
    pub(crate) async fn outcome(self) -> Option<Result<V>> {
        let Self { outcomes, place } = self;
        outcomes.over(place..place + 1).await;
        // Who waits alone has it without a copy.
        match Arc::try_unwrap(outcomes) {
            Ok(own) => own.results.into_iter().nth(place)?.into_inner().flatten(),
            Err(shared) => shared.results[place].get().cloned().flatten(),
        }
    }
}
