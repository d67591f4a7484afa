//! W-TinyLFU: a small window of new entries before a segmented LRU that admits by frequency.
//!
//! The paper is named at [`Policy::TinyLfu`](crate::Policy::TinyLfu). The window takes 1 % of the
//! capacity and at least one entry. Of the rest, the main part, 80 % are protected: entries come there
//! when they are used again, and go back to probation when others need the place. The window and the
//! protected list never exceed their share, nor does the main part.

use crate::clock::Clock;
use crate::list::List;
use crate::node::{Nodes, Region};
use crate::sketch::Sketch;

/// How often a candidate must have been asked for to be admitted by chance.
const WARM: u64 = 6;
/// A warm candidate that lost is admitted nevertheless once in this many times.
const CHANCE: u64 = 128;

#[derive(Debug)]
pub(crate) struct TinyLfu {
    window: List,
    window_capacity: u32,
    probation: List,
    protected: List,
    protected_capacity: u32,
    sketch: Sketch,
    /// State of the generator behind admission by chance; never zero.
    random: u64,
}

impl TinyLfu {
    pub(crate) fn new(capacity: u32, seed: u64) -> Self {
        let window_capacity = (capacity / 100).max(1).min(capacity);
        let main_capacity = capacity - window_capacity;
        Self {
            window: List::new(Region::Window),
            window_capacity,
            probation: List::new(Region::Probation),
            protected: List::new(Region::Protected),
            protected_capacity: main_capacity - main_capacity.div_ceil(5),
            sketch: Sketch::new(),
            random: seed | 1,
        }
    }

    pub(crate) fn hit(&mut self, nodes: &mut Nodes, slot: u32) {
        self.sketch.record(nodes[slot].hash);
        match nodes[slot].region {
            Region::Window => self.window.move_to_front(nodes, slot),
            Region::Protected => self.protected.move_to_front(nodes, slot),
            _ => self.protect(nodes, slot),
        }
    }

    pub(crate) fn miss(&mut self, hash: u64) {
        self.sketch.record(hash);
    }

    pub(crate) fn victim(&mut self, nodes: &Nodes, clock: &Clock) -> Option<u32> {
        let candidate = self.window.back();
        let resident = self.probation.back().or(self.protected.back());
        let (Some(candidate), Some(resident)) = (candidate, resident) else {
            return candidate.or(resident);
        };
        let admitted = nodes[resident].deadline.has_passed(clock)
            || !nodes[candidate].deadline.has_passed(clock)
                && self.admits(nodes[candidate].hash, nodes[resident].hash);
        Some(if admitted { resident } else { candidate })
    }

    pub(crate) fn insert(&mut self, nodes: &mut Nodes, slot: u32) {
        if self.window.len() >= self.window_capacity
            && let Some(oldest) = self.window.back()
        {
            self.window.remove(nodes, oldest);
            self.probation.push_front(nodes, oldest);
        }
        self.window.push_front(nodes, slot);
        self.sketch.fit(nodes.0.len());
    }

    pub(crate) fn remove(&mut self, nodes: &mut Nodes, slot: u32) {
        match nodes[slot].region {
            Region::Window => self.window.remove(nodes, slot),
            Region::Protected => self.protected.remove(nodes, slot),
            _ => self.probation.remove(nodes, slot),
        }
    }

    fn protect(&mut self, nodes: &mut Nodes, slot: u32) {
        self.probation.remove(nodes, slot);
        self.protected.push_front(nodes, slot);
        if self.protected.len() > self.protected_capacity
            && let Some(oldest) = self.protected.back()
        {
            self.protected.remove(nodes, oldest);
            self.probation.push_front(nodes, oldest);
        }
    }

    /// Whether the candidate takes the resident's place. A tie is lost, so that a scan changes little.
    ///
    /// Who knows keys whose counters collide can make a resident look busy for ever. Admission by
    /// chance moves it on in the end, and being warm keeps scans from profiting by it.
    fn admits(&mut self, candidate: u64, resident: u64) -> bool {
        let asked = self.sketch.estimate(candidate);
        asked > self.sketch.estimate(resident) || asked >= WARM && self.draw() < u64::MAX / CHANCE
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
    pub(crate) fn validate(&self, nodes: &Nodes, capacity: u32) -> Vec<u32> {
        let slots =
            [&self.window, &self.probation, &self.protected].map(|list| list.validate(nodes));
        assert!(self.window.len() <= self.window_capacity);
        assert!(self.probation.len() + self.protected.len() <= capacity - self.window_capacity);
        assert!(self.protected.len() <= self.protected_capacity);
        slots.concat()
    }
}

#[cfg(test)]
mod tests;
