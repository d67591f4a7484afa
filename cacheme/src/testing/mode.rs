//! What a stand-in is told to do.

use tokio::sync::watch;
use tokio::task::yield_now;

use crate::error::BoxError;

/// What [`MemoryStorage`](super::MemoryStorage), [`MemoryBus`](super::MemoryBus) and [`Gate`](super::Gate) do when they
/// are called.
/// Changing it reaches the calls that wait, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mode {
    /// What they should.
    Works,
    /// Fail, with the message "told to fail".
    Fails,
    /// Fail for so many calls, and work then.
    FailsNext(usize),
    /// Wait for another mode, and do nothing before.
    Waits,
    /// Work at once, and answer in another mode.
    AnswersLate,
    /// Panic, with the message "told to panic".
    Panics,
}

/// A [`Mode`] that changes.
#[derive(Debug)]
pub(super) struct Told(watch::Sender<Mode>);

impl Told {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(Mode::Works))
    }

    pub(super) fn set(&self, mode: Mode) {
        self.0.send_replace(mode);
    }

    /// What a call does before its work.
    pub(super) async fn begin(&self) -> Result<(), BoxError> {
        // Await points for cancellation to hit.
        for _ in 0..3 {
            yield_now().await;
        }
        match self.other_than(Mode::Waits).await? {
            Mode::Fails => Err("told to fail".into()),
            Mode::FailsNext(_) if self.takes_failure() => Err("told to fail".into()),
            Mode::Panics => panic!("told to panic"),
            _ => Ok(()),
        }
    }

    /// What a call does behind its work.
    pub(super) async fn end(&self) -> Result<(), BoxError> {
        self.other_than(Mode::AnswersLate).await.map(drop)
    }

    async fn other_than(&self, mode: Mode) -> Result<Mode, BoxError> {
        let mut modes = self.0.subscribe();
        let other = modes.wait_for(|now| *now != mode).await?;
        Ok(*other)
    }

    /// Whether one of the failures that were ordered is left, for this call.
    fn takes_failure(&self) -> bool {
        self.0.send_if_modified(|mode| match mode {
            Mode::FailsNext(left) if *left > 0 => {
                *left -= 1;
                true
            }
            _ => false,
        })
    }
}
