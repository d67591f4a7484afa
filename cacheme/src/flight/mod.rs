//! One load in progress per key, shared by all who wait for it.
//!
//! The [`Work`] of a flight belongs to nobody but itself, so that no caller's cancellation ends it.
//! Its waiters share its [outcome]: they get it when there is one, and notice at once when the flight
//! ended without one.
//!
//! The [table](Flights) of a node's flights also keeps stale values out of the tiers. A flight may
//! change a tier only while it is the one in the table and no invalidation of its node is under
//! way. Local tiers are changed under the table's lock. A remote one is changed between two looks
//! at the table; when the second finds the flight voided, somebody may have read what was written,
//! so the node is removed from all tiers once more.
//!
//! Lock order: the table, then a shard of a local cache. Nothing is awaited under either.

mod outcome;
mod work;

use std::any::Any;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use foldhash::fast::RandomState;

pub(crate) use self::outcome::{Outcomes, Waiting};
pub(crate) use self::work::{Led, Work};

use crate::chain::Chain;
use crate::error::{Error, Result};
use crate::lock::lock;
use crate::node::{Id, Node};

/// What a flight is for: a node, under the prefix whose scope this is.
#[derive(Debug)]
pub(crate) struct Aim<N> {
    pub(crate) scope: u64,
    pub(crate) id: Id<N>,
}

impl<N: Node> Aim<N> {
    pub(crate) fn new(scope: u64, node: N) -> Self {
        let id = Id(node);
        Self { scope, id }
    }

    pub(crate) fn node(&self) -> &N {
        &self.id.0
    }
}

impl<N: Node> Clone for Aim<N> {
    fn clone(&self) -> Self {
        Self::new(self.scope, self.node().duplicate())
    }
}

impl<N: Node> PartialEq for Aim<N> {
    fn eq(&self, other: &Self) -> bool {
        self.scope == other.scope && self.id == other.id
    }
}

impl<N: Node> Eq for Aim<N> {}

impl<N: Node> Hash for Aim<N> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.scope.hash(state);
        self.id.hash(state);
    }
}

/// The flights of a node type, by node.
#[derive(Debug)]
pub(crate) struct Flights<N> {
    chain: Arc<Chain>,
    table: Mutex<Table<N>>,
}

#[derive(Debug)]
pub(crate) struct Table<N> {
    under_way: HashMap<Aim<N>, Entry, RandomState>,
    /// The invalidations under way, by node.
    barred: HashMap<Aim<N>, usize, RandomState>,
    next: u64,
}

/// What a flight is for, which says who waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The value, loaded if need be.
    Load,
    /// The value, if a tier has it.
    Look,
}

#[derive(Debug)]
struct Entry {
    number: u64,
    /// An `Outcomes<N, V>`, and the flight's place there.
    outcomes: Arc<dyn Any + Send + Sync>,
    place: usize,
}

/// The end of a flight that its work holds. Dropping it ends the flight; without an outcome, the
/// waiters see that it is [lost](Waiting::outcome).
#[derive(Debug)]
pub(crate) struct Flight<N: Node, V> {
    aim: Aim<N>,
    number: u64,
    outcomes: Arc<Outcomes<N, V>>,
    place: usize,
    /// Whether it has an outcome and has left the table.
    has_landed: bool,
}

impl<N: Node> Flights<N> {
    /// No flights yet, of the node whose chain this is.
    pub(crate) fn new(chain: Arc<Chain>) -> Arc<Self> {
        let table = Table {
            under_way: HashMap::default(),
            barred: HashMap::default(),
            next: 0,
        };
        Arc::new(Self {
            chain,
            table: Mutex::new(table),
        })
    }

    pub(crate) fn chain(&self) -> &Arc<Chain> {
        &self.chain
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Table<N>> {
        lock(&self.table)
    }
}

impl<N: Node> Table<N> {
    /// Starts a flight whose outcome goes to its place in `outcomes`. One that is under way is voided:
    /// its waiters get its outcome, but it changes no tier any more.
    pub(crate) fn start<V: Send + Sync + 'static>(
        &mut self,
        aim: Aim<N>,
        outcomes: &Arc<Outcomes<N, V>>,
        place: usize,
    ) -> Flight<N, V> {
        let number = self.draw();
        let entry = Entry {
            number,
            outcomes: Arc::<Outcomes<N, V>>::clone(outcomes),
            place,
        };
        self.under_way.insert(aim.clone(), entry);
        Flight {
            aim,
            number,
            outcomes: Arc::clone(outcomes),
            place,
            has_landed: false,
        }
    }

