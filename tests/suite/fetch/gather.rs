//! `batch`: simultaneous `get`s that miss become one load.

use std::time::Duration;

use cacheme::{Cacheme, Load, LoadContext, LoadResult, Loaded, LocalStorage, Result};
use cacheme_tests::loader::{Acts, Gathered, Script};
use tokio::task::{JoinHandle, JoinSet};

use super::{Bench, promptly, until};

fn get(bench: &Bench, number: u64) -> JoinHandle<Result<u64>> {
    let runtime = bench.runtime.clone();
    tokio::spawn(async move { runtime.get(Gathered { number }).await })
}

/// Begins requests one after the other, so that the first one loads and the others gather.
async fn begun(bench: &Bench, numbers: std::ops::Range<u64>) -> Vec<JoinHandle<Result<u64>>> {
    let mut requests = Vec::new();
    for number in numbers {
        let before = bench.requests();
        requests.push(get(bench, number));
        until(|| bench.requests() > before).await;
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }
    requests
}

async fn all_are_answered(requests: Vec<JoinHandle<Result<u64>>>, first: u64) {
    for (number, request) in (first..).zip(requests) {
        let value = promptly(request).await.expect("no panic");
        assert_eq!(value.expect("a value"), number);
    }
}

#[tokio::test]
async fn a_request_that_is_alone_waits_for_nobody() {
    let bench = Bench::new(Acts::Load).await;
    for number in 0..3 {
        let value = promptly(bench.runtime.get(Gathered { number })).await;
        assert_eq!(value.expect("a value"), number);
    }
    assert_eq!(bench.script.calls(), [[0], [1], [2]]);
}

#[tokio::test]
async fn those_that_gathered_go_together_when_the_load_ends() {
    let bench = Bench::new(Acts::Wait).await;
    let requests = begun(&bench, 0..4).await;
    assert_eq!(bench.script.calls(), [[0]], "an hour hasn't passed");
    bench.script.set(Acts::Load);
    all_are_answered(requests, 0).await;
    assert_eq!(bench.script.calls(), [vec![0], vec![1, 2, 3]]);
    let stats = bench.runtime.stats();
    let node = stats.node::<Gathered>().expect("the node is known");
    assert_eq!((node.loads(), node.load_calls()), (4, 2));
    bench.figures_add_up();
}

#[tokio::test]
async fn as_many_as_make_a_batch_wait_for_no_load() {
    let bench = Bench::new(Acts::Wait).await;
    let requests = begun(&bench, 0..7).await;
    assert_eq!(bench.script.calls(), [vec![0], vec![1, 2, 3, 4]]);
    bench.script.set(Acts::Load);
    all_are_answered(requests, 0).await;
    assert_eq!(
        bench.script.calls(),
        [vec![0], vec![1, 2, 3, 4], vec![5, 6]]
    );
}

#[tokio::test(start_paused = true)]
async fn none_gathers_for_longer_than_the_delay() {
    let bench = Bench::new(Acts::Load).await;
    bench.script.set_time(Duration::from_secs(10));
    let get = |number| {
        let runtime = bench.runtime.clone();
        tokio::spawn(async move {
            let started = tokio::time::Instant::now();
            let value = runtime.get(Brief { number }).await;
            (value.expect("a value"), started.elapsed())
        })
    };
    let one = get(0);
    until(|| bench.script.calls().len() == 1).await;
    let other = get(1);
    let (one, other) = (one.await.expect("no panic"), other.await.expect("no panic"));
    let seconds = |seconds| Duration::from_secs(seconds);
    assert_eq!(one.0, 0);
    assert!(one.1 < seconds(11), "{:?}", one.1);
    assert_eq!(other.0, 1);
    assert!(
        seconds(12) <= other.1 && other.1 < seconds(13),
        "{:?}",
        other.1
    );
}

/// On one thread that runs tasks, where one that was spawned last would be the next to run.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn those_that_are_ready_at_once_go_together() {
    let bench = Bench::new(Acts::Load).await;
    let mut together = 0;
    for first in (0..80).step_by(4) {
        let (runtime, before) = (bench.runtime.clone(), bench.script.calls().len());
        // Begun by a task, and so on the same thread.
        let all = tokio::spawn(async move {
            let mut tasks = JoinSet::new();
            for number in first..first + 4 {
                let runtime = runtime.clone();
                tasks.spawn(async move { runtime.get(Gathered { number }).await });
            }
            tasks.join_all().await
        });
        promptly(all).await.expect("no panic");
        together += usize::from(bench.script.calls().len() == before + 1);
    }
    // tokio may look for events in between.
    assert!(together > 0, "{:?}", bench.script.calls());
}

#[tokio::test]
async fn a_batch_that_fails_concerns_nobody_else() {
    for acts in [Acts::Fail, Acts::Panic] {
        let bench = Bench::new(Acts::Wait).await;
        let requests = begun(&bench, 0..5).await;
        assert_eq!(bench.script.calls(), [vec![0], vec![1, 2, 3, 4]]);
        bench.script.set(acts);
        for request in requests {
            assert!(promptly(request).await.expect("no panic").is_err());
        }
        bench.script.set(Acts::Load);
        all_are_answered(begun(&bench, 0..5).await, 0).await;
    }
}

