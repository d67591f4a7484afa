//! Timers of a shard's slots, so that expired entries leave without anybody asking for them.
//!
//! A hierarchical timer wheel (Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", SOSP 1987).
//! Time is cut into ticks of [`TICK`] nanoseconds, about a millisecond, and a tick's number into digits
//! of six bits. There is a level for each digit, with a bucket for each value of it. A timer is filed
//! under the highest digit in which the tick that it is due in differs from the wheel's own: the next
//! 64 ms or so are spread over the buckets of level 0, the next four seconds over those of level 1, and
//! so on. Eight levels reach past the end of time, so no timer is too far away to be filed. When the
//! bucket of a higher level comes up, its timers are due or move to lower levels.
//!
//! The wheel never reads a clock. It knows the time that [`Wheel::expire`] was told last, and takes an
//! earlier one for that.
//!
//! # What always holds
//!
//! - A slot has a deadline exactly if it is in a bucket.
//! - A bucket never begins after the tick that one of its timers is due in: a timer may be looked at
//!   too early, and is then filed anew, but not too late. This is what allows a deadline to be
//!   [postponed](Wheel::postpone) under a shared lock, without its timer being moved.
//! - No bucket with a timer begins before the tick at which the wheel stands. It goes on only when the
//!   bucket that it came to is empty, however many calls that takes.
//!
//! # Costs
//!
//! A wheel without timers takes about 2 KiB, and 16 bytes for each slot up to the highest that ever had
//! a timer, twice that just after growing. To set, cancel or postpone takes a constant number of steps.
//! A timer is looked at eight times at most until it is due, and once more whenever its bucket comes up
//! and it was postponed. Empty buckets are skipped by a bitmap per level, so time may jump by years.

use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};

/// Nanoseconds that a bucket of the lowest level spans.
const TICK: u64 = 1 << 20;
/// Bits of a digit.
const DIGIT: u32 = 6;
/// Buckets of a level, and values of a digit.
const BUCKETS: u32 = 1 << DIGIT;
/// Enough for the 44 bits of a tick's number, and for the tick after the last one.
const LEVELS: u32 = 8;

/// The deadline of a slot without a timer.
const NEVER: u64 = u64::MAX;
/// The link to no slot.
const NONE: u32 = u32::MAX;
/// The first of the links that name a bucket instead of a slot.
const FIRST_BUCKET: u32 = NONE - LEVELS * BUCKETS;

/// What the wheel keeps of a slot: 16 bytes.
#[derive(Debug)]
struct Timer {
    deadline: AtomicU64,
    /// The neighbour nearer to the head of the bucket. At the head, names the bucket.
    prev: u32,
    next: u32,
}

impl Timer {
    fn vacant() -> Self {
        Self {
            deadline: AtomicU64::new(NEVER),
            prev: NONE,
            next: NONE,
        }
    }
}

/// The buckets of one digit.
#[derive(Debug)]
struct Level {
    /// One bit for each bucket that has a timer.
    occupied: u64,
    heads: [u32; BUCKETS as usize],
}

impl Level {
    const EMPTY: Self = Self {
        occupied: 0,
        heads: [NONE; BUCKETS as usize],
    };
}

/// Deadlines by slot, and the slots by when they are due.
#[derive(Debug)]
pub(crate) struct Wheel {
    levels: Box<[Level; LEVELS as usize]>,
    timers: Vec<Timer>,
    /// The latest time that the wheel was told.
    now: u64,
    /// Where the wheel stands: at the tick of `now`, or behind it while there is work left.
    tick: u64,
    len: usize,
}

impl Wheel {
    /// A wheel without timers. All times are nanoseconds of the same clock.
    pub(crate) fn new(now: u64) -> Self {
        Self {
            levels: Box::new([Level::EMPTY; LEVELS as usize]),
            timers: Vec::new(),
            now,
            tick: now / TICK,
            len: 0,
        }
    }

    /// How many slots have a timer.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// When the slot's entry expires: `u64::MAX` if never, as for slots that the wheel doesn't know.
    #[inline]
    pub(crate) fn deadline(&self, slot: u32) -> u64 {
        self.timers
            .get(slot as usize)
            .map_or(NEVER, |timer| timer.deadline.load(Ordering::Relaxed))
    }

    /// Gives the slot a timer in place of the one that it may have; for `u64::MAX` it gets none.
    ///
    /// A deadline that has passed by the time the wheel knows is reported by the next
    /// [`expire`](Self::expire). Slots are below `u32::MAX - 512`.
    pub(crate) fn set(&mut self, slot: u32, deadline: u64) {
        debug_assert!(slot < FIRST_BUCKET, "slot {slot} is taken for a bucket");
        self.cancel(slot);
        if deadline == NEVER {
            return;
        }
        let at = slot as usize;
        if at >= self.timers.len() {
            self.timers.resize_with(at + 1, Timer::vacant);
        }
        *self.timers[at].deadline.get_mut() = deadline;
        self.len += 1;
        self.file(slot, deadline);
    }

    /// Takes the slot's timer away, if it has one.
    pub(crate) fn cancel(&mut self, slot: u32) {
        if self.deadline(slot) != NEVER {
            self.unlink(slot);
            *self.timers[slot as usize].deadline.get_mut() = NEVER;
            self.len -= 1;
        }
    }

    /// Moves the slot's deadline later. An earlier one is ignored, as is a slot without a timer, and
    /// `u64::MAX` is taken for the moment before it.
    ///
    /// Many threads may do so at once; the latest deadline stays. The timer is filed anew when its
    /// bucket comes up.
    #[inline]
    pub(crate) fn postpone(&self, slot: u32, deadline: u64) {
        if let Some(timer) = self.timers.get(slot as usize) {
            // NEVER is the greatest, so a slot without a timer keeps it and no other slot gets it.
            let deadline = deadline.min(NEVER - 1);
            timer.deadline.fetch_max(deadline, Ordering::Relaxed);
        }
    }

