//! Finds the slot of a key by its hash.
//!
//! A hash table of `u32` slots whose buckets are one cache line each: a byte of the hash for each of
//! twelve slots, the slots, and how many slots had to go on to a later bucket since this one was full.
//! So a lookup reads one line for nearly every key, there or not, and nothing has to be marked as
//! deleted. The layout is that of F14 (Bronson and Shi, "Open-sourcing F14 for faster, more
//! memory-efficient hash tables", 2019). It is here instead of a general table since that reads two
//! lines to find a slot, and lines are what a lookup in a large cache costs.
//!
//! A bucket is chosen by the upper half of the hash, which the entry keeps, so that moving a slot needs
//! neither the key nor the whole hash; the tag of the slot moves with it.

use crate::cpu::{matches, prefetch};
use crate::slab::NONE;

/// Slots in a bucket.
const WIDTH: usize = 12;
/// Slots per bucket, on average, beyond which the table grows.
const FULL: usize = 8;
/// The place in [`Bucket::tags`] that counts slots which went on.
const WENT_ON: usize = 15;
/// A bit for each place.
const ALL: u32 = (1 << WIDTH) - 1;

/// What the table knows of a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Print {
    /// Chooses the bucket. The entry keeps this part.
    pub(crate) upper: u32,
    /// Tells the slots of a bucket apart; never zero, which stands for no slot.
    tag: u8,
}

impl Print {
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "different bits are picked")]
    pub(crate) fn new(hash: u64) -> Self {
        Self {
            upper: (hash >> 32) as u32,
            tag: (hash as u8).max(1),
        }
    }
}

#[derive(Clone, Debug)]
#[repr(align(64))]
struct Bucket {
    /// The tags of the slots, which are zero where there is none, three bytes that are always zero, and
    /// the count of [`WENT_ON`], which stays at its greatest once it was reached.
    tags: [u8; 16],
    slots: [u32; WIDTH],
}

impl Bucket {
    const EMPTY: Self = Self {
        tags: [0; 16],
        slots: [NONE; WIDTH],
    };

    /// The places whose tag this is, or with that of no slot the empty ones.
    #[inline]
    fn places(&self, tag: u8) -> Places {
        Places(matches(&self.tags, tag) & ALL)
    }

    /// How many slots went on from here.
    #[inline]
    fn went_on(&self) -> u8 {
        self.tags[WENT_ON]
    }
}

/// Places of a bucket, a bit for each.
struct Places(u32);

impl Iterator for Places {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        let place = self.0.trailing_zeros() as usize;
        self.0 &= self.0.wrapping_sub(1);
        (place < WIDTH).then_some(place)
    }
}

/// Slots by hash. Each slot is there once.
#[derive(Debug, Default)]
#[repr(C)]
pub(crate) struct Table {
    buckets: Box<[Bucket]>,
    len: usize,
}

impl Table {
    /// What `look` makes of the slot that it recognises among those with this print. It is shown others
    /// too.
    #[inline]
    pub(crate) fn find<R>(
        &self,
        print: Print,
        mut look: impl FnMut(u32) -> Option<R>,
    ) -> Option<R> {
        let home = self.home(print.upper)?;
        let mut at = home;
        loop {
            let bucket = &self.buckets[at];
            for place in bucket.places(print.tag) {
                if let Some(found) = look(bucket.slots[place]) {
                    return Some(found);
                }
            }
            if bucket.went_on() == 0 {
                return None;
            }
            at = self.after(at);
            if at == home {
                return None;
            }
        }
    }

    /// Asks for what a change under this hash is going to read.
    #[inline]
    pub(crate) fn prefetch(&self, upper: u32) {
        if let Some(home) = self.home(upper) {
            prefetch(&self.buckets[home]);
        }
    }

