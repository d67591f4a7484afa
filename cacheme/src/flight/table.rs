//! Which flights of a node type are under way, and which of them may change tiers.
//!
//! Thousands of flights may be under way at once, and every thread looks here. So an entry is two numbers
//! under a hash: nothing is counted, copied or followed to put one in or to take it out. What else belongs
//! to a flight is in its [group](super::group).

use std::any::Any;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use super::{Aim, Flights, Group, Purpose, Started, Waiting};
use crate::node::Node;

pub(crate) struct Table<N> {
    /// By the hash of what they are for.
    under_way: HashMap<u64, Seat, Hashed>,
    /// Those whose hash another node's flight had already: none, unless what a node is hashed by is less than
    /// what tells it apart.
    others: Vec<(u64, Seat)>,
    /// The groups of which a flight is under way, by number.
    groups: Vec<Option<Arc<dyn Members<N>>>>,
    /// The numbers that no group has.
    free: Vec<u32>,
    /// The invalidations under way, by node.
    barred: HashMap<Aim<N>, usize, Hashed>,
    draws: u64,
    /// How often a flight ended or a node was barred, since somebody [looked](Self::look).
    turns: u64,
    /// The last of these turns by a part of the hash. Empty until somebody looks.
    last: Vec<u64>,
}

/// How many parts [`Table::last`] has.
const PARTS: usize = 1024;

/// Which flight it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seat {
    /// The number of its group.
    pub(super) group: u32,
    /// Its place there.
    pub(super) place: u32,
}

/// A [`Group`] of flights for values of any type.
pub(super) trait Members<N>: Any + Send + Sync {
    /// Whether the flight of this place is for that.
    fn is_for(&self, place: u32, aim: &Aim<N>) -> bool;
}

impl<N: Node> Table<N> {
    pub(super) fn new() -> Self {
        Self {
            under_way: HashMap::default(),
            others: Vec::new(),
            groups: Vec::new(),
            free: Vec::new(),
            barred: HashMap::default(),
            draws: 0,
            turns: 0,
            last: Vec::new(),
        }
    }

    /// Lets flights of a group begin; none has yet.
    pub(crate) fn open<V: Send + Sync + 'static>(
        &mut self,
        group: &Arc<Group<N, V>>,
    ) -> Started<N, V> {
        let members: Arc<dyn Members<N>> = Arc::<Group<N, V>>::clone(group);
        let number = self.free.pop().unwrap_or_else(|| {
            self.groups.push(None);
            u32::try_from(self.groups.len() - 1).expect("there is no memory for so many")
        });
        self.groups[number as usize] = Some(members);
        let draw = self.draw(group.len() as u64);
        Started::new(Arc::clone(group), number, draw)
    }

    /// Closes a group, none of whose flights is under way any more.
    pub(super) fn close(&mut self, number: u32) -> Option<Arc<dyn Members<N>>> {
        self.free.push(number);
        self.groups[number as usize].take()
    }

    /// Begins the flight of a place in a group. One that is under way is voided: its waiters get its
    /// outcome, but it changes no tier any more.
    pub(crate) fn start<V>(&mut self, started: &Started<N, V>, place: usize) {
        self.void(started.aim(place));
        self.enter(started, place);
    }

    /// Puts a flight in, for what none is under way for.
    fn enter<V>(&mut self, started: &Started<N, V>, place: usize) {
        let (aim, seat) = (started.aim(place), started.seat(place));
        match self.under_way.entry(aim.hash) {
            Entry::Vacant(entry) => {
                entry.insert(seat);
            }
            Entry::Occupied(_) => self.others.push((aim.hash, seat)),
        }
        started.counts_one();
    }

    /// Begins the flight of a group that has one.
    pub(crate) fn start_one<V: Send + Sync + 'static>(
        &mut self,
        group: &Arc<Group<N, V>>,
    ) -> Started<N, V> {
        // Before it is open: to be dropped by a panic of the node's equality it would need the lock.
        self.void(group.aim(0));
        let started = self.open(group);
        self.enter(&started, 0);
        started
    }

    /// Joins the flight that is under way, if there is one for this purpose, or one that has its value
    /// already. Its work is to be [shared](Waiting::share).
    pub(crate) fn join<V: Send + Sync + 'static>(
        &self,
        aim: &Aim<N>,
        purpose: Purpose,
    ) -> Option<Waiting<N, V>> {
        let Seat { group, place } = self.find(aim)?;
        let members = self.groups[group as usize].as_ref()?;
        let group: Arc<dyn Any + Send + Sync> = Arc::<dyn Members<N>>::clone(members);
        let waiting = Waiting::new(group.downcast().ok()?, place as usize);
        waiting.serves(purpose).then_some(waiting)
    }

    /// Whether a flight is under way, for whatever purpose.
    pub(crate) fn is_under_way(&self, aim: &Aim<N>) -> bool {
        self.find(aim).is_some()
    }

    /// The flight that is under way for this.
    fn find(&self, aim: &Aim<N>) -> Option<Seat> {
        let is_for = |seat: &Seat| {
            let members = &self.groups[seat.group as usize];
            let members = members.as_ref();
            members.is_some_and(|members| members.is_for(seat.place, aim))
        };
        let first = self.under_way.get(&aim.hash).filter(|seat| is_for(seat));
        let others = self.others.iter().filter(|(hash, _)| *hash == aim.hash);
        let mut seats = first.into_iter().chain(others.map(|(_, seat)| seat));
        seats.find(|seat| is_for(seat)).copied()
    }

    /// Whether this flight is under way.
    fn has(&self, hash: u64, seat: Seat) -> bool {
        self.under_way.get(&hash) == Some(&seat) || self.others.contains(&(hash, seat))
    }

    /// Takes a flight out, unless it was voided.
    pub(super) fn clear(&mut self, aim: &Aim<N>, seat: Seat) {
        self.turn(aim);
        let hash = aim.hash;
        if let Entry::Occupied(entry) = self.under_way.entry(hash)
            && *entry.get() == seat
        {
            entry.remove();
        } else if !self.others.is_empty() {
            self.others.retain(|other| *other != (hash, seat));
        }
    }

    /// Voids the flight for this, if one is under way.
    fn void(&mut self, aim: &Aim<N>) {
        if let Some(seat) = self.find(aim) {
            self.clear(aim, seat);
        }
    }

    /// So many numbers that nothing else in the table has; the first of them.
    pub(crate) fn draw(&mut self, count: u64) -> u64 {
        let first = self.draws;
        self.draws += count;
        first
    }

    /// Whether the flight of a place may change tiers.
    pub(crate) fn lets<V>(&self, started: &Started<N, V>, place: usize) -> bool {
        let aim = started.aim(place);
        started.is_open()
            && self.has(aim.hash, started.seat(place))
            && !self.barred.contains_key(aim)
    }

    /// Begins a look at tiers without a flight, and says after which turn.
    pub(crate) fn look(&mut self) -> u64 {
        self.last.resize(PARTS, 0);
        self.turns
    }

    /// Whether no flight is under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.under_way.is_empty() && self.others.is_empty()
    }

    /// Whether a look that began after turn `since` saw all that flights for this did: none has ended meanwhile, and
    /// no invalidation was under way. One of 1024 others may make it say no.
    pub(crate) fn is_as_seen(&self, aim: &Aim<N>, since: u64) -> bool {
        let last = self.last.get(part(aim.hash));
        last.is_some_and(|last| *last <= since)
    }

    /// Whether what such a look found may go into local tiers: no flight brings something newer either.
    pub(crate) fn lets_in(&self, aim: &Aim<N>, since: u64) -> bool {
        self.is_as_seen(aim, since) && !self.barred.contains_key(aim) && !self.is_under_way(aim)
    }

    /// Something has happened to flights for this.
    fn turn(&mut self, aim: &Aim<N>) {
        if let Some(last) = self.last.get_mut(part(aim.hash)) {
            self.turns += 1;
            *last = self.turns;
        }
    }
}

