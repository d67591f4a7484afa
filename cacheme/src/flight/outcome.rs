//! What flights that began together end with, for everybody who waits for one of them.

use std::ops::Range;
use std::pin::pin;
use std::sync::{Arc, OnceLock};

use tokio::sync::Notify;

use super::{Flights, Purpose, Work};
use crate::error::Result;
use crate::node::Node;

/// The outcomes of flights that began together, each at the place of its flight: given once, and
/// `None` for a flight that ended without one. With what else these flights share, so that each of them
/// holds one pointer: threads that count references in the same place wait for each other.
#[derive(Debug)]
pub(crate) struct Outcomes<N, V> {
    pub(super) flights: Arc<Flights<N>>,
    pub(super) work: Work,
    pub(super) purpose: Purpose,
    /// By itself, so that one flight needs no list.
    first: Place<V>,
    others: Box<[Place<V>]>,
    changed: Notify,
}

type Place<V> = OnceLock<Option<Result<V>>>;

/// The end of a flight that a waiter holds.
#[derive(Debug)]
pub(crate) struct Waiting<N, V> {
    pub(super) outcomes: Arc<Outcomes<N, V>>,
    pub(super) place: usize,
}

impl<N: Node, V> Outcomes<N, V> {
    /// Places for so many flights, at least one, that begin for the same purpose.
    pub(crate) fn new(flights: &Arc<Flights<N>>, purpose: Purpose, count: usize) -> Arc<Self> {
        Arc::new(Self {
            flights: Arc::clone(flights),
            work: Work::new(),
            purpose,
            first: OnceLock::new(),
            others: (1..count).map(|_| OnceLock::new()).collect(),
            changed: Notify::new(),
        })
    }

    /// What the flights are parts of.
    pub(crate) fn work(&self) -> &Work {
        &self.work
    }

    fn place(&self, place: usize) -> &Place<V> {
        place
            .checked_sub(1)
            .map_or(&self.first, |other| &self.others[other])
    }

    /// Gives a flight its outcome, of which nobody is told yet. The first one stays.
    pub(super) fn give(&self, place: usize, result: Option<Result<V>>) {
        // The first one was seen already.
        let _ = self.place(place).set(result);
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
            let mut places = places.clone();
            places.all(|place| self.place(place).get().is_some())
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

impl<N: Node, V: Clone> Outcomes<N, V> {
    /// What the flights of the first places ended with, without copies where nobody else waits.
    pub(crate) fn take(self: Arc<Self>, flights: usize) -> Vec<Option<Result<V>>> {
        match Arc::try_unwrap(self) {
            Ok(Self { first, others, .. }) => {
                let places = std::iter::once(first).chain(others).take(flights);
                places.map(|place| place.into_inner().flatten()).collect()
            }
            Err(shared) => {
                let places = (0..flights).map(|place| shared.place(place));
                places.map(|place| place.get().cloned().flatten()).collect()
            }
        }
    }

    /// What the flight of one place ended with, without a copy where nobody else waits.
    pub(crate) fn take_one(self: Arc<Self>, place: usize) -> Option<Result<V>> {
        let outcome = match (Arc::try_unwrap(self), place.checked_sub(1)) {
            (Ok(own), None) => own.first.into_inner(),
            (Ok(own), Some(other)) => own.others.into_iter().nth(other)?.into_inner(),
            (Err(shared), _) => shared.place(place).get().cloned(),
        };
        outcome.flatten()
    }
}

impl<N: Node, V> Waiting<N, V> {
    /// Whether it is for one of these outcomes.
    pub(crate) fn is_of(&self, outcomes: &Arc<Outcomes<N, V>>) -> bool {
        Arc::ptr_eq(&self.outcomes, outcomes)
    }

    /// Has the work of its flight go on whatever becomes of its leader.
    pub(crate) fn share(&self) {
        self.outcomes.work.share();
    }

    /// Whether its flight serves who asks for this purpose: it began for it, or has found a value.
    pub(super) fn serves(&self, purpose: Purpose) -> bool {
        self.outcomes.purpose == purpose || self.has_value()
    }

    /// Whether its flight has found a value.
    fn has_value(&self) -> bool {
        let outcome = self.outcomes.place(self.place).get();
        matches!(outcome, Some(Some(Ok(_))))
    }

    /// The place of its flight among those that began together.
    pub(crate) fn place(&self) -> usize {
        self.place
    }
}

impl<N: Node, V: Clone> Waiting<N, V> {
    /// Waits for the outcome; `None` if the flight ended without one.
    ///
    /// Cancel safe: nothing is lost when the future is dropped.
    pub(crate) async fn outcome(self) -> Option<Result<V>> {
        let Self { outcomes, place } = self;
        outcomes.over(place..place + 1).await;
        outcomes.take_one(place)
    }
}
