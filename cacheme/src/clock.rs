//! Where the time comes from.
//!
//! Every expiry in the crate asks a [`Clock`], so that a test moves time instead of waiting.

use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::lock::lock;

/// A source of time. [`SystemClock`] unless the builder is given another one.
pub trait Clock: std::fmt::Debug + Send + Sync + 'static {
    /// Time since a fixed point, never going back. Entries in process expire by it.
    fn monotonic(&self) -> Duration;

    /// Time since the Unix epoch. Entries in remote storages expire by it.
    fn unix(&self) -> Duration;
}

/// The system's time.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// The system's time; the monotonic one counts from now.
    pub fn new() -> Self {
        Self {
            start: Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    fn unix(&self) -> Duration {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
    }
}

/// A clock that moves only when it is told to, for tests.
///
/// ```
/// use std::time::Duration;
/// use cacheme::{Clock, ManualClock};
///
/// let clock = ManualClock::new();
/// clock.advance(Duration::from_secs(5));
/// assert_eq!(clock.monotonic(), Duration::from_secs(5));
/// ```
#[derive(Debug, Default)]
pub struct ManualClock {
    passed: Mutex<Duration>,
}

impl ManualClock {
    /// The epoch that [`unix`](Clock::unix) starts from: 2026-01-01T00:00:00Z.
    const EPOCH: Duration = Duration::from_secs(1_767_225_600);

    /// A clock that stands still.
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves both times on by `by`.
    pub fn advance(&self, by: Duration) {
        *self.passed() += by;
    }

    fn passed(&self) -> MutexGuard<'_, Duration> {
        lock(&self.passed)
    }
}

impl Clock for ManualClock {
    fn monotonic(&self) -> Duration {
        *self.passed()
    }

    fn unix(&self) -> Duration {
        Self::EPOCH + *self.passed()
    }
}

/// The mark of an entry that never expires, where a time stands in milliseconds.
pub(crate) const NEVER: u64 = u64::MAX;

/// Whole milliseconds, short of [`NEVER`].
pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis())
        .unwrap_or(NEVER)
        .min(NEVER - 1)
}
