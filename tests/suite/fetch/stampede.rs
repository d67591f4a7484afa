//! Promise 1: any number of simultaneous requests for a key cause one load.

use cacheme_tests::loader::{Acts, Numbered, Remote};
use tokio::task::JoinSet;

use super::{Bench, promptly, until};

const TASKS: u64 = 1000;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn promise_1_a_thousand_tasks_cause_one_load() {
    let bench = Bench::new(Acts::Wait).await;
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS {
        let runtime = bench.runtime.clone();
        tasks.spawn(async move { runtime.get(Numbered { number: 7 }).await });
    }
    until(|| bench.requests() == TASKS).await;
    bench.script.set(Acts::Load);
    for value in promptly(tasks.join_all()).await {
        assert_eq!(value.expect("a value"), 7);
    }
    assert_eq!(bench.script.calls(), [[7]]);
    let stats = bench.runtime.stats();
    let node = stats.node::<Numbered>().expect("the node is known");
    assert_eq!(node.requests(), TASKS);
    assert_eq!(node.misses(), 1);
    assert_eq!(node.hits() + node.joined(), TASKS - 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn promise_1_unordered_requests_of_many_keys_cause_one_load_each() {
    let bench = Bench::new(Acts::Load).await;
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let runtime = bench.runtime.clone();
        tasks.spawn(async move {
            for step in 0..20 {
                let number = (task * 7 + step * 3) % 20;
                let value = runtime.get(Numbered { number }).await;
                assert_eq!(value.expect("a value"), number);
            }
        });
    }
    promptly(tasks.join_all()).await;
    let mut loaded = bench.script.calls().concat();
    loaded.sort_unstable();
    assert_eq!(loaded, (0..20).collect::<Vec<_>>());
}

#[tokio::test]
async fn promise_1_get_joins_get_all() {
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
    let single = tokio::spawn({
        let runtime = bench.runtime.clone();
        async move { runtime.get(Numbered { number: 3 }).await }
    });
    until(|| bench.requests() == 6).await;
    bench.script.set(Acts::Load);
    let single = promptly(single).await.expect("no panic");
    assert_eq!(single.expect("a value"), 3);
    let batch = promptly(batch).await.expect("no panic");
    assert_eq!(batch.expect("values"), [0, 1, 2, 3, 4]);
    assert_eq!(bench.script.calls(), [[0, 1, 2, 3, 4]]);
}

#[tokio::test]
async fn promise_1_get_all_joins_get_and_other_batches() {
    let bench = Bench::new(Acts::Wait).await;
    let get = |number| {
        let runtime = bench.runtime.clone();
        tokio::spawn(async move { runtime.get(Numbered { number }).await })
    };
    let get_all = |numbers: std::ops::Range<u64>| {
        let runtime = bench.runtime.clone();
        let nodes = numbers.map(|number| Numbered { number });
        tokio::spawn(async move { runtime.get_all(nodes).await })
    };
    let single = get(2);
    until(|| bench.script.calls().len() == 1).await;
    let first = get_all(1..4);
    until(|| bench.script.calls().len() == 2).await;
    let second = get_all(0..5);
    until(|| bench.script.calls().len() == 3).await;
    bench.script.set(Acts::Load);
    let single = promptly(single).await.expect("no panic");
    assert_eq!(single.expect("a value"), 2);
    let first = promptly(first).await.expect("no panic");
    assert_eq!(first.expect("values"), [1, 2, 3]);
    let second = promptly(second).await.expect("no panic");
    assert_eq!(second.expect("values"), [0, 1, 2, 3, 4]);
    assert_eq!(bench.script.calls(), [vec![2], vec![1, 3], vec![0, 4]]);
}

#[tokio::test]
async fn promise_1_holds_without_a_local_tier() {
    let bench = Bench::new(Acts::Wait).await;
    let mut tasks = JoinSet::new();
    for _ in 0..50 {
        let runtime = bench.runtime.clone();
        tasks.spawn(async move { runtime.get(Remote { number: 7 }).await });
    }
    until(|| bench.script.calls().len() == 1).await;
    bench.script.set(Acts::Load);
    for value in promptly(tasks.join_all()).await {
        assert_eq!(value.expect("a value"), 7);
    }
    assert_eq!(bench.script.calls(), [[7]]);
}
