//! W-TinyLFU with a window that adapts, whose hits only set a bit.
//!
//! The paper is named at [`Policy::TinyLfu`](crate::Policy::TinyLfu). Three lists in the order in which
//! entries came there: the window, and of the rest, the main part, probation and up to 70 % protected.
//! What comes to the back of a list and was used since it came there has its use counted, and goes on:
//! in the window and in protected it starts again at the front, from probation it goes to protected.
//! What was not used goes from protected to probation; at the back of the window it meets the entry at
//! the back of probation, and the one that was asked for less leaves. [`History`] remembers how often
//! that was, in case it comes back; [`WindowShare`] learns from that and from what is used in
//! probation.

use super::history::{History, PERIOD};
use super::window::WindowShare;
use crate::list::List;
use crate::slab::{Region, Slab};

/// The part of main that may be protected, in percent.
const PROTECTED: u64 = 70;
/// Entries that may go on for one that leaves, so that an insertion never takes long.
const STEPS: u32 = 8;
/// How often a candidate must have been asked for to be admitted by chance.
const WARM: u64 = 6;
/// A warm candidate that lost is admitted nevertheless once in this many times.
const CHANCE: u64 = 128;
/// An entry that weighs more than this part of the capacity is a giant.
const GIANT: u64 = 8;
/// How often a giant must have been asked for to come in whatever it weighs.
const OFTEN: u64 = 15;
/// Below so many entries counts age as slowly as with so many.
const FEW: usize = 16;

#[derive(Debug)]
pub(crate) struct TinyLfu {
    window: List,
    probation: List,
    protected: List,
    capacity: u64,
    share: WindowShare,
    /// What the window may weigh, by its share.
    window_most: u64,
    /// What the protected entries may weigh.
    protected_most: u64,
    /// Made when the first entry leaves.
    history: Option<History>,
    /// Counts of entries are halved from one to the next.
    epoch: u8,
    /// Insertions and counted uses since the epoch began.
    ticks: u64,
    /// State of the generator behind admission by chance; never zero.
    random: u64,
}

impl TinyLfu {
    pub(super) fn new(capacity: u64, seed: u64) -> Self {
        let mut order = Self {
            window: List::new(Region::Window),
            probation: List::new(Region::Probation),
            protected: List::new(Region::Protected),
            capacity,
            share: WindowShare::new(),
            window_most: 0,
            protected_most: 0,
            history: None,
            epoch: 0,
            ticks: 0,
            random: seed | 1,
        };
        order.divide();
        order
    }

    pub(super) fn weight(&self) -> u64 {
        self.window.weight() + self.probation.weight() + self.protected.weight()
    }

    pub(super) fn resize(&mut self, capacity: u64) {
        self.capacity = capacity;
        self.divide();
    }

    /// Divides the capacity by the window's share.
    fn divide(&mut self) {
        self.window_most = self.share.of(self.capacity);
        let main = self.capacity.saturating_sub(self.window_most);
        self.protected_most = main / 100 * PROTECTED + main % 100 * PROTECTED / 100;
    }

    /// A giant has to be worth as much, for its weight, as the entry that would leave first, or to be
    /// asked for as often as is counted.
    #[inline]
    pub(super) fn accepts<K, V>(&mut self, slab: &Slab<K, V>, upper: u32, weight: u64) -> bool {
        if weight <= 1 || weight <= self.capacity / GIANT {
            return true;
        }
        let Some(resident) = self.probation.back().or(self.protected.back()) else {
            return true;
        };
        let history = self.history.get_or_insert_with(|| History::new(slab.len()));
        let count = history.take(upper).map_or(0, |memory| memory.count);
        let asked = u64::from(count) + 1;
        let of_resident = u64::from(slab[resident].mark.count(self.epoch));
        let accepted = asked >= OFTEN || asked * slab.weight(resident) >= of_resident * weight;
        history.put(upper, count + u8::from(!accepted), false);
        accepted
    }

