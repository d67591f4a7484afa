//! How a server is reached, and for how long it is waited for: what all drivers of servers take.

use std::time::Duration;

use crate::error::BoxError;
use crate::storage::url::{BadUrl, StorageUrl};

/// Deadlines, and how many connections there are.
#[derive(Clone, Debug)]
pub(in crate::storage) struct Reach {
    /// How long an operation may take, waiting for a connection included.
    pub(in crate::storage) deadline: Duration,
    pub(in crate::storage) connect_timeout: Duration,
    /// Whether the server may be down at first.
    pub(in crate::storage) lazy: bool,
    /// The most connections at a time.
    pub(in crate::storage) pool: usize,
}

impl Reach {
    /// Its parameters in a URL.
    pub(in crate::storage) const PARAMETERS: [&str; 4] =
        ["deadline", "connect_timeout", "lazy", "pool"];

    /// The defaults, with so many connections.
    pub(in crate::storage) fn new(pool: usize) -> Self {
        Self {
            deadline: Duration::from_secs(1),
            connect_timeout: Duration::from_secs(5),
            lazy: false,
            pool,
        }
    }

    /// Takes what a URL says.
    pub(in crate::storage) fn read(&mut self, url: &StorageUrl) -> Result<(), BadUrl> {
        url.read("deadline", &mut self.deadline)?;
        url.read("connect_timeout", &mut self.connect_timeout)?;
        url.read("lazy", &mut self.lazy)?;
        url.read("pool", &mut self.pool)?;
        if self.pool == 0 {
            return Err(BadUrl::new("`pool=0` leaves no connection"));
        }
        self.bound();
        Ok(())
    }

    /// Keeps within what can be reckoned with: a day, and more connections than a server has.
    pub(in crate::storage) fn bound(&mut self) {
        let day = Duration::from_secs(24 * 3600);
        self.deadline = self.deadline.min(day);
        self.connect_timeout = self.connect_timeout.min(day);
        self.pool = self.pool.clamp(1, 10_000);
    }

    /// Ends an operation at its deadline.
    pub(in crate::storage) async fn within<T>(
        &self,
        operation: impl Future<Output = Result<T, BoxError>>,
    ) -> Result<T, BoxError> {
        let deadline = self.deadline;
        let ended = tokio::time::timeout(deadline, operation).await;
        ended.unwrap_or_else(|_| Err(format!("no answer within {deadline:?}").into()))
    }
}

/// The setters of a builder that has a `reach`.
macro_rules! reach_setters {
    () => {
        /// Sets how long an operation may take, 1 s by default. One that took longer failed, though
        /// a write may still reach the server.
        #[must_use]
        pub fn deadline(mut self, deadline: Duration) -> Self {
            self.reach.deadline = deadline;
            self.reach.bound();
            self
        }

        /// Sets how long connecting may take, 5 s by default.
        #[must_use]
        pub fn connect_timeout(mut self, timeout: Duration) -> Self {
            self.reach.connect_timeout = timeout;
            self.reach.bound();
            self
        }

        /// Sets the most connections at a time, at least 1.
        #[must_use]
        pub fn pool(mut self, connections: usize) -> Self {
            self.reach.pool = connections;
            self.reach.bound();
            self
        }

        /// Lets [`connect`](Self::connect) return at once and connect in the background, so that a
        /// program starts while the server is down. Until it is up, reads are misses.
        #[must_use]
        pub fn lazy(mut self) -> Self {
            self.reach.lazy = true;
            self
        }
    };
}

pub(in crate::storage) use reach_setters;
