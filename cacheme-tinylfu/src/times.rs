//! When the entries of a shard expire.
//!
//! An entry expires at the end of its lifetime, or when it was not used for as long as it may be idle,
//! whatever comes first. The next such moment is the deadline, which a timer wheel
//! keeps, so that entries leave without being touched. A shard has times only once an entry expires at
//! all: caches without lifetimes don't pay for them.

use crate::clock::{Clock, Deadline, Moment, Span};
use crate::wheel::Wheel;

/// A use moves the deadline of an idle entry only if it moves by more than this part of the idle time,
/// so that not every hit on a hot entry writes. The entry expires early by as much at most.
const IDLE_PRECISION: u64 = 64;

/// How long an entry may live, and how long without being used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lifetime {
    pub(crate) ttl: Span,
    pub(crate) idle: Span,
}

impl Lifetime {
    pub(crate) const ENDLESS: Self = Self {
        ttl: Span::ENDLESS,
        idle: Span::ENDLESS,
    };

    /// Whether it ends when it begins.
    pub(crate) fn is_over(self) -> bool {
        self.ttl == Span::NONE || self.idle == Span::NONE
    }

    #[inline]
    pub(crate) fn is_endless(self) -> bool {
        self == Self::ENDLESS
    }
}

/// The deadlines of a shard's slots.
#[derive(Debug)]
pub(crate) struct Times {
    wheel: Wheel,
    /// By slot. Empty where all entries may be idle for ever.
    idle: Vec<Idle>,
}

/// What moves the deadline of an entry that is used.
#[derive(Clone, Copy, Debug)]
struct Idle {
    /// How long it may be idle.
    span: Span,
    /// The end of its lifetime.
    end: Deadline,
}

impl Idle {
    const ENDLESS: Self = Self {
        span: Span::ENDLESS,
        end: Deadline::NEVER,
    };
}

impl Times {
    pub(crate) fn new(now: Moment) -> Self {
        Self {
            wheel: Wheel::new(now.0),
            idle: Vec::new(),
        }
    }

    #[inline]
    pub(crate) fn deadline(&self, slot: u32) -> Deadline {
        Deadline(self.wheel.deadline(slot))
    }

    /// Notes that a slot is used now. Returns whether its entry is live.
    #[inline]
    pub(crate) fn touch(&self, slot: u32, clock: &Clock) -> bool {
        let deadline = self.deadline(slot);
        if deadline == Deadline::NEVER {
            return true;
        }
        let now = clock.now();
        let idle = self.idle.get(slot as usize);
        if let Some(idle) = idle.filter(|idle| idle.span != Span::ENDLESS) {
            self.postpone(slot, *idle, deadline, now);
        }
        !deadline.is_before(now)
    }

    /// Sets when the entry of a slot, which is new, expires.
    pub(crate) fn set(&mut self, slot: u32, lifetime: Lifetime, now: Moment) {
        let (span, end) = (lifetime.idle, Deadline::after(lifetime.ttl, now));
        if span != Span::ENDLESS || !self.idle.is_empty() {
            let at = slot as usize;
            if at >= self.idle.len() {
                self.idle.resize(at + 1, Idle::ENDLESS);
            }
            self.idle[at] = Idle { span, end };
        }
        let deadline = end.min(Deadline::after(span, now));
        self.wheel.set(slot, deadline.0);
    }

    pub(crate) fn forget(&mut self, slot: u32) {
        self.wheel.cancel(slot);
    }

    /// A slot whose deadline has passed, which is forgotten. Takes what it does off the steps, and does
    /// no more. May be late by the precision of the [`Wheel`].
    pub(crate) fn expire(&mut self, now: Moment, steps: &mut u32) -> Option<u32> {
        self.wheel.expire(now.0, steps)
    }

    fn postpone(&self, slot: u32, idle: Idle, deadline: Deadline, now: Moment) {
        if deadline.is_before(now) {
            return;
        }
        let later = Deadline::after(idle.span, now).min(idle.end);
        if later.0.saturating_sub(deadline.0) > idle.span.0 / IDLE_PRECISION {
            self.wheel.postpone(slot, later.0);
        }
    }
}

#[cfg(test)]
impl Times {
    /// The slots that have a deadline.
    pub(crate) fn validate(&self) -> Vec<u32> {
        self.wheel.validate()
    }
}

#[cfg(test)]
mod tests;
