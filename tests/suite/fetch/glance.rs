//! Batches read the first remote tier before they board: hits need no flight, and what flights promise still holds.

use cacheme::Miss;
use cacheme::testing::MemoryBus;
use cacheme_tests::loader::{Acts, Numbered, Remote, Script};
use cacheme_tests::memory::{Call, Mode, Operation};
use tokio::task::{JoinHandle, JoinSet};

use super::{Bench, poll_and_drop, promptly, until};

/// The values of a batch that is asked for in a task.
type Asked = JoinHandle<cacheme::Result<Vec<u64>>>;

impl Bench {
    /// A bench whose far tier has the values of these numbers, and nothing nearer.
    async fn with_far(numbers: std::ops::Range<u64>) -> Self {
        let (bench, full) = (Self::new(Acts::Load).await, Self::new(Acts::Load).await);
        let near = full.runtime.get_all(numbers.clone().map(numbered));
        near.await.expect("values");
        full.runtime
            .get_all(numbers.map(remote))
            .await
            .expect("values");
        bench.far.entries().extend(full.far.entries().clone());
        bench
    }

    /// Waits until the far tier has been asked for so many, and has seen what it has.
    async fn has_read(&self, reads: usize) {
        until(|| self.far.has_begun(Call::Get(reads))).await;
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }

    /// Asks for these, and waits until the far tier has read so many.
    async fn ask(&self, numbers: &[u64], reads: usize) -> Asked {
        let nodes: Vec<_> = numbers.iter().copied().map(numbered).collect();
        let runtime = self.runtime.clone();
        let asked = tokio::spawn(async move { runtime.get_all(nodes).await });
        self.has_read(reads).await;
        asked
    }

    /// What a batch gives.
    async fn found(&self, numbers: &[u64]) -> Vec<u64> {
        let nodes = numbers.iter().copied().map(numbered);
        promptly(self.runtime.get_all(nodes)).await.expect("values")
    }

    /// Hits and misses of a node's tiers.
    fn looked_up<N: cacheme::Node>(&self) -> Vec<(u64, u64)> {
        let stats = self.runtime.stats();
        let node = stats.node::<N>().expect("the node is known");
        let tiers = node.tiers().iter();
        tiers.map(|tier| (tier.hits(), tier.misses())).collect()
    }
}

fn numbered(number: u64) -> Numbered {
    Numbered { number }
}

fn remote(number: u64) -> Remote {
    Remote { number }
}

async fn values(asked: Asked) -> Vec<u64> {
    promptly(asked).await.expect("no panic").expect("values")
}

#[tokio::test]
async fn hits_are_nobody_elses_business() {
    let bench = Bench::with_far(0..5).await;
    bench.far.set_mode(Mode::Waits);
    let one = bench.ask(&[0, 1, 2, 3], 4).await;
    let other = bench.ask(&[1, 2, 3], 3).await;
    bench.far.set_mode(Mode::Works);
    assert_eq!(values(one).await, [0, 1, 2, 3]);
    assert_eq!(values(other).await, [1, 2, 3]);
    // Both have read, and none has waited for the other.
    let stats = bench.runtime.stats();
    let node = stats.node::<Numbered>().expect("the node is known");
    assert_eq!((node.requests(), node.joined(), node.misses()), (7, 0, 0));
    assert_eq!(bench.looked_up::<Numbered>(), [(0, 7), (7, 0)]);
    // They are nearer now.
    bench.far.take_calls();
    assert_eq!(bench.found(&[3, 0]).await, [3, 0]);
    assert_eq!(bench.far.take_calls(), []);
    bench.figures_add_up();
}

