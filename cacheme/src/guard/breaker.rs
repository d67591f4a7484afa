//! Keeps requests from a storage that doesn't answer: a circuit breaker, as in Nygard, "Release It!", 2007.
//!
//! It is *closed* while the storage works. A read that fails after it took its time opens it, as one that ends at
//! the runtime's deadline does, and so do several reads in a row that fail. While it is *open* reads and writes
//! fail at once. After a pause it is *half-open*: one read is sent as a probe, beside its caller, who doesn't
//! wait for it. When that succeeds it is closed, and otherwise open again, for twice as long, up to half a second.
//!
//! It goes by reads alone. A write may fail for what it is, such as too large, or because of another one; and a
//! removal that isn't tried leaves an old value behind, so those go through whatever it says.

use std::time::Duration;

use tokio::time::Instant;

use crate::sync::{AtomicBool, AtomicU32, Mutex, Ordering, lock};

/// So many reads in a row that fail open it.
const FAILURES: u32 = 5;

/// A read that fails after so long opens it by itself, and one at an earlier deadline.
const SLOW: Duration = Duration::from_millis(100);

/// How long it is open at first.
const SHORTEST: Duration = Duration::from_millis(100);

/// How long it is open at most.
const LONGEST: Duration = Duration::from_millis(500);

/// How long a probe is waited for whose outcome nobody tells.
const LOST: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Breaker {
    /// A read that fails after so long opens it by itself.
    slow: Duration,
    /// Whether there is an outage, so that nobody locks anything while there is none.
    is_open: AtomicBool,
    /// Reads in a row that failed.
    failures: AtomicU32,
    outage: Mutex<Option<Outage>>,
}

/// While it is open.
#[derive(Debug)]
struct Outage {
    /// When the next probe may be sent.
    probe_at: Instant,
    /// How long it is open this time.
    pause: Duration,
}

impl Outage {
    /// The next probe may be sent after `pause`.
    fn new(pause: Duration) -> Self {
        let probe_at = Instant::now() + pause;
        Self { probe_at, pause }
    }
}

/// What becomes of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The storage is asked.
    Ask,
    /// It isn't asked.
    Refuse,
    /// It isn't asked for this caller, but to see whether it answers.
    Probe,
}

impl Breaker {
    /// Of a storage whose operations end after `deadline`. It is closed.
    pub(super) fn new(deadline: Duration) -> Self {
        Self {
            slow: SLOW.min(deadline),
            is_open: AtomicBool::new(false),
            failures: AtomicU32::new(0),
            outage: Mutex::new(None),
        }
    }

    /// Whether a read may go to the storage.
    #[inline]
    pub(super) fn read(&self) -> Verdict {
        if self.is_open() {
            self.read_while_open()
        } else {
            Verdict::Ask
        }
    }

    #[cold]
    fn read_while_open(&self) -> Verdict {
        let now = Instant::now();
        match &mut *lock(&self.outage) {
            None => Verdict::Ask,
            Some(outage) if outage.probe_at <= now => {
                outage.probe_at = now + LOST;
                Verdict::Probe
            }
            Some(_) => Verdict::Refuse,
        }
    }

    /// Whether the storage isn't to be asked.
    #[inline]
    pub(super) fn is_open(&self) -> bool {
        self.is_open.load(Ordering::Relaxed)
    }

    /// Notices a read that succeeded, and says whether that ends an outage.
    #[inline]
    pub(super) fn succeeded(&self) -> bool {
        // Without a write that all threads would wait for.
        if self.failures.load(Ordering::Relaxed) > 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
        if !self.is_open() {
            return false;
        }
        let mut outage = lock(&self.outage);
        // Under the lock: what opens it at the same time mustn't be undone by halves.
        self.is_open.store(false, Ordering::Relaxed);
        outage.take().is_some()
    }

    /// Notices a read that failed after so long, and says whether that begins an outage.
    pub(super) fn failed(&self, after: Duration) -> bool {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        if after < self.slow && failures < FAILURES {
            return false;
        }
        let mut outage = lock(&self.outage);
        // Where there is one it began before that.
        if outage.is_some() {
            return false;
        }
        *outage = Some(Outage::new(SHORTEST));
        self.is_open.store(true, Ordering::Relaxed);
        true
    }

    /// Notices a [probe](Verdict::Probe) that failed.
    pub(super) fn probe_failed(&self) {
        if let Some(outage) = &mut *lock(&self.outage) {
            *outage = Outage::new((outage.pause * 2).min(LONGEST));
        }
    }
}

#[cfg(all(test, shuttle))]
mod models;

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const DEADLINE: Duration = Duration::from_secs(5);
    const QUICK: Duration = Duration::from_millis(1);

    #[tokio::test(start_paused = true)]
    async fn opens_after_a_slow_failure_or_several_quick_ones() {
        for (deadline, after) in [(DEADLINE, SLOW), (QUICK, QUICK)] {
            let slow = Breaker::new(deadline);
            slow.failed(after);
            assert_eq!(slow.read(), Verdict::Refuse);
        }
        let quick = Breaker::new(DEADLINE);
        for _ in 0..3 {
            (1..FAILURES).for_each(|_| assert!(!quick.failed(QUICK)));
            assert_eq!(quick.read(), Verdict::Ask);
            quick.succeeded();
        }
        let begun = (0..FAILURES).filter(|_| quick.failed(QUICK));
        assert_eq!(begun.count(), 1);
        assert_eq!(quick.read(), Verdict::Refuse);
        assert!(quick.succeeded() && !quick.succeeded());
    }

    #[tokio::test(start_paused = true)]
    async fn sends_one_probe_after_each_pause_until_one_succeeds() {
        let breaker = Breaker::new(DEADLINE);
        breaker.failed(SLOW);
        for pause in [100, 200, 400, 500, 500] {
            // Those that were under way change nothing.
            breaker.failed(SLOW);
            advance(Duration::from_millis(pause - 1)).await;
            assert_eq!(breaker.read(), Verdict::Refuse);
            advance(QUICK).await;
            assert_eq!(breaker.read(), Verdict::Probe);
            assert_eq!(breaker.read(), Verdict::Refuse);
            advance(Duration::from_secs(2)).await;
            breaker.failed(SLOW);
            assert_eq!(breaker.read(), Verdict::Refuse);
            breaker.probe_failed();
        }
        advance(LONGEST).await;
        assert_eq!(breaker.read(), Verdict::Probe);
        breaker.succeeded();
        assert_eq!(breaker.read(), Verdict::Ask);
        // As if there had been no outage.
        (1..FAILURES).for_each(|_| assert!(!breaker.failed(QUICK)));
        assert_eq!(breaker.read(), Verdict::Ask);
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_nobody_tells_the_outcome_of_is_sent_anew() {
        let breaker = Breaker::new(DEADLINE);
        breaker.failed(SLOW);
        advance(SHORTEST).await;
        assert_eq!(breaker.read(), Verdict::Probe);
        advance(LOST).await;
        assert_eq!(breaker.read(), Verdict::Probe);
    }

    #[test]
    fn what_opens_and_closes_it_at_once_leaves_it_whole() {
        let breaker = Breaker::new(DEADLINE);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..20_000 {
                        breaker.failed(SLOW);
                        breaker.succeeded();
                    }
                });
            }
        });
        assert_eq!(breaker.is_open(), lock(&breaker.outage).is_some());
        breaker.succeeded();
        breaker.failed(SLOW);
        assert!(breaker.is_open());
    }
}
