//! What is remembered of entries that left: how often they were asked for, when and from where they left.
//!
//! A hash table of 4 bytes for an entry, without their keys: a part of the hash stands for the key, so
//! one key in about four thousand is taken for another, which costs a wrong guess of the policy. A
//! bucket is half a cache line; a full one forgets the oldest place, where one often asked for counts
//! as younger. Where `TinyLFU` has a sketch of counters that keys share, this knows each key's own
//! count, which is what it takes to keep a part of a loop that is longer than the cache.

use std::mem;

use crate::cpu::prefetch;

/// What is remembered, for each entry of the cache.
const PER_ENTRY: usize = 2;
/// Places of a bucket.
const WIDTH: usize = 1 << WIDTH_BITS;
const WIDTH_BITS: u32 = 3;
/// The history's clock ticks as often while the cache takes in as many entries as it holds.
const TICKS: u32 = 32;
/// Times the cache takes in as many entries as it holds until counts are halved.
pub(super) const PERIOD: u32 = 10;
/// Ticks between two halvings.
const HALVING: u32 = PERIOD * TICKS;
/// The bits of a place: 15 of the hash, 1 for where it left, 4 for the count, 12 for the tick.
const FROM_WINDOW: u32 = 1 << 16;
const COUNT_SHIFT: u32 = 12;
const COUNT_MASK: u32 = 15;
const TICK_MASK: u32 = (1 << COUNT_SHIFT) - 1;
const PRINT_SHIFT: u32 = 17;
const PRINT_MASK: u32 = !0 << PRINT_SHIFT;
const EMPTY: u32 = 0;
/// Ticks for which a place is remembered longer for each time that its key was asked for.
const WORTH_OF_COUNT: u32 = 2 * TICKS;

#[derive(Clone, Debug)]
#[repr(align(32))]
struct Bucket([u32; WIDTH]);

/// Memory of what left a shard. Takes 8 bytes for each of its entries.
#[derive(Debug)]
pub(super) struct History {
    buckets: Vec<Bucket>,
    /// How many entries it is for.
    entries: usize,
    /// Insertions in a tick.
    unit: u64,
    /// Insertions since the last one.
    insertions: u64,
    clock: Clock,
}

/// What is remembered of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Memory {
    /// How often it was asked for, halved now and then.
    pub(super) count: u8,
    /// How many entries came since it left, if it left from the window; rounded down to a tick.
    pub(super) since_window: Option<u64>,
}

impl History {
    pub(super) fn new(entries: usize) -> Self {
        let count = (entries * PER_ENTRY).div_ceil(WIDTH).max(1);
        Self {
            buckets: vec![Bucket([0; WIDTH]); count],
            entries,
            unit: (entries as u64 / u64::from(TICKS)).max(1),
            insertions: 0,
            clock: Clock::default(),
        }
    }

    /// Whether it is too small for so many entries. It is not made larger by less than a quarter, since
    /// a new one knows nothing.
    pub(super) fn is_outgrown(&self, entries: usize) -> bool {
        entries > self.entries + self.entries / 4
    }

    /// An entry came.
    pub(super) fn advance(&mut self) {
        self.insertions += 1;
        if self.insertions >= self.unit {
            self.insertions = 0;
            self.clock.tick();
        }
    }

    /// Asks for what is going to be read of a key.
    #[inline]
    pub(super) fn prefetch(&self, upper: u32) {
        prefetch(&self.buckets[self.home(upper)]);
    }

    /// What is remembered of a key, which is forgotten.
    pub(super) fn take(&mut self, upper: u32) -> Option<Memory> {
        let clock = self.clock;
        let unit = self.unit;
        let print = upper << PRINT_SHIFT;
        let bucket = self.bucket(upper);
        // Looks at all places, which is quicker than to stop at the right one.
        let same = |place: &u32| u32::from(*place & PRINT_MASK == print && *place != EMPTY);
        let found = (0..)
            .zip(bucket.iter())
            .fold(0, |found, (at, place)| found | same(place) << at);
        let at = u32::trailing_zeros(found) as usize;
        let place = bucket.get_mut(at)?;
        let taken = mem::replace(place, EMPTY);
        let since = u64::from(clock.age(taken)) * unit;
        Some(Memory {
            count: clock.count(taken),
            since_window: (taken & FROM_WINDOW != 0).then_some(since),
        })
    }

    /// Remembers an entry that leaves.
    pub(super) fn put(&mut self, upper: u32, count: u8, from_window: bool) {
        let clock = self.clock;
        let from = if from_window { FROM_WINDOW } else { 0 };
        let bucket = self.bucket(upper);
        // Its place is in the low bits of what each is worth, so that the least of them names it.
        let mut least = u32::MAX;
        for (at, &place) in (0..).zip(bucket.iter()) {
            least = least.min(clock.worth(place) << WIDTH_BITS | at);
        }
        let count = u32::from(count).min(COUNT_MASK) << COUNT_SHIFT;
        bucket[least as usize % WIDTH] = upper << PRINT_SHIFT | from | count | clock.now;
    }

    fn bucket(&mut self, upper: u32) -> &mut [u32; WIDTH] {
        let home = self.home(upper);
        &mut self.buckets[home].0
    }

    fn home(&self, upper: u32) -> usize {
        ((u64::from(upper) * self.buckets.len() as u64) >> 32) as usize
    }
}

/// The time of a history.
#[derive(Clone, Copy, Debug, Default)]
struct Clock {
    /// Ticks, without those bits that a place has no room for.
    now: u32,
    since_halving: u32,
}

impl Clock {
    fn tick(&mut self) {
        self.now = (self.now + 1) & TICK_MASK;
        self.since_halving = (self.since_halving + 1) % HALVING;
    }

    /// Ticks since a place was written. Wrong after 4,096 of them.
    fn age(self, place: u32) -> u32 {
        self.now.wrapping_sub(place) & TICK_MASK
    }

    /// The count of a place, halved for each halving since it was written.
    fn count(self, place: u32) -> u8 {
        let age = self.age(place);
        let count = place >> COUNT_SHIFT & COUNT_MASK;
        let halvings = (age + HALVING - 1 - self.since_halving) / HALVING;
        count.checked_shr(halvings).unwrap_or(0) as u8
    }

    /// What it is worth to remember a place: the later it was written the more, and for each time its
    /// key was asked for as much as if it had been written so much later.
    fn worth(self, place: u32) -> u32 {
        let count = place >> COUNT_SHIFT & COUNT_MASK;
        let worth = 1 + count * WORTH_OF_COUNT + TICK_MASK - self.age(place);
        if place == EMPTY { 0 } else { worth }
    }
}

#[cfg(test)]
mod tests;
