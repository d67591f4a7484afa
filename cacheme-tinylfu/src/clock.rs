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

    fn now(&self) -> u64 {
        nanoseconds((self.0)())
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// The moment from which an entry is no longer there, in nanoseconds of its cache's [`Clock`].
///
/// The largest value stands for never; a deadline 584 years away is taken as that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deadline(u64);

impl Deadline {
    pub(crate) const NEVER: Self = Self(u64::MAX);

    pub(crate) fn after(ttl: Duration, clock: &Clock) -> Self {
        Self(clock.now().saturating_add(nanoseconds(ttl)))
    }

    #[inline]
    pub(crate) fn has_passed(self, clock: &Clock) -> bool {
        self != Self::NEVER && clock.now() >= self.0
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
        let deadline = Deadline::after(Duration::from_nanos(2), &at(Duration::from_nanos(5)));
        assert!(!deadline.has_passed(&at(Duration::from_nanos(6))));
        assert!(deadline.has_passed(&at(Duration::from_nanos(7))));
    }

    #[test]
    fn deadline_too_far_for_the_clock_is_never() {
        let clock = at(Duration::from_nanos(1));
        assert_eq!(Deadline::after(Duration::MAX, &clock), Deadline::NEVER);
        assert!(!Deadline::NEVER.has_passed(&at(Duration::MAX)));
    }

    #[test]
    fn system_clock_never_runs_backwards() {
        let clock = Clock::system();
        assert!(clock.now() <= clock.now());
    }
}
