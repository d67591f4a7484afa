//! What an entry in process has beside its value where its node asks for more than a time to live: tags, a time for
//! which it is kept beyond its life, and one from which it is to be renewed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Stay;
use crate::clock::{Clock, NEVER, millis};
use crate::stats::Miss;
use crate::tag::Stamp;

#[derive(Debug)]
pub(super) struct Extra {
    pub(super) stamp: Option<Arc<Stamp>>,
    /// Until when it is kept, its life over or not; by the monotonic clock.
    pub(super) kept_until: Option<Duration>,
    /// Whether the value was old already when it was put there.
    pub(super) is_stale: bool,
    /// From when on a hit has it renewed, in ms by the monotonic clock.
    renewed_at: AtomicU64,
}

/// Why a local tier gives no value at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unserved {
    /// It has none.
    Miss(Miss),
    /// It has one, whose time to be renewed has come: who does that [claims](super::LocalCache::claim) it.
    Due,
}

impl From<Miss> for Unserved {
    fn from(reason: Miss) -> Self {
        Self::Miss(reason)
    }
}

impl Extra {
    /// How long after a hit that has its entry renewed another one does, where the first one came to nothing.
    const WHILE: Duration = Duration::from_secs(1);

    /// Of an entry that is put there at a time by the monotonic clock.
    pub(super) fn new(stay: &Stay, now: Duration) -> Self {
        let at = |time: Option<Duration>| time.map(|time| now.saturating_add(time));
        Self {
            stamp: stay.stamp.clone(),
            kept_until: at(stay.kept()),
            is_stale: stay.is_stale,
            renewed_at: AtomicU64::new(at(stay.renewed).map_or(NEVER, millis)),
        }
    }

    pub(super) fn is_current(&self) -> Result<(), Miss> {
        match &self.stamp {
            Some(stamp) if !stamp.is_unchanged() => Err(Miss::Invalidated),
            _ => Ok(()),
        }
    }

    /// Whether an entry whose life ends at `expires` may be used as it is.
    pub(super) fn check(
        &self,
        expires: Option<Duration>,
        clock: &dyn Clock,
    ) -> Result<(), Unserved> {
        self.is_current()?;
        let renewed_at = self.renewed_at.load(Ordering::Relaxed);
        if renewed_at == NEVER && expires == self.kept_until {
            // The cache has seen to it.
            return Ok(());
        }
        let now = clock.monotonic();
        if expires.is_some_and(|end| end <= now) {
            return Err(Miss::Expired.into());
        }
        if renewed_at <= millis(now) {
            return Err(Unserved::Due);
        }
        Ok(())
    }

    /// Whether the entry is to be renewed by who asks: for a while by nobody else.
    pub(super) fn claim(&self, clock: &dyn Clock) -> bool {
        let now = clock.monotonic();
        let next = millis(now.saturating_add(Self::WHILE));
        let claim = |at| (at <= millis(now)).then_some(next);
        let (order, at) = (Ordering::Relaxed, &self.renewed_at);
        at.fetch_update(order, order, claim).is_ok()
    }
}
