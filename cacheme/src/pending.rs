//! What a runtime has begun and not ended: it can be asked for, and is waited for when a process ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::bus::Follower;
use crate::runtime::Cacheme;

/// Between two looks whether storages and the bus have what they missed.
const LOOK: Duration = Duration::from_millis(50);

/// What a runtime has begun and not ended: what [`Cacheme::shutdown`] has left, or [`Cacheme::pending`] found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "it says what isn't done"]
pub struct Pending {
    flights: usize,
    invalidations: usize,
    removals: usize,
    has_untold: bool,
}

impl Pending {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Requests that load, or read, write or remove from remote storages; one `get_all` counts once.
    pub fn flights(&self) -> usize {
        self.flights
    }

    /// Invalidations that wait for their time since they are [debounced](Cacheme::debounced).
    pub fn invalidations(&self) -> usize {
        self.invalidations
    }

    /// What storages missed while they didn't work, and has to be removed from them: values, tags, and nodes that were
    /// invalidated as a whole. Other processes may read these until then.
    pub fn removals(&self) -> usize {
        self.removals
    }

    /// Whether the bus didn't carry something, so that other processes are still to be told to drop what their local
    /// tiers have.
    pub fn has_untold(&self) -> bool {
        self.has_untold
    }
}

impl Cacheme {
    /// What has begun and not ended.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let runtime = cacheme::Cacheme::default();
    /// assert!(runtime.pending().is_empty());
    /// # }
    /// ```
    pub fn pending(&self) -> Pending {
        let remotes = self.remotes().into_iter();
        // In the order in which one becomes the other.
        Pending {
            invalidations: self.waiting().len(),
            flights: self.aloft().count(),
            removals: remotes.map(|(_, storage)| storage.backlog()).sum(),
            has_untold: self.follower().get().is_some_and(Follower::has_untold),
        }
    }

    /// Waits until nothing is pending, for `within` at most, and says what is left.
    ///
    /// For the end of a process, when it takes no more requests: invalidations that are
    /// [debounced](Self::debounced) take place, values that are being loaded reach the storages,
    /// what those missed is removed from them, and other processes hear what the bus didn't carry. Requests are served
    /// meanwhile, and afterwards; those that still come are waited for as well.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let runtime = cacheme::Cacheme::default();
    /// let left = runtime.shutdown(Duration::from_secs(5)).await;
    /// if !left.is_empty() {
    ///     eprintln!("not done: {left:?}");
    /// }
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: it only waits, and what is pending goes on.
    pub async fn shutdown(&self, within: Duration) -> Pending {
        let now = Instant::now();
        // What is longer than a clock goes is for ever.
        let until = now.checked_add(within);
        let until = until.unwrap_or_else(|| now + Duration::from_secs(u32::MAX.into()));
        loop {
            self.invalidate_waiting();
            let _ = timeout_at(until, self.aloft().landed()).await;
            let pending = self.pending();
            if pending.is_empty() || Instant::now() >= until {
                return pending;
            }
            for (_, storage) in self.remotes() {
                storage.hurry();
            }
            if let Some(bus) = self.follower().get() {
                let _ = timeout_at(until, bus.catch_up()).await;
            }
            sleep_until(until.min(Instant::now() + LOOK)).await;
        }
    }
}

/// How many groups of flights of a runtime are under way.
#[derive(Debug, Default)]
pub(crate) struct Aloft {
    count: AtomicUsize,
    landed: Notify,
}

/// A group of flights that is under way.
#[derive(Debug)]
pub(crate) struct Airborne(Arc<Aloft>);

impl Aloft {
    pub(crate) fn take_off(self: &Arc<Self>) -> Airborne {
        self.count.fetch_add(1, Ordering::Relaxed);
        Airborne(Arc::clone(self))
    }

    fn count(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// Waits until none is.
    async fn landed(&self) {
        loop {
            let landed = self.landed.notified();
            if self.count() == 0 {
                return;
            }
            landed.await;
        }
    }
}

impl Drop for Airborne {
    fn drop(&mut self) {
        if self.0.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.landed.notify_waiters();
        }
    }
}