    pub(super) fn insert<K, V>(&mut self, slab: &mut Slab<K, V>, slot: u32) {
        self.tick(slab.len());
        let node = &mut slab[slot];
        let mut count = 1;
        if let Some(history) = &mut self.history {
            history.advance();
            if let Some(memory) = history.take(node.upper) {
                count += memory.count;
                if let Some(since) = memory.since_window {
                    self.share.came_back(since, slab.len());
                    self.divide();
                }
            }
        }
        slab[slot].mark.set_count(count, self.epoch);
        self.window.push_front(slab, slot);
        self.fit_window(slab);
    }

    pub(super) fn remove<K, V>(&mut self, slab: &mut Slab<K, V>, slot: u32) {
        self.list(slab[slot].region).remove(slab, slot);
    }

    #[inline]
    pub(super) fn last(&self) -> Option<u32> {
        self.window.back()
    }

    #[inline]
    pub(super) fn prefetch(&self, upper: u32) {
        if let Some(history) = &self.history {
            history.prefetch(upper);
        }
    }

    pub(super) fn evict<K, V>(&mut self, slab: &mut Slab<K, V>) -> Option<u32> {
        let mut steps = STEPS;
        if self.window.weight() < self.window_most {
            if self.resident(slab, &mut steps).is_some() {
                return self.give_up(slab, Region::Probation);
            }
        } else if let Some(candidate) = self.candidate(slab, &mut steps) {
            let resident = self.resident(slab, &mut steps);
            if !resident.is_some_and(|resident| self.admits(slab, candidate, resident)) {
                return self.give_up(slab, Region::Window);
            }
            let evicted = self.give_up(slab, Region::Probation);
            self.advance(slab, Region::Window, Region::Probation);
            return evicted;
        }
        let lists = [&self.window, &self.probation, &self.protected];
        let rest = lists.into_iter().find_map(List::back)?;
        self.give_up(slab, slab[rest].region)
    }

    pub(super) fn heats<K, V>(&self, slab: &Slab<K, V>) -> Vec<(u32, u64)> {
        let lists = [&self.window, &self.probation, &self.protected];
        let ranked = (0..).zip(lists).flat_map(|(rank, list)| {
            let from_back = (0..).zip(list.iter_from_back(slab));
            from_back.map(move |(at, slot): (u64, u32)| {
                let mark = &slab[slot].mark;
                let count = u64::from(mark.count(self.epoch)) + u64::from(mark.is_used());
                (slot, (count * 4 + rank) << u32::BITS | at)
            })
        });
        ranked.collect()
    }

    /// Takes the entry at the back of a list out, and remembers it.
    fn give_up<K, V>(&mut self, slab: &mut Slab<K, V>, region: Region) -> Option<u32> {
        let slot = self.list(region).pop_back(slab)?;
        self.remember(slab, slot, region);
        Some(slot)
    }

    /// Moves the entry at the back of a list to the front of one, and counts its use.
    fn advance<K, V>(&mut self, slab: &mut Slab<K, V>, from: Region, to: Region) {
        if let Some(slot) = self.list(from).pop_back(slab) {
            self.list(to).push_front(slab, slot);
            if slab[slot].mark.take_used(self.epoch) {
                self.tick(slab.len());
            }
        }
    }

    /// Brings an entry to the back of the window that was not used, or that there are no steps left for.
    fn candidate<K, V>(&mut self, slab: &mut Slab<K, V>, steps: &mut u32) -> Option<u32> {
        loop {
            let slot = self.window.back()?;
            if *steps == 0 || !slab[slot].mark.is_used() {
                return Some(slot);
            }
            *steps -= 1;
            self.advance(slab, Region::Window, Region::Window);
        }
    }

