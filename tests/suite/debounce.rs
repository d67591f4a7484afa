//! Invalidations that wait for others of the same.

use std::time::Duration;

use cacheme::testing::Mode::{Fails, Waits, Works};
use cacheme::testing::Operation;
use cacheme::{Cacheme, Debounced, ErrorKind, LocalStorage};
use cacheme_tests::memory::MemoryStorage;
use cacheme_tests::source::Source;
use tokio::time::sleep;

#[cacheme::node(
    caches(cache(storage = "near"), cache(storage = "far", ttl = "1h")),
    tags("all")
)]
#[derive(Clone, Copy)]
struct Page(u64);

cacheme_tests::loads!(Page);

const WAIT: Duration = Duration::from_millis(100);
const MOMENT: Duration = Duration::from_millis(1);

async fn set_up() -> (Cacheme, MemoryStorage, Source) {
    let (far, source) = (MemoryStorage::new(), Source::default());
    let runtime = Cacheme::builder()
        .storage("near", LocalStorage::lru(10))
        .storage("far", far.clone())
        .state(source.clone())
        .build()
        .await;
    (runtime.expect("the set-up is right"), far, source)
}

#[tokio::test(start_paused = true)]
async fn many_are_one_when_their_time_has_come() {
    let (runtime, far, source) = set_up().await;
    let get = async || runtime.get(Page(1)).await.expect("found or loaded");
    let ways: [fn(&Debounced<'_>) -> cacheme::Result<()>; 3] = [
        |soon| soon.invalidate_tag("all"),
        |soon| soon.invalidate_node::<Page>(),
        |soon| soon.invalidate_all(),
    ];
    for (round, invalidate) in ways.into_iter().enumerate() {
        for again in 0..2 {
            let old = get().await;
            source.changes();
            far.take_calls();
            for _ in 0..100 {
                invalidate(&runtime.debounced(WAIT)).expect("tokio is running");
                sleep(WAIT / 200).await;
            }
            assert_eq!(get().await, old, "in round {round}");
            assert_eq!(runtime.pending().invalidations(), 1);
            sleep(WAIT).await;
            assert!(runtime.pending().is_empty());
            let calls = far.count(Operation::Remove) + far.count(Operation::Put);
            assert_eq!(calls, 1, "in round {round}, time {again}");
            assert_eq!(get().await, old + 1000);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_of_several_takes_place() {
    let (runtime, far, _) = set_up().await;
    let soon = runtime.debounced(WAIT);
    for tag in ["one", "two", "one"] {
        soon.invalidate_tag(tag).expect("tokio is running");
    }
    assert_eq!(runtime.pending().invalidations(), 2);
    sleep(WAIT + MOMENT).await;
    assert_eq!(far.count(Operation::Remove), 2);
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_is_made_up_for() {
    let (runtime, far, source) = set_up().await;
    let old = runtime.get(Page(1)).await.expect("it is loaded");
    source.changes();
    far.set_mode_of(Operation::Remove, Fails);
    let soon = runtime.debounced(WAIT);
    soon.invalidate_tag("all").expect("tokio is running");
    sleep(WAIT + MOMENT).await;
    assert_eq!(runtime.pending().removals(), 1);
    assert_eq!(
        runtime.get(Page(1)).await.expect("it is loaded"),
        old + 1000
    );
    far.set_mode(Works);
}

#[tokio::test(start_paused = true)]
async fn promise_10_a_shutdown_has_them_take_place() {
    let (runtime, far, _) = set_up().await;
    let soon = runtime.debounced(Duration::from_secs(3600));
    soon.invalidate_tag("all").expect("tokio is running");
    assert!(runtime.shutdown(Duration::from_secs(5)).await.is_empty());
    assert_eq!(far.count(Operation::Remove), 1);
    sleep(Duration::from_secs(7200)).await;
    assert_eq!(far.count(Operation::Remove), 1);
}

#[tokio::test(start_paused = true)]
async fn promise_10_a_shutdown_loses_none_that_does_not_end_in_time() {
    let (runtime, far, _) = set_up().await;
    runtime.get(Page(1)).await.expect("it is loaded");
    for operation in [Operation::Get, Operation::Put] {
        far.set_mode_of(operation, Waits);
    }
    let soon = runtime.debounced(Duration::from_secs(3600));
    soon.invalidate_node::<Page>().expect("tokio is running");
    for within in [Duration::ZERO, Duration::from_secs(1)] {
        assert!(!runtime.shutdown(within).await.is_empty());
    }
    far.set_mode(Works);
    assert!(runtime.shutdown(Duration::from_secs(60)).await.is_empty());
    let ended = |key: &cacheme::Key| key.as_str().contains("ended");
    assert!(far.entries().keys().any(ended));
}

#[tokio::test(start_paused = true)]
async fn the_earliest_time_counts() {
    let (runtime, far, _) = set_up().await;
    for wait in [10 * WAIT, WAIT, 5 * WAIT] {
        let soon = runtime.debounced(wait);
        soon.invalidate_tag("all").expect("tokio is running");
    }
    sleep(WAIT + MOMENT).await;
    assert!(runtime.pending().is_empty());
    sleep(20 * WAIT).await;
    assert_eq!(far.count(Operation::Remove), 1);
}

#[test]
fn one_whose_tokio_runtime_is_gone_waits_for_the_next() {
    let tokio = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let builder = builder.enable_all().start_paused(true);
        builder.build().expect("it can be made")
    };
    let first = tokio();
    let (runtime, far, _) = first.block_on(set_up());
    let ask = || runtime.debounced(WAIT).invalidate_tag("all");
    first.block_on(async { ask().expect("tokio is running") });
    drop(first);
    let error = ask().expect_err("tokio isn't running");
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(runtime.pending().invalidations(), 1);
    tokio().block_on(async {
        ask().expect("tokio is running");
        sleep(WAIT + MOMENT).await;
    });
    assert_eq!(far.count(Operation::Remove), 1);
    assert!(runtime.pending().is_empty());
}