    /// Joins the flight that is under way, if there is one for this purpose, or one that has its value
    /// already. Its work is to be [shared](Waiting::share).
    pub(crate) fn join<V: Send + Sync + 'static>(
        &self,
        aim: &Aim<N>,
        purpose: Purpose,
    ) -> Option<Waiting<N, V>> {
        let entry = self.under_way.get(aim)?;
        let (outcomes, place) = (Arc::clone(&entry.outcomes).downcast().ok()?, entry.place);
        let waiting = Waiting { outcomes, place };
        waiting.serves(purpose).then_some(waiting)
    }

    /// Whether a flight is under way, for whatever purpose.
    pub(crate) fn is_under_way(&self, aim: &Aim<N>) -> bool {
        self.under_way.contains_key(aim)
    }

    /// A number that nothing else in the table has.
    pub(crate) fn draw(&mut self) -> u64 {
        let number = self.next;
        self.next += 1;
        number
    }

    /// Whether `flight` may change tiers.
    pub(crate) fn lets<V>(&self, flight: &Flight<N, V>) -> bool {
        self.holds(flight) && !self.barred.contains_key(&flight.aim)
    }

    fn holds<V>(&self, flight: &Flight<N, V>) -> bool {
        let entry = self.under_way.get(&flight.aim);
        entry.is_some_and(|entry| entry.number == flight.number)
    }

    /// Takes a flight that has ended out.
    fn clear<V>(&mut self, flight: &Flight<N, V>) {
        if let Some(entry) = self.under_way.remove(&flight.aim)
            && entry.number != flight.number
        {
            // Another one's, which began since this one was voided.
            self.under_way.insert(flight.aim.clone(), entry);
        }
    }
}

impl<N: Node, V> Flight<N, V> {
    pub(crate) fn aim(&self) -> &Aim<N> {
        &self.aim
    }

    /// The number that tells it from all others, for what is random in its entries.
    pub(crate) fn draw(&self) -> u64 {
        self.number
    }

    /// Gives flights that began together their outcomes, for all who wait and all who join from now
    /// on. They are under way until they are dropped.
    pub(crate) fn answer_all<'a>(answers: impl IntoIterator<Item = (&'a Self, Result<V>)>)
    where
        V: 'a,
    {
        let mut last = None;
        for (flight, outcome) in answers {
            flight.outcomes.give(flight.place, Some(outcome));
            last = Some(flight);
        }
        if let Some(flight) = last {
            flight.outcomes.announce();
        }
    }

    /// Ends flights that began together with their outcomes.
    pub(crate) fn land_all(landing: impl IntoIterator<Item = (Self, Result<V>)>) {
        let give = |(flight, outcome): (Self, Result<V>)| {
            flight.outcomes.give(flight.place, Some(outcome));
            flight
        };
        let mut landed = landing.into_iter().map(give);
        // By itself, so that one flight needs no list.
        let Some(mut first) = landed.next() else {
            return;
        };
        // Into a list of their own: the one that they come from would be shrunk for it.
        let mut others = Vec::new();
        others.extend(landed);
        let outcomes = Arc::clone(&first.outcomes);
        let mut table = outcomes.flights.lock();
        for flight in std::iter::once(&mut first).chain(&mut others) {
            table.clear(flight);
            flight.has_landed = true;
        }
        drop(table);
        // Who is woken finds itself the only one to hold the outcomes, if it is.
        drop((first, others));
        outcomes.announce();
    }

    /// Whether the flight may change tiers.
    pub(crate) fn is_current(&self) -> bool {
        self.outcomes.flights.lock().lets(self)
    }
}

impl<N: Node, V> Drop for Flight<N, V> {
    fn drop(&mut self) {
        if self.has_landed {
            return;
        }
        let flights = &self.outcomes.flights;
        flights.lock().clear(self);
        // After a panic one error for all, rather than one new flight after the other.
        let panic = || Error::panic(flights.chain.meta.name(), "a panic outside of the loader");
        let outcome = thread::panicking().then(|| Err(panic()));
        self.outcomes.give(self.place, outcome);
        self.outcomes.announce();
    }
}

/// An invalidation under way. Flights that begin before it ends change no tier.
#[derive(Debug)]
pub(crate) struct Bar<'a, N: Node> {
    flights: &'a Flights<N>,
    aim: &'a Aim<N>,
}

impl<N: Node> Flights<N> {
    /// Voids the flight for a node, and those that begin while the bar is held, and makes a change
    /// under the table's lock.
    pub(crate) fn bar<'a>(&'a self, aim: &'a Aim<N>, change: impl FnOnce()) -> Bar<'a, N> {
        let mut table = self.lock();
        table.under_way.remove(aim);
        *table.barred.entry(aim.clone()).or_default() += 1;
        change();
        Bar { flights: self, aim }
    }
}

impl<N: Node> Drop for Bar<'_, N> {
    fn drop(&mut self) {
        let mut table = self.flights.lock();
        table.under_way.remove(self.aim);
        if let Some(bars) = table.barred.get_mut(self.aim) {
            *bars -= 1;
            if *bars == 0 {
                table.barred.remove(self.aim);
            }
        }
    }
}