    /// Adds a slot that is not there yet; `upper` tells the upper hash of those that are. The table
    /// grows for what `limit` slots need at most.
    pub(crate) fn insert(
        &mut self,
        print: Print,
        slot: u32,
        limit: usize,
        upper: impl Fn(u32) -> u32,
    ) {
        if self.len >= self.buckets.len() * FULL {
            self.grow(limit, upper);
        }
        self.put(print, slot);
        self.len += 1;
    }

    /// Takes a slot out that was added with this upper hash.
    pub(crate) fn remove(&mut self, upper: u32, slot: u32) {
        let Some(mut at) = self.home(upper) else {
            return;
        };
        for _ in 0..self.buckets.len() {
            let bucket = &mut self.buckets[at];
            if let Some(place) = bucket.slots.iter().position(|&other| other == slot) {
                bucket.slots[place] = NONE;
                bucket.tags[place] = 0;
                self.len -= 1;
                return;
            }
            // It went on from here, which the next one need not know of any more.
            let went_on = &mut bucket.tags[WENT_ON];
            *went_on -= u8::from(*went_on < u8::MAX);
            at = self.after(at);
        }
        debug_assert!(false, "slot {slot} is not in the table");
    }

    fn put(&mut self, print: Print, slot: u32) {
        let Some(mut at) = self.home(print.upper) else {
            return;
        };
        loop {
            let bucket = &mut self.buckets[at];
            if let Some(place) = bucket.places(0).next() {
                bucket.tags[place] = print.tag;
                bucket.slots[place] = slot;
                return;
            }
            let went_on = &mut bucket.tags[WENT_ON];
            *went_on = went_on.saturating_add(1);
            at = self.after(at);
        }
    }

    #[cold]
    fn grow(&mut self, limit: usize, upper: impl Fn(u32) -> u32) {
        let wanted = limit.div_ceil(FULL).max(self.len / FULL + 1);
        let count = (self.buckets.len() * 2).max(1).min(wanted);
        let old = std::mem::replace(&mut self.buckets, vec![Bucket::EMPTY; count].into());
        for bucket in old {
            for place in (0..WIDTH).filter(|&place| bucket.tags[place] != 0) {
                let slot = bucket.slots[place];
                let print = Print {
                    upper: upper(slot),
                    tag: bucket.tags[place],
                };
                self.put(print, slot);
            }
        }
    }

    /// The bucket that a slot belongs in (Lemire, "Fast Random Integer Generation in an Interval",
    /// 2019): needs no power of two. There is none in an empty table.
    #[inline]
    fn home(&self, upper: u32) -> Option<usize> {
        let count = self.buckets.len() as u64;
        (count != 0).then_some(((u64::from(upper) * count) >> 32) as usize)
    }

    #[inline]
    fn after(&self, at: usize) -> usize {
        if at + 1 == self.buckets.len() {
            0
        } else {
            at + 1
        }
    }
}

#[cfg(test)]
impl Table {
    /// Checks that each slot can be found and that the counts of those which went on are right; returns
    /// all slots.
    pub(crate) fn validate(&self, upper: impl Fn(u32) -> u32) -> Vec<u32> {
        let mut slots = Vec::new();
        let mut went_on = vec![0_usize; self.buckets.len()];
        for (at, bucket) in self.buckets.iter().enumerate() {
            assert_eq!(bucket.tags[WIDTH..WENT_ON], [0; WENT_ON - WIDTH]);
            for place in (0..WIDTH).filter(|&place| bucket.tags[place] != 0) {
                let slot = bucket.slots[place];
                slots.push(slot);
                let mut passed = self.home(upper(slot)).expect("there are buckets");
                while passed != at {
                    went_on[passed] += 1;
                    passed = self.after(passed);
                }
            }
        }
        for (bucket, &went_on) in self.buckets.iter().zip(&went_on) {
            let counted = bucket.tags[WENT_ON];
            let stuck = counted == u8::MAX;
            assert!(
                stuck || usize::from(counted) == went_on,
                "{counted} for {went_on}"
            );
        }
        assert_eq!(self.len, slots.len(), "the length is wrong");
        slots
    }
}

#[cfg(test)]
mod tests;
