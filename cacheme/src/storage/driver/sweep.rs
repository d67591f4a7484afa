//! Expired rows taken out of a database, a small batch at a time, by one process at a time.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::background::Background;
use crate::error::BoxError;

/// A database whose expired rows can be removed.
pub(in crate::storage) trait Sweep: Send + Sync + 'static {
    /// Removes up to [`BATCH`] expired rows, unless another process is at it, and says how many.
    fn sweep(&self) -> impl Future<Output = Result<u64, BoxError>> + Send;
}

/// The most rows that one statement removes: locks are held shortly.
pub(in crate::storage) const BATCH: u64 = 1000;

/// Between two batches, so that a sweep leaves room for requests.
const PAUSE: Duration = Duration::from_millis(20);

/// How long a batch may take, where the driver has no limit of its own.
const PATIENCE: Duration = Duration::from_secs(30);

/// Sweeps every so often, as long as the result lives; at once again where there is more.
pub(in crate::storage) fn in_background<C: Sweep>(core: &Arc<C>, every: Duration) -> Background {
    Background::repeat(core, move |core: Arc<C>| async move {
        match timeout(PATIENCE, core.sweep()).await {
            Ok(Ok(BATCH..)) => PAUSE,
            // Failures show in requests, and are tried again with the next sweep.
            _ => every,
        }
    })
}