    /// Cancels a timer whose deadline is not after `now`, and returns its slot.
    ///
    /// Each timer that is looked at takes one off the budget. `None` with some of it left means that
    /// nothing is due; without, the next call goes on from here. A timer may be reported one [`TICK`]
    /// late, and never early: [`deadline`](Self::deadline) is exact. One in the clock's last tick, after
    /// 584 years, is not reported any more.
    pub(crate) fn expire(&mut self, now: u64, budget: &mut u32) -> Option<u32> {
        self.now = self.now.max(now);
        let tick = self.now / TICK;
        while *budget > 0 {
            let Some((slot, start)) = self.earliest().filter(|&(_, start)| start <= tick) else {
                self.tick = tick;
                return None;
            };
            *budget -= 1;
            self.tick = start;
            let deadline = self.deadline(slot);
            if deadline <= self.now {
                self.cancel(slot);
                return Some(slot);
            }
            self.unlink(slot);
            self.file(slot, deadline);
        }
        None
    }

    /// The head of the bucket that begins first, and the tick at which it begins.
    ///
    /// No bucket is behind the wheel, so the lowest bit of a level is the one that comes up next.
    fn earliest(&self) -> Option<(u32, u64)> {
        (0..)
            .step_by(DIGIT as usize)
            .zip(self.levels.iter())
            .filter(|(_, level)| level.occupied != 0)
            .map(|(shift, level)| {
                let digit = level.occupied.trailing_zeros();
                let round = self.tick >> shift >> DIGIT << DIGIT;
                let start = (round | u64::from(digit)) << shift;
                (level.heads[digit as usize], start)
            })
            .min_by_key(|&(_, start)| start)
    }

    /// Puts a slot that is in no bucket into the one for its deadline.
    fn file(&mut self, slot: u32, deadline: u64) {
        let due = if deadline <= self.now {
            self.tick
        } else {
            deadline.div_ceil(TICK)
        };
        let level = ((due ^ self.tick) | 1).ilog2() / DIGIT;
        self.link(slot, level, digit(due, level));
    }

    fn link(&mut self, slot: u32, level: u32, digit: u32) {
        let Level { occupied, heads } = &mut self.levels[level as usize];
        let next = mem::replace(&mut heads[digit as usize], slot);
        *occupied |= 1 << digit;
        if next != NONE {
            self.timers[next as usize].prev = slot;
        }
        let timer = &mut self.timers[slot as usize];
        timer.prev = FIRST_BUCKET + level * BUCKETS + digit;
        timer.next = next;
    }

    fn unlink(&mut self, slot: u32) {
        let Timer { prev, next, .. } = self.timers[slot as usize];
        if next != NONE {
            self.timers[next as usize].prev = prev;
        }
        let Some(bucket) = prev.checked_sub(FIRST_BUCKET) else {
            self.timers[prev as usize].next = next;
            return;
        };
        let Level { occupied, heads } = &mut self.levels[(bucket / BUCKETS) as usize];
        heads[(bucket % BUCKETS) as usize] = next;
        if next == NONE {
            *occupied &= !(1 << (bucket % BUCKETS));
        }
    }
}

/// The digit of a tick's number that chooses the bucket of a level.
#[expect(clippy::cast_possible_truncation, reason = "a digit is small")]
fn digit(tick: u64, level: u32) -> u32 {
    (tick >> (level * DIGIT)) as u32 % BUCKETS
}

#[cfg(test)]
impl Wheel {
    /// Walks all buckets, checks every link and place, and returns the slots with timers in order.
    pub(crate) fn validate(&self) -> Vec<u32> {
        let mut slots = Vec::new();
        assert!(self.tick <= self.now / TICK, "the wheel is ahead of time");
        for bucket in 0..LEVELS * BUCKETS {
            let (number, value) = (bucket / BUCKETS, bucket % BUCKETS);
            let level = &self.levels[number as usize];
            let head = level.heads[value as usize];
            let occupied = level.occupied >> value & 1 == 1;
            assert_eq!(occupied, head != NONE, "a wrong bit for {number}/{value}");
            if !occupied {
                continue;
            }
            let shift = number * DIGIT;
            let start = ((self.tick >> shift >> DIGIT << DIGIT) + u64::from(value)) << shift;
            assert!(
                start >= self.tick,
                "bucket {number}/{value} is behind the wheel"
            );
            let (mut prev, mut slot) = (FIRST_BUCKET + bucket, head);
            while slot != NONE {
                let timer = &self.timers[slot as usize];
                let deadline = self.deadline(slot);
                assert_eq!(timer.prev, prev, "slot {slot} has a wrong neighbour");
                assert_ne!(deadline, NEVER, "slot {slot} is filed for never");
                assert!(
                    start <= deadline.div_ceil(TICK) || start == self.tick,
                    "slot {slot} is filed too late"
                );
                assert!(slots.len() < self.len, "there are more timers than counted");
                slots.push(slot);
                (prev, slot) = (slot, timer.next);
            }
        }
        slots.sort_unstable();
        let known = 0..u32::try_from(self.timers.len()).expect("slots are u32");
        let with_deadline = known.filter(|&slot| self.deadline(slot) != NEVER);
        assert!(
            with_deadline.eq(slots.iter().copied()),
            "a deadline is in no bucket, or in two"
        );
        assert_eq!(self.len, slots.len(), "the length is wrong");
        slots
    }
}

#[cfg(test)]
mod tests;