#[tokio::test]
async fn a_node_that_fails_or_is_left_out_fails_alone() {
    for acts in [Acts::FailFor(2), Acts::Omit(2)] {
        let bench = Bench::new(Acts::Wait).await;
        let requests = begun(&bench, 0..4).await;
        bench.script.set(acts);
        for (number, request) in (0..).zip(requests) {
            let outcome = promptly(request).await.expect("no panic");
            match outcome {
                Ok(value) => assert_eq!(value, number),
                Err(error) => assert!(number == 2 && error.is_load(), "{error:#}"),
            }
        }
        assert_eq!(bench.script.calls(), [vec![0], vec![1, 2, 3]]);
    }
}

#[tokio::test]
async fn a_caller_that_goes_ends_nothing_for_the_others() {
    let bench = Bench::new(Acts::Wait).await;
    let mut requests = begun(&bench, 0..4).await;
    for gone in [0, 0] {
        let request = requests.remove(gone);
        request.abort();
        assert!(promptly(request).await.is_err());
    }
    bench.script.set(Acts::Load);
    all_are_answered(requests, 2).await;
    assert_eq!(bench.script.calls(), [vec![0], vec![1, 2, 3]]);
}

/// Gathers for 2 s at most, and is loaded by two calls at once; none waits in line.
#[cacheme::node(
    storage = "near",
    batch(delay = Duration::from_secs(2)),
    max_loads(at_once = 2, queue = 0),
)]
struct Brief {
    number: u64,
}

impl Load for Brief {
    type Value = u64;

    async fn load(&self, _cx: &LoadContext) -> LoadResult<u64> {
        Err("only batches are loaded".into())
    }

    async fn load_all(nodes: &[Self], cx: &LoadContext) -> LoadResult<Loaded<Self, u64>> {
        let numbers = nodes.iter().map(|node| node.number).collect();
        let loaded = cx.state::<Script>()?.load_all(numbers).await?;
        let named = loaded
            .into_iter()
            .map(|(number, value)| (Self { number }, value));
        Ok(named.collect())
    }
}

#[tokio::test]
async fn a_batch_takes_one_place_of_max_loads() {
    let bench = Bench::new(Acts::Wait).await;
    let mut requests = Vec::new();
    for number in 0..50 {
        let runtime = bench.runtime.clone();
        requests.push(tokio::spawn(
            async move { runtime.get(Brief { number }).await },
        ));
        until(|| !bench.script.calls().is_empty()).await;
    }
    until(|| bench.requests() == 50).await;
    bench.script.set(Acts::Load);
    all_are_answered(requests, 0).await;
    assert_eq!(bench.script.calls().len(), 2);
}

#[tokio::test]
async fn a_node_that_is_invalidated_while_it_gathers_is_loaded_once_for_both() {
    let bench = Bench::new(Acts::Wait).await;
    let mut requests = begun(&bench, 0..3).await;
    let removed = bench.runtime.invalidate(Gathered { number: 2 }).await;
    removed.expect("it is removed");
    requests.extend(begun(&bench, 2..3).await);
    bench.script.set(Acts::Load);
    for (number, request) in [0, 1, 2, 2].into_iter().zip(requests) {
        let value = promptly(request).await.expect("no panic");
        assert_eq!(value.expect("a value"), number);
    }
    assert_eq!(bench.script.calls(), [vec![0], vec![1, 2]]);
}

#[cacheme::node(storage = "near", batch(max = 100))]
struct Crowd {
    number: u64,
}

impl Load for Crowd {
    type Value = u64;

    async fn load(&self, _cx: &LoadContext) -> LoadResult<u64> {
        Err("it is loaded in batches".into())
    }

    async fn load_all(nodes: &[Self], _cx: &LoadContext) -> LoadResult<Loaded<Self, u64>> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let numbers = nodes.iter().map(|node| node.number);
        Ok(numbers.map(|number| (Self { number }, number)).collect())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_simultaneous_requests_are_a_hundred_loads() {
    let near = LocalStorage::tlfu(20_000);
    let builder = Cacheme::builder().storage("near", near);
    let runtime = builder.build().await.expect("the set-up is right");
    let mut requests = JoinSet::new();
    for number in 0..10_000 {
        let runtime = runtime.clone();
        requests.spawn(async move { (number, runtime.get(Crowd { number }).await) });
    }
    for (number, value) in promptly(requests.join_all()).await {
        assert_eq!(value.expect("a value"), number);
    }
    let stats = runtime.stats();
    let node = stats.node::<Crowd>().expect("it was used");
    assert_eq!(node.loads(), 10_000);
    let calls = node.load_calls();
    assert!((100..=120).contains(&calls), "{calls} calls");
}
