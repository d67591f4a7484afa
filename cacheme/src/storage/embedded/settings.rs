//! What is set of every embedded database.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::clock::{Clock, SystemClock};
use crate::storage::url::{BadUrl, StorageUrl};

/// The clock, the deadline, the number of threads.
#[derive(Clone, Debug)]
pub(in crate::storage) struct Settings {
    pub(in crate::storage) clock: Arc<dyn Clock>,
    /// How long an operation may take, waiting in the queue included.
    pub(in crate::storage) deadline: Duration,
    /// Threads that read.
    pub(in crate::storage) readers: usize,
}

impl Default for Settings {
    fn default() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self {
            clock: Arc::new(SystemClock::new()),
            deadline: Duration::from_secs(1),
            readers: cores.min(4),
        }
    }
}

impl Settings {
    /// Its parameters in a URL.
    pub(in crate::storage) const PARAMETERS: [&str; 2] = ["deadline", "readers"];

    /// Takes what a URL says.
    pub(in crate::storage) fn read(&mut self, url: &StorageUrl) -> Result<(), BadUrl> {
        url.read("deadline", &mut self.deadline)?;
        url.read("readers", &mut self.readers)?;
        if self.readers == 0 {
            return Err(BadUrl::new("`readers=0` leaves nobody to read"));
        }
        Ok(())
    }

    /// How long to wait for another process: less than the deadline, so that its caller is still
    /// there to be told.
    pub(in crate::storage) fn patience(&self) -> Duration {
        self.deadline.mul_f64(0.9)
    }
}

/// The setters of a builder that has `settings`.
macro_rules! settings_setters {
    () => {
        /// Sets the clock that entries expire by, the system's by default.
        #[must_use]
        pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
            self.settings.clock = clock;
            self
        }

        /// Sets how long an operation may take, 1 s by default. A write that took longer failed,
        /// though it may still be made when it was begun.
        #[must_use]
        pub fn deadline(mut self, deadline: Duration) -> Self {
            self.settings.deadline = deadline;
            self
        }

        /// Sets the number of threads that read, at least 1: one for each core by default, up to 4.
        #[must_use]
        pub fn readers(mut self, threads: usize) -> Self {
            self.settings.readers = threads.max(1);
            self
        }
    };
}

pub(in crate::storage) use settings_setters;
