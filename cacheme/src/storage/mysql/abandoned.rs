//! Writes whose futures were dropped while the server was at them.
//!
//! Each connection has a thread of its own in the server, so that a write may overtake one that was
//! sent earlier over another connection. That matters when nobody waits for the earlier one any
//! more: it must not undo what comes after it. So a write that was sent goes on in a task to its
//! end, and later ones wait for it.

use std::sync::{Mutex, MutexGuard};

use tokio::sync::watch;

use crate::error::BoxError;
use crate::lock::lock;

/// The end of a write: its sender is dropped then.
type End = watch::Receiver<()>;

/// The writes that nobody waits for any more, and that aren't over.
#[derive(Debug, Default)]
pub(super) struct Abandoned(Mutex<Vec<End>>);

/// Puts a write among the abandoned ones when its future is dropped before its end.
struct Guard<'a> {
    abandoned: &'a Abandoned,
    end: End,
}

impl Abandoned {
    /// Waits until those are over that have been abandoned by now.
    pub(super) async fn over(&self) {
        let ends = self.under_way().clone();
        for mut end in ends {
            // There never is a change but the last.
            let _ = end.changed().await;
        }
    }

    /// Does `write`, to its end even when the future is dropped.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        write: impl Future<Output = Result<T, BoxError>> + Send + 'static,
    ) -> Result<T, BoxError> {
        let (under_way, end) = watch::channel(());
        let task = tokio::spawn(async move {
            let outcome = write.await;
            drop(under_way);
            outcome
        });
        let abandoned = self;
        let _guard = Guard { abandoned, end };
        task.await?
    }

    fn under_way(&self) -> MutexGuard<'_, Vec<End>> {
        let mut ends = lock(&self.0);
        ends.retain(|end| end.has_changed().is_ok());
        ends
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if self.end.has_changed().is_ok() {
            self.abandoned.under_way().push(self.end.clone());
        }
    }
}
