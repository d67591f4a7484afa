//! One run for all who ask at once, whatever becomes of the one that began it.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{Failure, Service};
use cacheme_tests::wait::eventually;

const PATIENCE: Duration = Duration::from_secs(20);

/// What a run does, when it is told to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Wait,
    Give,
    Fail,
    Panic,
}

async fn act(acts: &watch::Sender<Act>) -> Act {
    let mut acts = acts.subscribe();
    let act = acts.wait_for(|act| *act != Act::Wait).await;
    *act.expect("the sender is there")
}

#[cacheme::cached(storage = "hot", runtime = &service.cacheme)]
async fn fallible(
    #[skip] service: &Service,
    #[skip] acts: &watch::Sender<Act>,
    number: u64,
) -> Result<u64, Failure> {
    let run = service.ran();
    match act(acts).await {
        Act::Fail => Err(Failure::Own(run)),
        Act::Panic => panic!("run {run} panicked"),
        _ => Ok(number),
    }
}

#[cacheme::cached(storage = "hot", runtime = &service.cacheme)]
async fn infallible(
    #[skip] service: &Service,
    #[skip] acts: &watch::Sender<Act>,
    number: u64,
) -> u64 {
    let run = service.ran();
    assert!(act(acts).await != Act::Panic, "run {run} panicked");
    number
}

/// Calls of the function by tasks of their own, once the first one runs.
async fn calls<R: Send + 'static, F: Future<Output = R> + Send + 'static>(
    service: &Service,
    count: usize,
    call: impl Fn() -> F,
) -> JoinSet<R> {
    let mut calls = JoinSet::new();
    calls.spawn(call());
    eventually("it runs", PATIENCE, async || service.runs() == 1).await;
    for _ in 1..count {
        calls.spawn(call());
    }
    // The others have joined, or will find the value.
    tokio::task::yield_now().await;
    calls
}

#[tokio::test]
async fn promise_1_a_thousand_calls_are_one_run() {
    let (service, acts) = (Service::new().await, watch::Sender::new(Act::Wait));
    let call = || {
        let (service, acts) = (service.clone(), acts.clone());
        async move { fallible(&service, &acts, 7).await }
    };
    let calls = calls(&service, 1000, call).await;
    acts.send_replace(Act::Give);
    let results = calls.join_all().await;
    assert!(results.len() == 1000 && results.iter().all(|result| *result == Ok(7)));
    assert_eq!(service.runs(), 1);
}

#[tokio::test]
async fn promise_2_when_the_one_that_runs_is_dropped_another_one_runs() {
    let (service, acts) = (Service::new().await, watch::Sender::new(Act::Wait));
    let first = {
        let (service, acts) = (service.clone(), acts.clone());
        tokio::spawn(async move { fallible(&service, &acts, 7).await })
    };
    eventually("it runs", PATIENCE, async || service.runs() == 1).await;
    let second = {
        let (service, acts) = (service.clone(), acts.clone());
        tokio::spawn(async move { fallible(&service, &acts, 7).await })
    };
    tokio::task::yield_now().await;
    assert_eq!(service.runs(), 1, "the second waits");
    first.abort();
    eventually("the second runs", PATIENCE, async || service.runs() == 2).await;
    acts.send_replace(Act::Give);
    assert_eq!(second.await.expect("no panic"), Ok(7));
    assert!(first.await.expect_err("it was dropped").is_cancelled());
}

#[tokio::test]
async fn promise_2_an_error_is_the_runners_own_and_the_others_are_told() {
    let (service, acts) = (Service::new().await, watch::Sender::new(Act::Wait));
    let call = || {
        let (service, acts) = (service.clone(), acts.clone());
        async move { fallible(&service, &acts, 7).await }
    };
    let calls = calls(&service, 3, call).await;
    acts.send_replace(Act::Fail);
    let mut errors: Vec<_> = calls
        .join_all()
        .await
        .into_iter()
        .map(|result| result.expect_err("it failed"))
        .collect();
    errors.sort_by_key(|error| matches!(error, Failure::Cache(_)));
    let copy = || Failure::Cache("loading `fallible` failed: run 1 failed".to_owned());
    assert_eq!(errors, [Failure::Own(1), copy(), copy()]);
    // The next call runs anew.
    acts.send_replace(Act::Give);
    assert_eq!(fallible(&service, &acts, 7).await, Ok(7));
}

#[tokio::test]
async fn promise_2_a_panic_is_an_error_where_there_are_errors() {
    let (service, acts) = (Service::new().await, watch::Sender::new(Act::Wait));
    let call = || {
        let (service, acts) = (service.clone(), acts.clone());
        async move { fallible(&service, &acts, 7).await }
    };
    let calls = calls(&service, 2, call).await;
    acts.send_replace(Act::Panic);
    let message = "loading `fallible` panicked: run 1 panicked".to_owned();
    let error = || Err(Failure::Cache(message.clone()));
    assert_eq!(calls.join_all().await, [error(), error()]);
}

#[tokio::test]
async fn a_panic_is_a_panic_where_there_are_none() {
    let (service, acts) = (Service::new().await, watch::Sender::new(Act::Wait));
    let call = || {
        let (service, acts) = (service.clone(), acts.clone());
        async move { infallible(&service, &acts, 7).await }
    };
    let mut calls = calls(&service, 2, call).await;
    acts.send_replace(Act::Panic);
    while let Some(ended) = calls.join_next().await {
        assert!(ended.expect_err("it panics").is_panic());
    }
    // The one that waited ran it itself.
    assert_eq!(service.runs(), 2);
    acts.send_replace(Act::Give);
    assert_eq!(infallible(&service, &acts, 7).await, 7);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_a_run_that_can_fail_and_no_other() {
    let (service, acts) = (Service::new().await, watch::Sender::new(Act::Wait));
    let late = fallible(&service, &acts, 7).await;
    let message = "loading `fallible` took longer than its deadline of 30s";
    assert_eq!(late, Err(Failure::Cache(message.to_owned())));
    let patient = infallible(&service, &acts, 7);
    let told = async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        acts.send_replace(Act::Give);
    };
    assert_eq!(tokio::join!(patient, told).0, 7);
}

#[tokio::test(start_paused = true)]
async fn callers_of_a_run_that_takes_long_wait_for_it_where_it_cannot_fail() {
    let (service, acts) = (Service::new().await, watch::Sender::new(Act::Wait));
    let call = || {
        let (service, acts) = (service.clone(), acts.clone());
        async move { infallible(&service, &acts, 7).await }
    };
    let calls = calls(&service, 20, call).await;
    tokio::time::sleep(Duration::from_secs(100)).await;
    acts.send_replace(Act::Give);
    assert_eq!(calls.join_all().await, [7; 20]);
    infallible(&service, &acts, 7).await;
    assert_eq!(service.runs(), 1, "it is kept");
}

#[tokio::test]
async fn caching_may_be_off() {
    let (service, acts) = (Service::new().await, watch::Sender::new(Act::Give));
    infallible(&service, &acts, 7).await;
    service.cacheme.disable();
    for run in 2..4 {
        assert_eq!(infallible(&service, &acts, 7).await, 7);
        assert_eq!(service.runs(), run);
    }
    service.cacheme.enable();
    infallible(&service, &acts, 7).await;
    assert_eq!(service.runs(), 3);
}
