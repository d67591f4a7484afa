//! Requests: flights, batches, invalidations.

mod batch;
mod bulkhead;
mod cancellation;
mod chain;
mod doorkeeper;
mod ended;
mod entry;
mod failure;
mod gather;
mod glance;
mod idle;
mod invalidation;
mod jitter;
mod life;
mod peek;
mod present;
mod previous;
mod put;
mod renewal;
mod stale;
mod stampede;
mod switch;
mod tags;
mod weight;

pub(crate) use self::cancellation::poll_and_drop;

use std::time::{Duration, Instant};

use cacheme::{Cacheme, LocalStorage, NodeStats};
use cacheme_tests::loader::{Acts, Script};
use cacheme_tests::memory::MemoryStorage;
use tokio::time::timeout;

/// A runtime with the storages and the script of `loader`'s nodes.
struct Bench {
    runtime: Cacheme,
    far: MemoryStorage,
    script: Script,
}

impl Bench {
    async fn new(acts: Acts) -> Self {
        let (far, script) = (MemoryStorage::new(), Script::new(acts));
        let runtime = Cacheme::builder()
            .storage("near", LocalStorage::lru(100))
            .storage("far", far.clone())
            .state(script.clone())
            .build()
            .await
            .expect("the set-up is right");
        Self {
            runtime,
            far,
            script,
        }
    }

    /// Checks that every request is a hit, joined a flight, or is a miss.
    fn figures_add_up(&self) {
        for node in self.runtime.stats().nodes() {
            let answered = node.hits() + node.joined() + node.misses();
            assert_eq!(node.requests(), answered, "{node}");
        }
    }

    /// How many requests there were, of all nodes.
    fn requests(&self) -> u64 {
        let stats = self.runtime.stats();
        stats.nodes().iter().map(NodeStats::requests).sum()
    }
}

/// For what comes about at once; never reached when all is well.
const PATIENCE: Duration = Duration::from_secs(20);

/// Fails the test when the future hangs.
pub(crate) async fn promptly<F: Future>(future: F) -> F::Output {
    let ended = timeout(PATIENCE, future).await;
    ended.expect("nobody hangs")
}

/// Lets other tasks run until the condition holds.
pub(crate) async fn until(condition: impl Fn() -> bool) {
    // By the system's time: tokio's stands still meanwhile where it is paused.
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < PATIENCE, "it never comes about");
        tokio::task::yield_now().await;
    }
}
