//! Simultaneous reads of a storage that become one.

use std::future::{Future, poll_fn};
use std::ops::Range;
use std::task::Poll;
use std::time::Duration;

use cacheme::{Cacheme, Miss, NodeStats};
use cacheme_tests::loader::{Acts, Remote, Script};
use cacheme_tests::memory::{Call, MemoryStorage, Mode, Operation};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::fetch::{promptly, until};

/// A runtime over a storage that two reads at a time are worth it.
async fn bench() -> (Cacheme, MemoryStorage) {
    let far = MemoryStorage::new().with_parallel_reads(2);
    let builder = Cacheme::builder()
        .storage("far", far.clone())
        .state(Script::new(Acts::Load));
    (builder.build().await.expect("the set-up is right"), far)
}

/// Gets a number by a task of its own.
fn get_by(tasks: &mut JoinSet<(u64, u64)>, runtime: &Cacheme, number: u64) {
    let runtime = runtime.clone();
    tasks.spawn(async move {
        let value = runtime.get(Remote { number }).await;
        (number, value.expect("found or loaded"))
    });
}

/// Gets `numbers`, each by a task of its own that begins in this order.
fn get_each(runtime: &Cacheme, numbers: Range<u64>) -> JoinSet<(u64, u64)> {
    let mut tasks = JoinSet::new();
    numbers.for_each(|number| get_by(&mut tasks, runtime, number));
    tasks
}

/// As `get_each`, from a storage that doesn't answer: the first two read alone, the others gather.
async fn get_each_behind_two(
    runtime: &Cacheme,
    far: &MemoryStorage,
    numbers: Range<u64>,
) -> JoinSet<(u64, u64)> {
    let before = far.count(Operation::Get);
    let mut tasks = JoinSet::new();
    for (place, number) in numbers.enumerate() {
        get_by(&mut tasks, runtime, number);
        if place < 2 {
            until(|| far.count(Operation::Get) > before + place).await;
        }
    }
    tasks
}

/// A tokio runtime that runs while it is blocked on.
fn tokio_runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().expect("a runtime")
}

/// How many requests there were.
fn requests(runtime: &Cacheme) -> u64 {
    let stats = runtime.stats();
    stats.node::<Remote>().map_or(0, NodeStats::requests)
}

/// Puts the nodes of these numbers into the storage, and forgets the calls.
async fn fill(runtime: &Cacheme, far: &MemoryStorage, numbers: Range<u64>) {
    let nodes = numbers.map(|number| Remote { number });
    runtime.get_all(nodes).await.expect("they are loaded");
    far.take_calls();
}

#[tokio::test]
async fn reads_beyond_those_under_way_become_one() {
    let (runtime, far) = bench().await;
    fill(&runtime, &far, 0..60).await;
    far.set_mode(Mode::Waits);
    let tasks = get_each_behind_two(&runtime, &far, 0..60).await;
    // Not even for those that aren't answered.
    until(|| far.has_begun(Call::Get(58))).await;
    assert_eq!(
        far.take_calls(),
        [Call::Get(1), Call::Get(1), Call::Get(58)]
    );
    far.set_mode(Mode::Works);
    for (number, value) in promptly(tasks.join_all()).await {
        assert_eq!(value, number, "each has its own");
    }
    assert_eq!(far.take_calls(), [], "nothing was loaded and written");
}

/// On one thread that runs tasks, where one that was spawned last would be the next to run.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn those_that_are_ready_at_once_read_together() {
    let (runtime, far) = bench().await;
    fill(&runtime, &far, 0..4).await;
    let mut calls = Vec::new();
    for _ in 0..20 {
        let runtime = runtime.clone();
        // Begun by a task, and so on the same thread.
        let all = tokio::spawn(async move { get_each(&runtime, 0..4).join_all().await });
        for (number, value) in promptly(all).await.expect("no panic") {
            assert_eq!(value, number);
        }
        calls.push(far.take_calls());
    }
    // tokio may look for events in between.
    assert!(calls.contains(&vec![Call::Get(4)]), "{calls:?}");
}

#[tokio::test]
async fn many_at_once_are_shared_out_among_the_reads_that_are_worth_it() {
    let (runtime, far) = bench().await;
    fill(&runtime, &far, 0..40).await;
    far.set_mode(Mode::Waits);
    let tasks = get_each(&runtime, 0..40);
    until(|| far.count(Operation::Get) == 2).await;
    assert_eq!(far.take_calls(), [Call::Get(20); 2]);
    far.set_mode(Mode::Works);
    for (number, value) in promptly(tasks.join_all()).await {
        assert_eq!(value, number);
    }
}

#[tokio::test(start_paused = true)]
async fn a_storage_that_does_not_answer_costs_each_reader_one_deadline() {
    let deadline = Duration::from_secs(3);
    let far = MemoryStorage::new().with_parallel_reads(2);
    let builder = Cacheme::builder()
        .storage("far", far.clone())
        .storage_timeout(deadline)
        .state(Script::new(Acts::Load));
    let runtime = builder.build().await.expect("the set-up is right");
    far.set_mode(Mode::Waits);
    let started = Instant::now();
    // Those of the first batches, and those that gather behind them.
    let tasks = get_each(&runtime, 0..100);
    for (number, value) in tasks.join_all().await {
        assert_eq!(value, number);
    }
    let took = started.elapsed();
    assert!(
        deadline <= took && took < deadline + Duration::from_millis(100),
        "{took:?}"
    );
    let stats = runtime.stats();
    let node = stats.node::<Remote>().expect("it was used");
    assert_eq!(node.tiers()[0].missed(Miss::Unavailable), 100);
}

