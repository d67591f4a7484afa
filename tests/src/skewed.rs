//! A clock that is wrong.

use std::time::Duration;

use cacheme::{Clock, SystemClock};

const HOUR: Duration = Duration::from_secs(3600);

/// The system's time, moved by an hour.
#[derive(Debug)]
pub struct Skewed {
    clock: SystemClock,
    is_ahead: bool,
}

impl Skewed {
    /// An hour ahead.
    pub fn ahead() -> Self {
        Self {
            clock: SystemClock::new(),
            is_ahead: true,
        }
    }

    /// An hour behind.
    pub fn behind() -> Self {
        Self {
            is_ahead: false,
            ..Self::ahead()
        }
    }
}

impl Clock for Skewed {
    fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }

    fn unix(&self) -> Duration {
        let now = self.clock.unix();
        if self.is_ahead {
            now + HOUR
        } else {
            now.saturating_sub(HOUR)
        }
    }
}
