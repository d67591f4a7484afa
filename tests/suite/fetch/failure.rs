//! Promise 2, second half: a load that fails, panics or takes too long ends for every waiter.

use std::time::Duration;

use cacheme::{Cacheme, Error, ErrorKind, LocalStorage};
use cacheme_tests::loader::{Acts, Numbered, Remote, Script};
use cacheme_tests::memory::{MemoryStorage, Mode};
use tokio::task::JoinSet;

use super::{Bench, promptly, until};

/// The error that 100 waiters of one flight get, which is the same for all.
async fn shared_error(bench: &Bench, acts: Acts) -> Error {
    let mut tasks = JoinSet::new();
    for _ in 0..100 {
        let runtime = bench.runtime.clone();
        tasks.spawn(async move { runtime.get(Numbered { number: 7 }).await });
    }
    until(|| bench.requests() == 100).await;
    bench.script.set(acts);
    let outcomes = promptly(tasks.join_all()).await;
    let mut errors = outcomes
        .into_iter()
        .map(|outcome| outcome.expect_err("the load fails"));
    let first = errors.next().expect("there are waiters");
    assert!(errors.all(|error| error.to_string() == first.to_string()));
    assert_eq!(bench.script.calls().len(), 1);
    first
}

/// Shows that the next request starts fresh.
async fn recovers(bench: &Bench) {
    bench.script.set(Acts::Load);
    let value = promptly(bench.runtime.get(Numbered { number: 7 })).await;
    assert_eq!(value.expect("a value"), 7);
    assert_eq!(bench.script.calls().len(), 2);
    let stats = bench.runtime.stats();
    let node = stats.node::<Numbered>().expect("the node is known");
    assert_eq!((node.loads(), node.failed_loads()), (1, 1));
}

#[tokio::test]
async fn promise_2_an_error_reaches_every_waiter() {
    let bench = Bench::new(Acts::Wait).await;
    let error = shared_error(&bench, Acts::Fail).await;
    assert_eq!(error.kind(), ErrorKind::Load);
    assert_eq!(error.node(), Some("Numbered"));
    let source = std::error::Error::source(&error).expect("the loader's error");
    assert_eq!(source.to_string(), "told to fail");
    recovers(&bench).await;
}

#[tokio::test]
async fn promise_2_a_panic_reaches_every_waiter() {
    let bench = Bench::new(Acts::Wait).await;
    let error = shared_error(&bench, Acts::Panic).await;
    assert!(error.is_panic());
    assert!(error.to_string().ends_with("told to panic"), "{error}");
    recovers(&bench).await;
}

#[tokio::test(start_paused = true)]
async fn promise_2_a_passed_deadline_reaches_every_waiter() {
    let script = Script::new(Acts::Wait);
    let runtime = Cacheme::builder()
        .storage("near", LocalStorage::lru(100))
        .storage("far", MemoryStorage::new())
        .state(script.clone())
        .load_timeout(Duration::from_secs(3))
        .build()
        .await
        .expect("the set-up is right");
    let mut tasks = JoinSet::new();
    for _ in 0..100 {
        let runtime = runtime.clone();
        tasks.spawn(async move { runtime.get(Numbered { number: 7 }).await });
    }
    for outcome in tasks.join_all().await {
        assert!(outcome.expect_err("the load hangs").is_timeout());
    }
    script.set(Acts::Load);
    let value = runtime.get(Numbered { number: 7 }).await;
    assert_eq!(value.expect("a value"), 7);
    assert_eq!(script.calls().len(), 2);
}

