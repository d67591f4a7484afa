//! Flights that began together, with what each is for and what it ended with.

use std::pin::pin;
use std::slice;
use std::sync::Arc;

use super::table::Members;
use super::{Aim, Flights, Purpose, Work};
use crate::error::Result;
use crate::node::Node;
use crate::sync::{Notify, OnceLock};

/// Flights that began together, for the same purpose, each at a place of its own. What they share is
/// here once: threads that count references in the same place wait for each other.
#[derive(Debug)]
pub(crate) struct Group<N, V> {
    pub(super) flights: Arc<Flights<N>>,
    pub(super) work: Work,
    purpose: Purpose,
    members: Crew<N, V>,
    changed: Notify,
}

/// A single flight needs no list.
#[derive(Debug)]
enum Crew<N, V> {
    One(Flight<N, V>),
    Many(Vec<Flight<N, V>>),
}

#[derive(Debug)]
struct Flight<N, V> {
    aim: Aim<N>,
    /// Given once, and `None` for a flight that ended without one.
    outcome: OnceLock<Option<Result<V>>>,
}

/// The end of a flight that a waiter holds.
#[derive(Debug)]
pub(crate) struct Waiting<N, V> {
    group: Arc<Group<N, V>>,
    place: usize,
}

impl<N: Node, V> Flight<N, V> {
    fn new(aim: Aim<N>) -> Self {
        let outcome = OnceLock::new();
        Self { aim, outcome }
    }
}

impl<N: Node, V> Group<N, V> {
    /// A flight for this, which hasn't begun.
    pub(crate) fn one(flights: &Arc<Flights<N>>, purpose: Purpose, aim: Aim<N>) -> Arc<Self> {
        Self::new(flights, purpose, Crew::One(Flight::new(aim)))
    }

    /// Flights for all of these, of which none has begun.
    pub(crate) fn many(
        flights: &Arc<Flights<N>>,
        purpose: Purpose,
        aims: impl IntoIterator<Item = Aim<N>>,
    ) -> Arc<Self> {
        let members = aims.into_iter().map(Flight::new).collect();
        Self::new(flights, purpose, Crew::Many(members))
    }

    fn new(flights: &Arc<Flights<N>>, purpose: Purpose, members: Crew<N, V>) -> Arc<Self> {
        Arc::new(Self {
            flights: Arc::clone(flights),
            work: Work::new(),
            purpose,
            members,
            changed: Notify::new(),
        })
    }

    fn members(&self) -> &[Flight<N, V>] {
        match &self.members {
            Crew::One(flight) => slice::from_ref(flight),
            Crew::Many(flights) => flights,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.members().len()
    }

    /// What the flights are parts of.
    pub(crate) fn work(&self) -> &Work {
        &self.work
    }

    /// What the flight of a place is for.
    pub(crate) fn aim(&self, place: usize) -> &Aim<N> {
        &self.members()[place].aim
    }

    /// Gives the flight of a place its outcome, of which nobody is told yet. The first one stays.
    pub(crate) fn give(&self, place: usize, outcome: Option<Result<V>>) {
        // The first one was seen already.
        let _ = self.members()[place].outcome.set(outcome);
    }

    pub(super) fn has_ended(&self, place: usize) -> bool {
        self.members()[place].outcome.get().is_some()
    }

    /// The places of those that have no outcome yet.
    pub(crate) fn open(&self) -> Vec<usize> {
        let open = (0..self.len()).filter(|place| !self.has_ended(*place));
        open.collect()
    }

    /// Tells all who wait.
    pub(super) fn announce(&self) {
        self.changed.notify_waiters();
    }

    /// Waits until all flights have ended.
    ///
    /// Cancel safe: nothing is lost when the future is dropped.
    pub(crate) async fn over(&self) {
        let has_ended = |flight: &Flight<N, V>| flight.outcome.get().is_some();
        self.until(|| self.members().iter().all(has_ended)).await;
    }

    async fn until(&self, is_so: impl Fn() -> bool) {
        while !is_so() {
            let mut changed = pin!(self.changed.notified());
            // Before another look: what changes after it wakes this.
            changed.as_mut().enable();
            if !is_so() {
                changed.await;
            }
        }
    }
}

impl<N: Node, V: Send + Sync + 'static> Members<N> for Group<N, V> {
    fn is_for(&self, place: u32, aim: &Aim<N>) -> bool {
        self.aim(place as usize) == aim
    }
}

impl<N: Node, V: Clone> Group<N, V> {
    /// Shows what each flight ended with, in their order, without copies where nobody else waits.
    pub(crate) fn hand_out(self: Arc<Self>, mut show: impl FnMut(usize, Option<Result<V>>)) {
        let end = |flight: Flight<N, V>| flight.outcome.into_inner().flatten();
        match Arc::try_unwrap(self).map(|own| own.members) {
            Ok(Crew::One(flight)) => show(0, end(flight)),
            Ok(Crew::Many(flights)) => {
                let ends = flights.into_iter().map(end).enumerate();
                ends.for_each(|(place, outcome)| show(place, outcome));
            }
            Err(shared) => {
                let places = 0..shared.len();
                places.for_each(|place| show(place, shared.outcome(place)));
            }
        }
    }

    /// What the only flight ended with, without a copy where nobody else waits.
    pub(crate) fn into_outcome(self: Arc<Self>) -> Option<Result<V>> {
        let mut only = None;
        self.hand_out(|_, outcome| only = outcome);
        only
    }

    /// A copy of what the flight of a place ended with.
    fn outcome(&self, place: usize) -> Option<Result<V>> {
        self.members()[place].outcome.get().cloned().flatten()
    }
}

impl<N: Node, V> Waiting<N, V> {
    pub(super) fn new(group: Arc<Group<N, V>>, place: usize) -> Self {
        Self { group, place }
    }

    /// Whether it is for a flight of this group.
    pub(crate) fn is_of(&self, group: &Arc<Group<N, V>>) -> bool {
        Arc::ptr_eq(&self.group, group)
    }

    /// The flight's place in its group.
    pub(crate) fn place(&self) -> usize {
        self.place
    }

    /// What its flight is for.
    pub(crate) fn aim(&self) -> &Aim<N> {
        self.group.aim(self.place)
    }

    /// Has the work of its flight go on whatever becomes of its leader.
    pub(crate) fn share(&self) {
        self.group.work.share();
    }

    /// Whether its flight serves who asks for this purpose: it began for it, or has found a value.
    pub(super) fn serves(&self, purpose: Purpose) -> bool {
        self.group.purpose == purpose || self.has_value()
    }

    fn has_value(&self) -> bool {
        self.found().is_some()
    }

    /// What its flight has found, though it may not have ended.
    pub(crate) fn found(&self) -> Option<&V> {
        let outcome = self.group.members()[self.place].outcome.get();
        outcome?.as_ref()?.as_ref().ok()
    }
}

impl<N: Node, V: Clone> Waiting<N, V> {
    /// Waits for the outcome; `None` if the flight ended without one.
    ///
    /// Cancel safe: nothing is lost when the future is dropped.
    pub(crate) async fn outcome(&self) -> Option<Result<V>> {
        let Self { group, place } = self;
        group.until(|| group.has_ended(*place)).await;
        group.outcome(*place)
    }
}
