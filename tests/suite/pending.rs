//! What is pending when a process ends.

use std::time::Duration;

use cacheme::testing::Mode::{Fails, Waits, Works};
use cacheme::testing::{MemoryBus, Operation};
use cacheme::{Cacheme, LocalStorage, Pending};
use cacheme_tests::memory::MemoryStorage;
use cacheme_tests::source::Source;
use cacheme_tests::wait::eventually;
use tokio::time::{Instant, sleep};

use crate::fetch::until;

#[cacheme::node(storage = "far", ttl = "1h")]
#[derive(Clone, Copy)]
struct Remote(u64);

cacheme_tests::loads!(Remote);

const LONG: Duration = Duration::from_secs(60);

async fn set_up() -> (Cacheme, MemoryStorage, Source) {
    let (far, source) = (MemoryStorage::new(), Source::default());
    let runtime = Cacheme::builder()
        .storage("far", far.clone())
        .state(source.clone())
        .build()
        .await;
    (runtime.expect("the set-up is right"), far, source)
}

#[tokio::test(start_paused = true)]
async fn promise_10_a_shutdown_waits_for_loads_and_their_writes() {
    let (runtime, far, source) = set_up().await;
    source.gate.set_mode(Waits);
    let caller = tokio::spawn({
        let runtime = runtime.clone();
        async move { runtime.get(Remote(1)).await }
    });
    until(|| source.loads() == 1).await;
    // Nobody waits for it any more.
    caller.abort();
    assert_eq!(runtime.pending().flights(), 1);
    let shutdown = tokio::spawn({
        let runtime = runtime.clone();
        async move { runtime.shutdown(LONG).await }
    });
    sleep(Duration::from_secs(1)).await;
    assert!(!shutdown.is_finished());
    source.gate.set_mode(Works);
    assert!(shutdown.await.expect("no panic").is_empty());
    assert_eq!(far.count(Operation::Put), 1);
}

#[tokio::test(start_paused = true)]
async fn promise_10_a_shutdown_waits_for_what_storages_missed() {
    let (runtime, far, _) = set_up().await;
    runtime.get(Remote(1)).await.expect("it is loaded");
    far.set_mode_of(Operation::Remove, Fails);
    let error = runtime.invalidate(Remote(1)).await;
    error.expect_err("it isn't removed");
    let shutdown = tokio::spawn({
        let runtime = runtime.clone();
        async move { runtime.shutdown(LONG).await }
    });
    sleep(Duration::from_secs(10)).await;
    assert!(!shutdown.is_finished());
    far.set_mode(Works);
    let begun = Instant::now();
    assert!(shutdown.await.expect("no panic").is_empty());
    // It doesn't wait for the next attempt.
    assert!(begun.elapsed() <= Duration::from_millis(100));
    assert!(far.entries().is_empty());
}

#[tokio::test(start_paused = true)]
async fn promise_10_a_shutdown_ends_and_says_what_is_left() {
    let (runtime, far, source) = set_up().await;
    runtime.get(Remote(1)).await.expect("it is loaded");
    far.set_mode(Fails);
    let error = runtime.invalidate(Remote(1)).await;
    error.expect_err("it isn't removed");
    source.gate.set_mode(Waits);
    let caller = tokio::spawn({
        let runtime = runtime.clone();
        async move { runtime.get(Remote(2)).await }
    });
    until(|| source.loads() == 2).await;
    let begun = Instant::now();
    let left = runtime.shutdown(Duration::from_secs(3)).await;
    assert_eq!(begun.elapsed(), Duration::from_secs(3));
    assert_eq!((left.flights(), left.removals()), (1, 1));
    assert!(!left.is_empty() && !left.has_untold());
    assert_eq!(runtime.pending(), left);
    source.gate.set_mode(Works);
    let value = caller.await.expect("no panic");
    assert_eq!(value.expect("it is loaded"), 2);
}

#[tokio::test(start_paused = true)]
async fn nothing_pending_is_no_wait() {
    let (runtime, _, _) = set_up().await;
    runtime.get(Remote(1)).await.expect("it is loaded");
    let begun = Instant::now();
    for within in [Duration::ZERO, Duration::MAX] {
        assert_eq!(runtime.shutdown(within).await, Pending::default());
    }
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn promise_10_a_shutdown_tells_others_what_the_bus_did_not_carry() {
    let (bus, source) = (MemoryBus::new(), Source::default());
    let process = async || {
        let builder = Cacheme::builder()
            .storage("far", LocalStorage::lru(10))
            .bus(bus.clone())
            .state(source.clone());
        builder.build().await.expect("the set-up is right")
    };
    let (here, there) = (process().await, process().await);
    let old = there.get(Remote(1)).await.expect("it is loaded");
    source.changes();
    bus.set_mode(Fails);
    let error = here.invalidate(Remote(1)).await;
    error.expect_err("it isn't told");
    assert!(here.shutdown(Duration::from_millis(10)).await.has_untold());
    assert_eq!(there.get(Remote(1)).await.expect("found"), old);
    bus.set_mode(Works);
    let begun = Instant::now();
    assert!(here.shutdown(LONG).await.is_empty());
    // Not when the bus would see to it by itself, once a second.
    assert!(begun.elapsed() <= Duration::from_millis(100));
    // The process is gone, and can't do it later on.
    drop(here);
    let is_told = async || there.get(Remote(1)).await.is_ok_and(|value| value > old);
    eventually("it is dropped", LONG, is_told).await;
}