#[tokio::test]
async fn a_node_that_fails_in_a_batch_fails_alone() {
    for acts in [Acts::FailFor(3), Acts::Omit(3)] {
        let bench = Bench::new(Acts::Wait).await;
        let batch = tokio::spawn({
            let runtime = bench.runtime.clone();
            async move {
                runtime
                    .get_all((0..5).map(|number| Numbered { number }))
                    .await
            }
        });
        until(|| bench.script.calls().len() == 1).await;
        let get = |number| {
            let runtime = bench.runtime.clone();
            tokio::spawn(async move { runtime.get(Numbered { number }).await })
        };
        let (good, bad) = (get(2), get(3));
        until(|| bench.requests() == 7).await;
        bench.script.set(acts);
        let good = promptly(good).await.expect("no panic");
        assert_eq!(good.expect("a value"), 2);
        let bad = promptly(bad).await.expect("no panic");
        assert!(bad.expect_err("the node fails").is_load());
        let batch = promptly(batch).await.expect("no panic");
        assert!(batch.expect_err("one of its nodes fails").is_load());
        assert_eq!(bench.script.calls().len(), 1);
        // The others were kept.
        let rest = [0, 1, 2, 4].map(|number| Numbered { number });
        let rest = promptly(bench.runtime.get_all(rest)).await;
        assert_eq!(rest.expect("values"), [0, 1, 2, 4]);
        assert_eq!(bench.script.calls().len(), 1);
        let twice = [3, 9, 9].map(|number| Numbered { number });
        assert!(promptly(bench.runtime.get_all(twice)).await.is_err());
        bench.figures_add_up();
    }
}

#[tokio::test(start_paused = true)]
async fn the_default_load_all_gives_each_load_its_deadline() {
    let bench = Bench::new(Acts::Load).await;
    // 30 s is the builder's default; 40 loads of 20 s, 32 at a time, take 40 s.
    bench.script.set_time(Duration::from_secs(20));
    let batch = bench
        .runtime
        .get_all((0..40).map(|number| Remote { number }));
    assert_eq!(batch.await.expect("values").len(), 40);
    bench.script.set_time(Duration::from_secs(31));
    let batch = bench
        .runtime
        .get_all((40..42).map(|number| Remote { number }));
    let error = batch.await.expect_err("every load is too slow");
    assert!(error.is_timeout(), "{error:#}");
}

#[tokio::test]
async fn a_storage_that_panics_is_a_counted_miss() {
    let bench = Bench::new(Acts::Load).await;
    bench.far.set_mode(Mode::Panics);
    let value = promptly(bench.runtime.get(Remote { number: 1 })).await;
    assert_eq!(value.expect("a value"), 1);
    let stats = bench.runtime.stats();
    let tier = &stats.node::<Remote>().expect("the node is known").tiers()[0];
    assert_eq!(tier.missed(cacheme::Miss::Unavailable), 1);
    assert_eq!(tier.failed_writes(), 1);
}

#[tokio::test]
async fn the_default_load_all_contains_a_panic() {
    let bench = Bench::new(Acts::Panic).await;
    let batch = bench
        .runtime
        .get_all((0..5).map(|number| Remote { number }));
    let error = promptly(batch).await.expect_err("every load panics");
    let source = std::error::Error::source(&error).map(ToString::to_string);
    assert!(
        format!("{error} {source:?}").contains("told to panic"),
        "{error:?}"
    );
    bench.script.set(Acts::FailFor(3));
    let batch = bench
        .runtime
        .get_all((0..5).map(|number| Remote { number }));
    assert!(promptly(batch).await.expect_err("one load fails").is_load());
    let rest = [0, 1, 2, 4].map(|number| Remote { number });
    let loads = bench.script.calls().len();
    let rest = promptly(bench.runtime.get_all(rest)).await;
    assert_eq!(rest.expect("values"), [0, 1, 2, 4]);
    assert_eq!(bench.script.calls().len(), loads, "the others were kept");
}

#[tokio::test(start_paused = true)]
async fn a_storage_that_fails_or_hangs_is_a_counted_miss() {
    let bench = Bench::new(Acts::Load).await;
    for (requests, mode) in [(1, Mode::Fails), (2, Mode::Waits)] {
        bench.far.set_mode(mode);
        let value = bench.runtime.get(Remote { number: requests }).await;
        assert_eq!(value.expect("a value"), requests);
        let stats = bench.runtime.stats();
        let tier = &stats.node::<Remote>().expect("the node is known").tiers()[0];
        assert_eq!(tier.missed(cacheme::Miss::Unavailable), requests);
        assert_eq!(tier.failed_writes(), requests);
    }
    bench.far.set_mode(Mode::Fails);
    let removed = bench.runtime.invalidate(Remote { number: 1 }).await;
    let error = removed.expect_err("the storage fails");
    assert!(error.is_storage());
    assert_eq!(error.storage(), Some("far"));
}