#[tokio::test]
async fn duplicates_are_read_once() {
    let bench = Bench::with_far(0..5).await;
    let asked = [3, 1, 3, 2, 1, 3];
    let nodes = asked.map(remote);
    let found = promptly(bench.runtime.get_all(nodes)).await;
    assert_eq!(found.expect("values"), asked);
    assert_eq!(bench.far.take_calls(), [Call::Get(3)]);
    let nodes = [9, 1, 9].map(remote);
    let found = promptly(bench.runtime.get_all(nodes)).await;
    assert_eq!(found.expect("values"), [9, 1, 9]);
    assert_eq!(bench.far.take_calls(), [Call::Get(2), Call::Put(1)]);
    assert_eq!(bench.looked_up::<Remote>(), [(4, 1)]);
    let stats = bench.runtime.stats();
    let node = stats.node::<Remote>().expect("the node is known");
    assert_eq!((node.requests(), node.joined(), node.misses()), (9, 4, 1));
    bench.figures_add_up();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn promise_1_batches_that_look_at_once_load_once() {
    const TASKS: usize = 50;
    let bench = Bench::new(Acts::Wait).await;
    // All of them have looked before the first of them boards.
    bench.far.set_mode_of(Operation::Get, Mode::AnswersLate);
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS {
        let runtime = bench.runtime.clone();
        tasks.spawn(async move { runtime.get_all((0..10).map(numbered)).await });
    }
    until(|| bench.far.count(Operation::Get) == TASKS).await;
    bench.far.set_mode(Mode::Works);
    let joined = || {
        let stats = bench.runtime.stats();
        stats
            .node::<Numbered>()
            .map_or(0, cacheme::NodeStats::joined)
    };
    until(|| joined() == 10 * (TASKS as u64 - 1)).await;
    bench.script.set(Acts::Load);
    for found in promptly(tasks.join_all()).await {
        assert_eq!(found.expect("values"), (0..10).collect::<Vec<_>>());
    }
    assert_eq!(bench.script.calls().concat(), (0..10).collect::<Vec<_>>());
    // Nobody has looked twice.
    assert_eq!(bench.far.count(Operation::Get), TASKS);
    assert_eq!(bench.looked_up::<Numbered>()[1], (0, 10));
    bench.figures_add_up();
}

#[tokio::test]
async fn promise_1_what_was_loaded_since_a_look_is_found() {
    let bench = Bench::new(Acts::Load).await;
    bench.far.set_mode_of(Operation::Get, Mode::AnswersLate);
    let batch = tokio::spawn({
        let runtime = bench.runtime.clone();
        async move { runtime.get_all((0..4).map(remote)).await }
    });
    bench.has_read(4).await;
    // They are only in the far tier, where the batch hasn't seen them.
    promptly(bench.runtime.refresh(remote(1)))
        .await
        .expect("a value");
    promptly(bench.runtime.put(remote(2), 22))
        .await
        .expect("it is put");
    bench.far.set_mode(Mode::Works);
    assert_eq!(values(batch).await, [0, 1, 22, 3]);
    let mut loads = bench.script.calls().concat();
    loads.sort_unstable();
    assert_eq!(loads, [0, 1, 3]);
    assert_eq!(bench.looked_up::<Remote>(), [(2, 2)]);
    bench.figures_add_up();
}

#[tokio::test]
async fn promise_1_a_batch_waits_for_loads_that_began_before() {
    let bench = Bench::new(Acts::Wait).await;
    let single = tokio::spawn({
        let runtime = bench.runtime.clone();
        async move { runtime.get(numbered(1)).await }
    });
    until(|| bench.script.calls().len() == 1).await;
    bench.far.take_calls();
    bench.far.set_mode_of(Operation::Get, Mode::AnswersLate);
    let batch = bench.ask(&[1, 0, 1], 1).await;
    // One error for all, though it isn't kept anywhere, and the batch is still looking.
    bench.script.set(Acts::FailFor(1));
    assert!(promptly(single).await.expect("no panic").is_err());
    bench.far.set_mode(Mode::Works);
    assert!(promptly(batch).await.expect("no panic").is_err());
    assert_eq!(bench.script.calls(), [[1], [0]]);
    assert_eq!(bench.found(&[0]).await, [0]);
    bench.figures_add_up();
}

#[tokio::test]
async fn promise_3_an_invalidation_during_the_look_leaves_nothing_old() {
    let bench = Bench::with_far(0..5).await;
    bench.far.set_mode_of(Operation::Get, Mode::AnswersLate);
    let old = bench.ask(&[1, 2], 2).await;
    bench.script.set_source(1);
    promptly(bench.runtime.invalidate(numbered(1)))
        .await
        .expect("removed");
    bench.far.set_mode(Mode::Works);
    // It began before.
    assert_eq!(values(old).await, [1, 2]);
    assert_eq!(bench.found(&[1, 2]).await, [1001, 2]);
}

#[tokio::test]
async fn promise_3_nothing_is_kept_while_an_invalidation_is_under_way() {
    let bench = Bench::with_far(0..5).await;
    bench.script.set_source(1);
    bench.far.set_mode_of(Operation::Remove, Mode::Waits);
    let invalidation = tokio::spawn({
        let runtime = bench.runtime.clone();
        async move { runtime.invalidate(numbered(1)).await }
    });
    until(|| bench.far.has_begun(Call::Remove(1))).await;
    // Begun and ended while it waits, and begun while it waits.
    assert_eq!(bench.found(&[1, 2]).await, [1, 2]);
    bench.far.set_mode_of(Operation::Get, Mode::AnswersLate);
    let old = bench.ask(&[1, 3, 4], 3).await;
    bench.far.set_mode_of(Operation::Remove, Mode::Works);
    promptly(invalidation)
        .await
        .expect("no panic")
        .expect("removed");
    bench.far.set_mode(Mode::Works);
    assert_eq!(values(old).await, [1, 3, 4]);
    assert_eq!(bench.found(&[1]).await, [1001]);
}

#[tokio::test]
async fn promise_3_a_newer_value_is_not_replaced_by_what_a_look_found() {
    let bench = Bench::with_far(0..5).await;
    bench.far.set_mode_of(Operation::Get, Mode::AnswersLate);
    let old = bench.ask(&[1, 2, 3], 3).await;
    // One that is over, one whose write goes on, and a load.
    promptly(bench.runtime.put(numbered(1), 77))
        .await
        .expect("it is put");
    bench.script.set_source(1);
    promptly(bench.runtime.refresh(numbered(3)))
        .await
        .expect("a value");
    bench.far.set_mode_of(Operation::Put, Mode::Waits);
    let put = tokio::spawn({
        let runtime = bench.runtime.clone();
        async move { runtime.put(numbered(2), 88).await }
    });
    until(|| bench.far.count(Operation::Put) == 3).await;
    bench.far.set_mode_of(Operation::Get, Mode::Works);
    assert_eq!(values(old).await, [1, 2, 3]);
    assert_eq!(bench.found(&[1, 2, 3]).await, [77, 88, 1003]);
    bench.far.set_mode(Mode::Works);
    promptly(put).await.expect("no panic").expect("it is put");
    assert_eq!(bench.found(&[1, 2, 3]).await, [77, 88, 1003]);
}

#[tokio::test]
async fn promise_3_what_is_heard_during_the_look_ends_what_it_found() {
    let bench = Bench::with_far(0..5).await;
    let (bus, script) = (MemoryBus::new(), Script::new(Acts::Load));
    let process = async || {
        let runtime = cacheme::Cacheme::builder()
            .storage("near", cacheme::LocalStorage::lru(100))
            .storage("far", bench.far.clone())
            .state(script.clone())
            .bus(bus.clone());
        runtime.build().await.expect("the set-up is right")
    };
    let (one, two) = (process().await, process().await);
    assert_eq!(
        promptly(one.get_all([4].map(numbered)))
            .await
            .expect("values"),
        [4]
    );
    bench.far.set_mode_of(Operation::Get, Mode::AnswersLate);
    let old = tokio::spawn({
        let one = one.clone();
        async move { one.get_all([1, 2].map(numbered)).await }
    });
    bench.has_read(2).await;
    script.set_source(1);
    promptly(two.invalidate(numbered(1)))
        .await
        .expect("removed");
    // What is told behind it, to see that both have come.
    promptly(two.invalidate(numbered(4)))
        .await
        .expect("removed");
    bench.far.set_mode(Mode::Works);
    let has = async |number| {
        bench.far.take_calls();
        let found = promptly(one.get_all([numbered(number)])).await;
        (found.expect("values"), bench.far.count(Operation::Get) == 0)
    };
    promptly(async {
        while has(4).await == (vec![4], true) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(values(old).await, [1, 2]);
    assert_eq!(has(1).await, (vec![1001], false));
}

#[tokio::test]
async fn a_tier_that_is_down_costs_one_read_and_no_write() {
    let bench = Bench::with_far(0..5).await;
    bench.far.set_mode(Mode::Fails);
    assert_eq!(bench.found(&[0, 1, 2]).await, [0, 1, 2]);
    assert_eq!(bench.far.take_calls(), [Call::Get(3)]);
    assert_eq!(bench.script.calls(), [[0, 1, 2]]);
    let stats = bench.runtime.stats();
    let node = stats.node::<Numbered>().expect("the node is known");
    let far = &node.tiers()[1];
    assert_eq!(far.missed(Miss::Unavailable), 3);
    assert_eq!((far.writes(), far.failed_writes()), (0, 3));
    bench.figures_add_up();
}

#[tokio::test]
async fn each_miss_has_its_reason() {
    let bench = Bench::with_far(0..3).await;
    for bytes in bench.far.entries().values_mut() {
        *bytes = bytes.slice(1..);
    }
    let nodes = || (0..5).map(remote);
    let found = promptly(bench.runtime.get_all(nodes())).await;
    assert_eq!(found.expect("values"), [0, 1, 2, 3, 4]);
    assert_eq!(bench.far.take_calls(), [Call::Get(5), Call::Put(5)]);
    let stats = bench.runtime.stats();
    let node = stats.node::<Remote>().expect("the node is known");
    let far = &node.tiers()[0];
    assert_eq!((far.missed(Miss::Absent), far.misses()), (2, 5));
    assert_eq!(node.misses(), 5);
    let found = promptly(bench.runtime.get_all(nodes())).await;
    assert_eq!(found.expect("values"), [0, 1, 2, 3, 4]);
    assert_eq!(bench.far.take_calls(), [Call::Get(5)]);
    bench.figures_add_up();
}

#[tokio::test]
async fn promise_2_a_batch_that_is_dropped_while_it_looks_is_loaded_all_the_same() {
    let bench = Bench::with_far(0..2).await;
    bench.far.set_mode(Mode::Waits);
    poll_and_drop(bench.runtime.get_all((0..4).map(numbered)), 3).await;
    assert_eq!(bench.far.count(Operation::Get), 1);
    bench.far.set_mode(Mode::Works);
    until(|| bench.script.calls().len() == 1).await;
    until(|| bench.far.has_begun(Call::Put(2))).await;
    // Nobody asked for them again.
    assert_eq!(bench.script.calls(), [[2, 3]]);
    until(|| bench.requests() == 4).await;
    bench.far.take_calls();
    assert_eq!(bench.found(&[0, 1, 2, 3]).await, [0, 1, 2, 3]);
    assert_eq!(bench.far.take_calls(), []);
    bench.figures_add_up();
}