fn part(hash: u64) -> usize {
    // A hash is spread over all of its bits, and the map takes the others.
    usize::try_from(hash >> 32).unwrap_or(0) % PARTS
}

#[cfg(test)]
impl<N: Node> Table<N> {
    /// Checks what always holds.
    pub(super) fn validate(&self) {
        let others = self.others.iter().map(|(_, seat)| seat);
        for Seat { group, .. } in self.under_way.values().chain(others) {
            assert!(
                self.groups[*group as usize].is_some(),
                "group {group} is closed"
            );
        }
        let closed = self.groups.iter().filter(|group| group.is_none()).count();
        assert_eq!(self.free.len(), closed, "a number is lost, or given twice");
        assert!(
            self.free
                .iter()
                .all(|&number| self.groups[number as usize].is_none())
        );
        assert!(self.barred.values().all(|&bars| bars > 0));
    }

    /// Whether nothing is under way.
    #[cfg(shuttle)]
    pub(crate) fn is_empty(&self) -> bool {
        let has_none = self.under_way.is_empty() && self.others.is_empty();
        has_none && self.barred.is_empty() && self.groups.len() == self.free.len()
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
        table.void(aim);
        table.turn(aim);
        *table.barred.entry(aim.clone()).or_default() += 1;
        change();
        Bar { flights: self, aim }
    }
}

impl<N: Node> Drop for Bar<'_, N> {
    fn drop(&mut self) {
        let mut table = self.flights.lock();
        table.void(self.aim);
        table.turn(self.aim);
        if let Some(bars) = table.barred.get_mut(self.aim) {
            *bars -= 1;
            if *bars == 0 {
                table.barred.remove(self.aim);
            }
        }
    }
}

impl<N: fmt::Debug> fmt::Debug for Table<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table")
            .field("under_way", &self.under_way.len())
            .field("barred", &self.barred)
            .finish_non_exhaustive()
    }
}

/// For keys that are hashes already.
pub(crate) type Hashed = BuildHasherDefault<AsItIs>;

#[derive(Default)]
pub(crate) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn write(&mut self, _: &[u8]) {
        unreachable!("a hash is one number");
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
