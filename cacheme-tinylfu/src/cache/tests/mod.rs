//! Tests of the whole cache: what its methods return, what stays, and what user code may do.

mod entry;
mod eviction;
mod model;
mod stress;
mod user_code;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use foldhash::quality::FixedState;

use super::Cache;
use crate::policy::Policy;

/// Both policies, for tests that hold for either.
const POLICIES: [Policy; 2] = [Policy::TinyLfu, Policy::Lru];

/// A clock that a test moves, and that knows how often it was read.
#[derive(Clone, Default)]
struct TestClock {
    nanoseconds: Arc<AtomicU64>,
    reads: Arc<AtomicU64>,
}

impl TestClock {
    fn advance(&self, nanoseconds: u64) {
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    fn read(&self) -> Duration {
        self.reads.fetch_add(1, Ordering::Relaxed);
        Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed))
    }
}

/// A cache that does the same in every run, and its clock.
fn cache<K, V>(capacity: usize, policy: Policy) -> (Cache<K, V, FixedState>, TestClock) {
    let clock = TestClock::default();
    let read = clock.clone();
    let built = Cache::builder()
        .capacity(capacity)
        .policy(policy)
        .hasher(FixedState::with_seed(7))
        .clock(move || read.read())
        .build();
    (built.expect("the capacity is set and small"), clock)
}

impl<K, V, S> Cache<K, V, S> {
    /// Checks every invariant of every shard.
    fn validate(&self) {
        let capacities = self.partition.locks().map(|shard| {
            shard.validate();
            shard.capacity() as usize
        });
        assert_eq!(capacities.sum::<usize>(), self.capacity());
    }
}
