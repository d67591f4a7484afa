//! `max_loads`: so many loads at once, so many in line, the rest refused.

use std::time::Duration;

use cacheme::{Cacheme, ErrorKind, Load, LoadContext, LoadResult, LocalStorage, Result};
use cacheme_tests::loader::{Acts, Limited, Numbered, Script};
use tokio::task::JoinHandle;

use super::{Bench, promptly, until};

fn get(bench: &Bench, number: u64) -> JoinHandle<Result<u64>> {
    let runtime = bench.runtime.clone();
    tokio::spawn(async move { runtime.get(Limited { number }).await })
}

/// Begins five requests, two of which load while three wait.
async fn filled() -> (Bench, Vec<JoinHandle<Result<u64>>>) {
    let bench = Bench::new(Acts::Wait).await;
    let mut requests = Vec::new();
    for number in 0..5 {
        requests.push(get(&bench, number));
        until(|| bench.requests() == number + 1).await;
        settle().await;
    }
    assert_eq!(bench.script.calls(), [[0], [1]]);
    (bench, requests)
}

async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn beyond_those_that_run_and_wait_a_request_is_refused_at_once() {
    let (bench, requests) = filled().await;
    let error = promptly(bench.runtime.get(Limited { number: 5 })).await;
    let error = error.expect_err("there is no place");
    assert_eq!(error.kind(), ErrorKind::Overloaded);
    assert!(error.is_overloaded());
    assert_eq!(error.node(), Some("Limited"));
    assert_eq!(
        error.to_string(),
        "`Limited` is overloaded: 2 of its loads run and 3 wait, which is what its `max_loads` allows"
    );
    assert_eq!(bench.script.calls().len(), 2);
    // Who asks for what is being loaded needs no place, and other nodes have their own.
    let joined = get(&bench, 4);
    let other = bench
        .runtime
        .get_with(Numbered { number: 1 }, async |_cx| Ok(1_u64));
    assert_eq!(promptly(other).await.expect("a value"), 1);
    bench.script.set(Acts::Load);
    for (number, request) in (0..).zip(requests) {
        let value = promptly(request).await.expect("no panic");
        assert_eq!(value.expect("a value"), number);
    }
    assert_eq!(
        promptly(joined).await.expect("no panic").expect("a value"),
        4
    );
    assert_eq!(
        bench.script.calls(),
        [[0], [1], [2], [3], [4]],
        "in their order"
    );
    let value = promptly(bench.runtime.get(Limited { number: 5 })).await;
    assert_eq!(value.expect("a value"), 5);
    let stats = bench.runtime.stats();
    let node = stats.node::<Limited>().expect("the node is known");
    assert_eq!(
        (node.loads(), node.failed_loads(), node.load_calls()),
        (6, 1, 6)
    );
    bench.figures_add_up();
}

#[tokio::test]
async fn errors_and_panics_give_their_places_back() {
    for acts in [Acts::Fail, Acts::Panic] {
        let (bench, requests) = filled().await;
        bench.script.set(acts);
        for request in requests {
            let outcome = promptly(request).await.expect("no panic");
            assert!(!outcome.expect_err("the load fails").is_overloaded());
        }
        all_places_are_free(&bench).await;
    }
}

#[tokio::test]
async fn callers_that_go_take_no_place_along() {
    let (bench, requests) = filled().await;
    for request in requests {
        request.abort();
        assert!(promptly(request).await.is_err());
    }
    bench.script.set(Acts::Load);
    let loads = || {
        let stats = bench.runtime.stats();
        stats.node::<Limited>().map(cacheme::NodeStats::loads)
    };
    until(|| loads() == Some(5)).await;
    all_places_are_free(&bench).await;
}

async fn all_places_are_free(bench: &Bench) {
    bench.script.set(Acts::Wait);
    let calls = bench.script.calls().len();
    let requests: Vec<_> = (10..15).map(|number| get(bench, number)).collect();
    until(|| bench.script.calls().len() == calls + 2).await;
    bench.script.set(Acts::Load);
    for request in requests {
        assert!(promptly(request).await.expect("no panic").is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_counts_into_the_deadline() {
    let bench = Bench::new(Acts::Load).await;
    // 30 s is the builder's default; two loads of 20 s one after the other are 40.
    bench.script.set_time(Duration::from_secs(20));
    let requests: Vec<_> = (0..4).map(|number| get(&bench, number)).collect();
    let mut values = Vec::new();
    for request in requests {
        values.push(
            request
                .await
                .expect("no panic")
                .map_err(|error| error.kind()),
        );
    }
    let late = Err(ErrorKind::Timeout);
    assert_eq!(values, [Ok(0), Ok(1), late, late]);
    bench.script.set_time(Duration::ZERO);
    all_places_are_free(&bench).await;
}

#[tokio::test]
async fn the_loads_of_a_batch_take_turns() {
    let bench = Bench::new(Acts::Wait).await;
    let batch = tokio::spawn({
        let runtime = bench.runtime.clone();
        let nodes = (0..20).map(|number| Limited { number });
        async move { runtime.get_all(nodes).await }
    });
    until(|| bench.script.calls().len() == 2).await;
    settle().await;
    assert_eq!(bench.script.calls().len(), 2);
    bench.script.set(Acts::Load);
    let values = promptly(batch).await.expect("no panic").expect("values");
    assert_eq!(values, (0..20).collect::<Vec<_>>());
}

/// None waits, since its line has no place.
#[cacheme::node(storage = "near", max_loads(at_once = 1, queue = 0))]
struct Impatient {
    number: u64,
}

impl Load for Impatient {
    type Value = u64;

    async fn load(&self, cx: &LoadContext) -> LoadResult<u64> {
        // A load in a load: its place is taken.
        match self.number {
            0 => Ok(0),
            number => Ok(cx.runtime().get(Self { number: number - 1 }).await?),
        }
    }
}

#[cacheme::node(storage = "near", max_loads = usize::MIN)]
struct NeverLoaded;

#[tokio::test]
async fn without_a_line_none_waits() {
    let bench = Bench::new(Acts::Load).await;
    let value = promptly(bench.runtime.get(Impatient { number: 0 })).await;
    assert_eq!(value.expect("a value"), 0);
    let value = promptly(bench.runtime.get(Impatient { number: 2 })).await;
    let error = value.expect_err("one load is under way");
    assert!(error.is_load());
    assert!(
        format!("{error:#}").contains("`Impatient` is overloaded"),
        "{error:#}"
    );
}

#[tokio::test]
async fn a_node_that_never_loads_is_refused() {
    let runtime = Cacheme::builder()
        .storage("near", LocalStorage::lru(100))
        .state(Script::new(Acts::Load))
        .node::<NeverLoaded>();
    let error = runtime.build().await.expect_err("it is 0");
    assert!(error.is_config());
}

/// Its loader leaves its context to a task that doesn't end.
#[cacheme::node(storage = "near", max_loads = 1)]
struct Left {
    number: u64,
}

impl Load for Left {
    type Value = u64;

    async fn load(&self, cx: &LoadContext) -> LoadResult<u64> {
        let cx = cx.clone();
        tokio::spawn(async move {
            std::future::pending::<()>().await;
            drop(cx);
        });
        Ok(self.number)
    }
}

#[tokio::test]
async fn a_context_that_outlives_its_load_holds_no_place() {
    let bench = Bench::new(Acts::Load).await;
    for number in 0..3 {
        let value = promptly(bench.runtime.get(Left { number })).await;
        assert_eq!(value.expect("a value"), number);
    }
}
