//! Waiting for a condition, never for a time.

use std::time::{Duration, Instant};

/// How long to wait between two looks.
const PAUSE: Duration = Duration::from_millis(2);

/// Waits until `is_so` says that it is.
///
/// # Panics
///
/// When it still isn't after `deadline`, with `what` that should have come about.
pub async fn eventually(what: &str, deadline: Duration, mut is_so: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !is_so().await {
        assert!(
            started.elapsed() < deadline,
            "not within {deadline:?}: {what}"
        );
        tokio::time::sleep(PAUSE).await;
    }
}

/// As [`eventually`], on the thread.
///
/// # Panics
///
/// When it still isn't after `deadline`, with `what` that should have come about.
pub fn eventually_blocking(what: &str, deadline: Duration, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(
            started.elapsed() < deadline,
            "not within {deadline:?}: {what}"
        );
        std::thread::sleep(PAUSE);
    }
}
