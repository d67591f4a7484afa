//! How simultaneous loads of a node become one.

use std::time::Duration;

/// How many requests of a node become one load, and how long they wait for each other.
///
/// ```
/// use std::time::Duration;
/// use cacheme::Batch;
///
/// let batch = Batch::default();
/// assert_eq!((batch.max(), batch.delay()), (100, Duration::from_millis(2)));
/// assert_eq!(batch.with_max(10).max(), 10);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    max: usize,
    delay: Duration,
}

impl Default for Batch {
    /// 100 requests at most, within 2 ms.
    fn default() -> Self {
        Self {
            max: 100,
            delay: Duration::from_millis(2),
        }
    }
}

impl Batch {
    /// Has so many requests at most become one load; 0 counts as 1.
    #[must_use]
    pub fn with_max(mut self, max: usize) -> Self {
        self.max = max.max(1);
        self
    }

    /// Has requests wait for others for so long at most.
    #[must_use]
    pub fn with_delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// How many requests become one load at most.
    pub fn max(&self) -> usize {
        self.max
    }

    /// How long requests wait for others at most.
    pub fn delay(&self) -> Duration {
        self.delay
    }
}
