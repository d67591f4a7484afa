//! Time, as the cache sees it: a clock and the deadlines made from it.
//!
//! It exists so that expiry can be tested without sleeping, and so that a deadline takes eight bytes.
//! An entry without a deadline never causes the clock to be read.

use std::fmt;
use std::time::{Duration, Instant};

/// Monotonic time since any fixed point, from the system or from the user.
pub(crate) struct Clock(Box<dyn Fn() -> Duration + Send + Sync>);

impl Clock {
    pub(crate) fn new(read: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self(Box::new(read))
    }

    pub(crate) fn system() -> Self {
        let start = Instant::now();
        Self::new(move || start.elapsed())
    }

    #[inline]
    pub(crate) fn now(&self) -> Moment {
        Moment(nanoseconds((self.0)()))
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// A time of the [`Clock`], in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(pub(crate) u64);

/// The moment from which an entry is no longer there.
///
/// The largest value stands for never; a deadline 584 years away is taken as that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Deadline(pub(crate) u64);

impl Deadline {
    pub(crate) const NEVER: Self = Self(u64::MAX);

    pub(crate) fn after(span: Span, now: Moment) -> Self {
        Self(now.0.saturating_add(span.0))
    }

    /// Reads the clock only if the moment comes at all.
    #[inline]
    pub(crate) fn has_passed(self, clock: &Clock) -> bool {
        self != Self::NEVER && self.is_before(clock.now())
    }

    /// Whether it has passed by then.
    pub(crate) fn is_before(self, now: Moment) -> bool {
        self != Self::NEVER && self.0 <= now.0
    }
}

/// A length of time in nanoseconds; the largest value has no end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span(pub(crate) u64);

impl Span {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const ENDLESS: Self = Self(u64::MAX);
}

impl From<Duration> for Span {
    fn from(duration: Duration) -> Self {
        Self(nanoseconds(duration))
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(now: Duration) -> Clock {
        Clock::new(move || now)
    }

    #[test]
    fn deadline_passes_at_its_moment() {
        let deadline = Deadline::after(Span(2), Moment(5));
        assert!(!deadline.has_passed(&at(Duration::from_nanos(6))));
        assert!(deadline.has_passed(&at(Duration::from_nanos(7))));
    }

    #[test]
    fn deadline_too_far_for_the_clock_is_never() {
        let span = Span::from(Duration::MAX);
        assert_eq!(Deadline::after(span, Moment(1)), Deadline::NEVER);
        assert!(!Deadline::NEVER.has_passed(&at(Duration::MAX)));
    }

    #[test]
    fn system_clock_never_runs_backwards() {
        let clock = Clock::system();
        assert!(clock.now() <= clock.now());
    }
}
