//! Tests of the whole cache: what its methods return, what stays, and what user code may do.

mod compute;
mod doorkeeper;
mod entry;
mod eviction;
mod expiry;
mod idle;
mod listener;
mod load;
mod lock;
mod model;
mod panic;
mod policy_view;
mod resize;
mod retain;
mod stats;
mod stress;
mod token;
mod user_code;
mod weight;
mod workload;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use foldhash::quality::FixedState;

use super::Cache;
use crate::builder::Builder;
use crate::listener::Cause;
use crate::policy::Policy;
use crate::sync::unpoisoned;

/// Both policies, for tests that hold for either.
const POLICIES: [Policy; 2] = [Policy::TinyLfu, Policy::Lru];
const NS: Duration = Duration::from_nanos(1);
const SECOND: u64 = 1_000_000_000;

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

type Settings<K, V> = Builder<K, V, FixedState>;

/// A cache that does the same in every run, and its clock.
fn cache<K, V>(capacity: usize, policy: Policy) -> (Cache<K, V, FixedState>, TestClock) {
    built(capacity, |settings| settings.policy(policy))
}

/// A cache with more settings that does the same in every run, and its clock.
fn built<K, V>(
    capacity: usize,
    set: impl FnOnce(Settings<K, V>) -> Settings<K, V>,
) -> (Cache<K, V, FixedState>, TestClock) {
    let clock = TestClock::default();
    let read = clock.clone();
    let settings = Cache::builder()
        .capacity(capacity)
        .hasher(FixedState::with_seed(7))
        .clock(move || read.read());
    let built = set(settings).build();
    (built.expect("the capacity is set and small"), clock)
}

/// What a listener was told, in order.
struct Heard<K, V>(Arc<Mutex<Vec<(K, V, Cause)>>>);

impl<K: Send + 'static, V: Send + 'static> Heard<K, V> {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Vec::new())))
    }

    fn listener(&self) -> impl Fn(K, V, Cause) + Send + Sync + 'static {
        let told = Arc::clone(&self.0);
        move |key, value, cause| unpoisoned(told.lock()).push((key, value, cause))
    }

    /// What was told since it was last taken.
    fn take(&self) -> Vec<(K, V, Cause)> {
        std::mem::take(&mut *unpoisoned(self.0.lock()))
    }
}

fn panics<R>(run: impl FnOnce() -> R) {
    assert!(catch_unwind(AssertUnwindSafe(run)).is_err(), "no panic");
}

impl<K, V, S> Cache<K, V, S> {
    /// Checks every invariant of every shard.
    fn validate(&self) {
        let capacities = self.partition.reads().map(|shard| {
            shard.validate();
            shard.capacity()
        });
        assert_eq!(capacities.sum::<u64>(), self.capacity() as u64);
    }
}
