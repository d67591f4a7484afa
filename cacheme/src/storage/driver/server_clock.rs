//! The time of a server, asked for now and then and counted on from there.
//!
//! Entries of a server expire by its own clock, so that clients whose clocks differ agree. Between
//! two answers the process's monotonic clock counts, so that a step of the system's time changes
//! nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::background::Background;
use crate::error::BoxError;

/// What a server's time was, if it was asked yet.
#[derive(Debug)]
pub(in crate::storage) struct ServerClock {
    start: Instant,
    /// The server's time at `start`, in microseconds since the Unix epoch; 0 is unknown.
    origin: AtomicU64,
}

/// A server that can be asked for its time.
pub(in crate::storage) trait Timed: Send + Sync + 'static {
    fn clock(&self) -> &ServerClock;

    /// The server's time since the Unix epoch.
    fn ask_time(&self) -> impl Future<Output = Result<Duration, BoxError>> + Send;
}

impl ServerClock {
    /// How long an answer is counted on from.
    const FRESH: Duration = Duration::from_secs(30);

    /// An answer that took longer is worse than what is known.
    const SLOW: Duration = Duration::from_millis(100);

    /// How long an answer may take, where the driver has no limit of its own.
    const PATIENCE: Duration = Duration::from_secs(10);

    /// How soon a server that didn't answer is asked again.
    const RETRY: Duration = Duration::from_secs(1);

    pub(in crate::storage) fn new() -> Self {
        Self {
            start: Instant::now(),
            origin: AtomicU64::new(0),
        }
    }

    /// The server's time since the Unix epoch.
    pub(in crate::storage) fn now(&self) -> Option<Duration> {
        match self.origin.load(Ordering::Relaxed) {
            0 => None,
            origin => Some(Duration::from_micros(origin) + self.start.elapsed()),
        }
    }

    /// Takes the server's `time`, read at some moment between `asked` and now.
    fn set(&self, time: Duration, asked: Instant) {
        let at = asked + asked.elapsed() / 2;
        let origin = time.saturating_sub(at - self.start).as_micros();
        let origin = u64::try_from(origin).unwrap_or(u64::MAX);
        self.origin.store(origin, Ordering::Relaxed);
    }

    /// Asks the server of `core` for its time once.
    pub(in crate::storage) async fn ask<C: Timed>(core: &C) -> Result<(), BoxError> {
        let asked = Instant::now();
        let time = timeout(Self::PATIENCE, core.ask_time()).await??;
        if asked.elapsed() > Self::SLOW && core.clock().now().is_some() {
            return Err("the answer took too long to tell the time by".into());
        }
        core.clock().set(time, asked);
        Ok(())
    }

    /// Asks again and again, as long as the result lives.
    pub(in crate::storage) fn follow<C: Timed>(core: &Arc<C>) -> Background {
        Background::repeat(core, |core: Arc<C>| async move {
            match Self::ask(&*core).await {
                Ok(()) => Self::FRESH,
                Err(_) => Self::RETRY,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_on_from_the_middle_of_the_question() {
        let clock = ServerClock::new();
        assert_eq!(clock.now(), None);
        let (asked, time) = (Instant::now(), Duration::from_secs(5000));
        clock.set(time, asked);
        let now = clock.now().expect("it was set");
        let passed = asked.elapsed();
        assert!(now + passed >= time && now <= time + passed, "{now:?}");
    }
}