    /// Brings an entry to the back of probation that was not used; none if no steps are left for it.
    fn resident<K, V>(&mut self, slab: &mut Slab<K, V>, steps: &mut u32) -> Option<u32> {
        loop {
            self.fit_protected(slab, steps);
            let Some(slot) = self.probation.back() else {
                self.protected.back()?;
                self.advance(slab, Region::Protected, Region::Probation);
                continue;
            };
            if !slab[slot].mark.is_used() {
                return Some(slot);
            }
            *steps = steps.checked_sub(1)?;
            #[expect(clippy::cast_precision_loss, reason = "a part need not be exact")]
            let part = self.probation.weight() as f64 / self.capacity as f64;
            self.share.was_used(part, slab.len());
            self.divide();
            self.advance(slab, Region::Probation, Region::Protected);
        }
    }

    /// Moves what was not used from protected to probation until it is within its part.
    fn fit_protected<K, V>(&mut self, slab: &mut Slab<K, V>, steps: &mut u32) {
        while self.protected.weight() > self.protected_most
            && let Some(slot) = self.protected.back()
        {
            let used = slab[slot].mark.is_used();
            let Some(left) = steps.checked_sub(1) else {
                return;
            };
            *steps = left;
            let to = if used {
                Region::Protected
            } else {
                Region::Probation
            };
            self.advance(slab, Region::Protected, to);
        }
    }

    /// Moves entries from a window that is above its share to probation, but not the only one.
    fn fit_window<K, V>(&mut self, slab: &mut Slab<K, V>) {
        let mut steps = STEPS;
        while self.window.weight() > self.window_most
            && self.window.back() != self.window.front()
            && steps > 0
        {
            self.candidate(slab, &mut steps);
            self.advance(slab, Region::Window, Region::Probation);
            steps = steps.saturating_sub(1);
        }
    }

    /// Whether the candidate takes the resident's place: if it was asked for more often for its weight. A
    /// tie is lost, so that a scan changes little.
    ///
    /// Who knows keys that are taken for each other can make a resident look busy for ever. Admission by
    /// chance moves it on in the end, and being warm keeps scans from profiting by it.
    fn admits<K, V>(&mut self, slab: &Slab<K, V>, candidate: u32, resident: u32) -> bool {
        let count = |slot: u32| u64::from(slab[slot].mark.count(self.epoch));
        let asked = count(candidate);
        asked * slab.weight(resident) > count(resident) * slab.weight(candidate)
            || asked >= WARM && self.draw() < u64::MAX / CHANCE
    }

    #[inline]
    fn tick(&mut self, entries: usize) {
        self.ticks += 1;
        if self.ticks >= u64::from(PERIOD) * entries.max(FEW) as u64 {
            self.ticks = 0;
            self.epoch = self.epoch.wrapping_add(1);
        }
    }

    /// Remembers how often a slot's entry, which leaves, was asked for.
    pub(super) fn remember<K, V>(&mut self, slab: &Slab<K, V>, slot: u32, from: Region) {
        if self
            .history
            .as_ref()
            .is_none_or(|history| history.is_outgrown(slab.len()))
        {
            self.history = Some(History::new(slab.len()));
        }
        let node = &slab[slot];
        let count = node.mark.count(self.epoch) + u8::from(node.mark.is_used());
        if let Some(history) = &mut self.history {
            history.put(node.upper, count, from == Region::Window);
        }
    }

    fn list(&mut self, region: Region) -> &mut List {
        match region {
            Region::Window => &mut self.window,
            Region::Probation => &mut self.probation,
            Region::Protected => &mut self.protected,
        }
    }

    /// The next number of a xorshift generator (Marsaglia, "Xorshift RNGs", 2003).
    fn draw(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }
}

#[cfg(test)]
impl TinyLfu {
    pub(super) fn validate<K, V>(&self, slab: &Slab<K, V>) -> Vec<u32> {
        let lists = [&self.window, &self.probation, &self.protected];
        lists.map(|list| list.validate(slab)).concat()
    }
}

#[cfg(test)]
mod tests;