#[test]
fn readers_of_another_tokio_runtime_do_not_depend_on_one_that_is_not_driven() {
    let (idle, busy) = (tokio_runtime(), tokio_runtime());
    let (runtime, far) = busy.block_on(bench());
    busy.block_on(fill(&runtime, &far, 0..10));
    // It asks, and is never polled again.
    let asked = idle.block_on(async {
        let mut asked = Box::pin(runtime.get(Remote { number: 0 }));
        poll_fn(|cx| Poll::Ready(asked.as_mut().poll(cx).is_pending())).await
    });
    assert!(asked, "it waits");
    busy.block_on(async {
        for (number, value) in promptly(get_each(&runtime, 1..10).join_all()).await {
            assert_eq!(value, number);
        }
    });
    assert_eq!(far.take_calls(), [Call::Get(9)]);
}

#[tokio::test]
async fn what_is_not_there_is_a_miss_for_who_asked_for_it() {
    let (runtime, far) = bench().await;
    fill(&runtime, &far, 0..20).await;
    let tasks = get_each(&runtime, 10..40);
    for (number, value) in promptly(tasks.join_all()).await {
        assert_eq!(value, number);
    }
    let stats = runtime.stats();
    let node = stats.node::<Remote>().expect("it was used");
    assert_eq!(node.tiers()[0].hits(), 10);
    assert_eq!(node.tiers()[0].missed(Miss::Absent), 20 + 20);
}

#[tokio::test]
async fn a_failure_concerns_the_whole_batch_and_nothing_after_it() {
    let (runtime, far) = bench().await;
    far.set_mode(Mode::Waits);
    let tasks = get_each_behind_two(&runtime, &far, 0..20).await;
    until(|| far.has_begun(Call::Get(18))).await;
    far.set_mode(Mode::Fails);
    promptly(tasks.join_all()).await;
    let unavailable = || {
        let stats = runtime.stats();
        stats
            .node::<Remote>()
            .map_or(0, |node| node.tiers()[0].missed(Miss::Unavailable))
    };
    assert_eq!(unavailable(), 20);
    far.set_mode(Mode::Works);
    promptly(get_each(&runtime, 0..20).join_all()).await;
    assert_eq!(unavailable(), 20);
}

#[tokio::test]
async fn one_after_the_other_and_batches_go_as_they_are() {
    let (runtime, far) = bench().await;
    fill(&runtime, &far, 0..20).await;
    for number in 0..3 {
        runtime.get(Remote { number }).await.expect("found");
    }
    assert_eq!(far.take_calls(), [Call::Get(1); 3]);
    far.set_mode(Mode::Waits);
    let tasks = get_each_behind_two(&runtime, &far, 0..4).await;
    let batch = runtime.clone();
    let batch = tokio::spawn(async move {
        let nodes = (4..20).map(|number| Remote { number });
        batch.get_all(nodes).await
    });
    until(|| far.has_begun(Call::Get(16)) && far.has_begun(Call::Get(2))).await;
    far.set_mode(Mode::Works);
    promptly(tasks.join_all()).await;
    assert!(promptly(batch).await.expect("no panic").is_ok());
}

#[tokio::test]
async fn readers_that_go_take_nothing_along() {
    let (runtime, far) = bench().await;
    fill(&runtime, &far, 0..10).await;
    for _ in 0..5 {
        far.set_mode(Mode::Waits);
        let mut tasks = get_each_behind_two(&runtime, &far, 0..10).await;
        until(|| far.has_begun(Call::Get(8))).await;
        tasks.abort_all();
        let again = get_each(&runtime, 5..10);
        far.set_mode(Mode::Works);
        for (number, value) in promptly(again.join_all()).await {
            assert_eq!(value, number);
        }
        while promptly(tasks.join_next()).await.is_some() {}
        far.take_calls();
    }
}

#[test]
fn readers_that_gather_outlive_the_tokio_runtime_of_the_first() {
    let (first, second) = (tokio_runtime(), tokio_runtime());
    let (runtime, far) = second.block_on(bench());
    second.block_on(fill(&runtime, &far, 0..10));
    far.set_mode(Mode::Waits);
    // Two read, and the third gathers; with the tokio runtime, all of them go.
    let tasks = first.block_on(async {
        let tasks = get_each_behind_two(&runtime, &far, 0..3).await;
        until(|| requests(&runtime) == 13).await;
        tasks
    });
    drop(first);
    drop(tasks);
    far.set_mode(Mode::Works);
    second.block_on(async {
        for (number, value) in promptly(get_each(&runtime, 0..10).join_all()).await {
            assert_eq!(value, number);
        }
    });
    let stats = runtime.stats();
    let node = stats.node::<Remote>().expect("it was used");
    assert_eq!(node.tiers()[0].hits(), 10);
}
