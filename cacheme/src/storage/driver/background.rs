//! Work that a storage does by itself, now and then, for as long as it is there.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::task::AbortHandle;

/// A repeated piece of work. It ends when this is dropped.
#[derive(Debug)]
pub(in crate::storage) struct Background(AbortHandle);

impl Drop for Background {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Background {
    /// Does `work` on `core` now, and again after as long as it says. Needs a running tokio
    /// runtime; with that, the work ends.
    pub(in crate::storage) fn repeat<C, W>(
        core: &Arc<C>,
        work: impl Fn(Arc<C>) -> W + Send + 'static,
    ) -> Self
    where
        C: Send + Sync + 'static,
        W: Future<Output = Duration> + Send,
    {
        let core = Arc::downgrade(core);
        let task = tokio::spawn(async move {
            while let Some(core) = Weak::upgrade(&core) {
                let pause = work(core).await;
                tokio::time::sleep(pause).await;
            }
        });
        Self(task.abort_handle())
    }
}
