//! Flights that are under way, as their work holds them.

use std::sync::Arc;
use std::thread;

use super::table::Seat;
use super::{Aim, Flights, Group, Work};
use crate::error::{Error, Result};
use crate::node::Node;
use crate::sync::{AtomicUsize, Ordering};

/// The flights of a [group](Group) that have begun, all of them before the first lands. Dropping it ends
/// those that haven't landed; without an outcome, the waiters see that they are
/// [lost](super::Waiting::outcome).
#[derive(Debug)]
pub(crate) struct Started<N: Node, V> {
    group: Arc<Group<N, V>>,
    /// The group's number in the table.
    number: u32,
    /// The number of its first flight, for what is random in entries.
    draw: u64,
    /// How many are under way, until the last of them has landed.
    aloft: AtomicUsize,
}

/// None is under way any more, and the group isn't in the table.
const CLOSED: usize = usize::MAX;

impl<N: Node, V> Started<N, V> {
    /// Of a group that has this number in the table; none of its flights has begun.
    pub(super) fn new(group: Arc<Group<N, V>>, number: u32, draw: u64) -> Self {
        Self {
            group,
            number,
            draw,
            aloft: AtomicUsize::new(0),
        }
    }

    pub(super) fn seat(&self, place: usize) -> Seat {
        let group = self.number;
        // A group has a list of its flights, which is longer.
        let place = u32::try_from(place).unwrap_or(u32::MAX);
        Seat { group, place }
    }

    /// Whether its group is in the table, under its number.
    pub(super) fn is_open(&self) -> bool {
        self.aloft.load(Ordering::Relaxed) != CLOSED
    }

    /// One more is under way.
    pub(super) fn counts_one(&self) {
        self.aloft.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn flights(&self) -> &Arc<Flights<N>> {
        &self.group.flights
    }

    pub(crate) fn work(&self) -> &Work {
        &self.group.work
    }

    /// What the flight of a place is for.
    pub(crate) fn aim(&self, place: usize) -> &Aim<N> {
        self.group.aim(place)
    }

    /// The number that tells the flight of a place from all others, for what is random in its entries.
    pub(crate) fn draw(&self, place: usize) -> u64 {
        self.draw + place as u64
    }

    /// Whether the flight of a place may change tiers.
    pub(crate) fn is_current(&self, place: usize) -> bool {
        self.flights().lock().lets(self, place)
    }

    /// Whether the flight of a place has an outcome.
    pub(crate) fn is_answered(&self, place: usize) -> bool {
        self.group.has_ended(place)
    }

    /// Gives flights their outcomes, for all who wait and all who join from now on. They are still under
    /// way.
    pub(crate) fn answer(&self, answers: impl IntoIterator<Item = (usize, Result<V>)>) {
        for (place, outcome) in answers {
            self.group.give(place, Some(outcome));
        }
        self.group.announce();
    }

    /// Ends flights with their outcomes.
    pub(crate) fn land(&self, landing: impl IntoIterator<Item = (usize, Result<V>)>) {
        let give = |(place, outcome)| {
            self.group.give(place, Some(outcome));
            place
        };
        let mut landed = landing.into_iter().map(give);
        // By itself, so that one flight needs no list.
        let Some(first) = landed.next() else {
            return;
        };
        // Into a list of their own: the one that they come from would be shrunk for it.
        let mut others = Vec::new();
        others.extend(landed);
        self.clear(std::iter::once(first).chain(others));
        self.group.announce();
    }

    /// Takes flights out of the table, and the group with the last one.
    fn clear(&self, places: impl Iterator<Item = usize>) {
        let mut aloft = self.aloft.load(Ordering::Relaxed);
        let mut table = self.flights().lock();
        for place in places {
            table.clear(self.aim(place), self.seat(place));
            aloft -= 1;
        }
        let closed = (aloft == 0).then(|| table.close(self.number));
        drop(table);
        if closed.is_some() {
            aloft = CLOSED;
        }
        self.aloft.store(aloft, Ordering::Relaxed);
    }
}

impl<N: Node, V> Drop for Started<N, V> {
    fn drop(&mut self) {
        if *self.aloft.get_mut() == CLOSED {
            return;
        }
        let places = 0..self.group.len();
        let mut table = self.flights().lock();
        for place in places.clone() {
            table.clear(self.aim(place), self.seat(place));
        }
        let closed = table.close(self.number);
        drop(table);
        drop(closed);
        // After a panic one error for all, rather than one new flight after the other.
        let node = self.flights().chain().meta.name();
        let panic = || Error::panic(node, "a panic outside of the loader");
        let error = thread::panicking().then(panic);
        for place in places {
            self.group.give(place, error.clone().map(Err));
        }
        self.group.announce();
    }
}
