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

/// Whether a hit has its entry renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// The first one after its time has come, and then one in a while until that is done.
    Now,
    /// No.
    Later,
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
            Some(stamp) if !stamp.is_current() => Err(Miss::Invalidated),
            _ => Ok(()),
        }
    }

    /// Whether an entry whose life ends at `expires` may be used, and whether this use has it renewed.
    pub(super) fn check(&self, expires: Option<Duration>, clock: &dyn Clock) -> Result<Due, Miss> {
        self.is_current()?;
        let renewed_at = self.renewed_at.load(Ordering::Relaxed);
        if renewed_at == NEVER && expires == self.kept_until {
            // The cache has seen to it.
            return Ok(Due::Later);
        }
        let now = clock.monotonic();
        if expires.is_some_and(|end| end <= now) {
            return Err(Miss::Expired);
        }
        if renewed_at > millis(now) {
            return Ok(Due::Later);
        }
        let next = millis(now.saturating_add(Self::WHILE));
        let first = self.renewed_at.compare_exchange(
            renewed_at,
            next,
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
        Ok(if first.is_ok() { Due::Now } else { Due::Later })
    }
}
