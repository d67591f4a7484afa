//! A storage that doesn't answer, as the requests of a runtime see it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cacheme::{Cacheme, Entry, IntoStorage, Key, Miss, Storage, StorageFuture};
use cacheme_tests::loader::{Acts, Remote, Script};
use cacheme_tests::memory::{MemoryStorage, Mode, Operation};
use tokio::task::JoinSet;
use tokio::time::{Instant, advance, sleep};

use crate::fetch::until;

const DEADLINE: Duration = Duration::from_secs(2);

struct Outage {
    runtime: Cacheme,
    far: MemoryStorage,
}

/// A storage whose keys are on several servers.
#[derive(Debug)]
struct Cluster(MemoryStorage);

impl Storage for Cluster {
    fn get_many<'a>(&'a self, keys: &'a [Key]) -> StorageFuture<'a, Vec<Option<Bytes>>> {
        self.0.get_many(keys)
    }

    fn put_many<'a>(&'a self, entries: &'a [Entry]) -> StorageFuture<'a, ()> {
        self.0.put_many(entries)
    }

    fn remove_many<'a>(&'a self, keys: &'a [Key]) -> StorageFuture<'a, ()> {
        self.0.remove_many(keys)
    }

    fn is_partitioned(&self) -> bool {
        true
    }
}

impl Outage {
    async fn new(mode: Mode) -> Self {
        Self::of(mode, |far| far).await
    }

    async fn of<S: IntoStorage>(mode: Mode, storage: impl Fn(MemoryStorage) -> S) -> Self {
        let far = MemoryStorage::new();
        far.set_mode(mode);
        let runtime = Cacheme::builder()
            .storage("far", storage(far.clone()))
            .storage_timeout(DEADLINE)
            .state(Script::new(Acts::Load))
            .build();
        let runtime = runtime.await.expect("the set-up is right");
        Self { runtime, far }
    }

    /// Gets a number, which has to be right, and says how long that took.
    async fn get(&self, number: u64) -> Duration {
        let begun = Instant::now();
        let value = self.runtime.get(Remote { number }).await;
        assert_eq!(value.expect("found or loaded"), number);
        begun.elapsed()
    }

    fn reads(&self) -> usize {
        self.far.count(Operation::Get)
    }
}

#[tokio::test(start_paused = true)]
async fn promise_4_a_storage_that_does_not_answer_costs_a_deadline_once_and_then_nothing() {
    let outage = Outage::new(Mode::Waits).await;
    assert_eq!(outage.get(0).await, DEADLINE);
    for number in 1..100 {
        assert_eq!(outage.get(number).await, Duration::ZERO);
    }
    assert_eq!(outage.reads(), 1);
    // Probes go beside the requests, each of which waits for nothing: one after each pause.
    for probes in 1..=10 {
        sleep(Duration::from_secs(1)).await;
        for _ in 0..3 {
            assert_eq!(outage.get(100).await, Duration::ZERO);
        }
        assert!(
            !outage
                .runtime
                .contains(Remote { number: 1 })
                .await
                .expect("a look")
        );
        // It takes its deadline.
        sleep(DEADLINE).await;
        assert_eq!(outage.reads(), 1 + probes);
    }
    let stats = outage.runtime.stats();
    let tier = &stats.node::<Remote>().expect("it was used").tiers()[0];
    assert_eq!(tier.missed(Miss::Unavailable), 130);
    assert_eq!((tier.writes(), outage.far.count(Operation::Put)), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_storage_that_is_back_is_used_again_soon() {
    let outage = Outage::new(Mode::Waits).await;
    outage.get(0).await;
    for _ in 0..20 {
        advance(Duration::from_secs(1)).await;
        outage.get(0).await;
    }
    // The probe that is under way ends, and the next one is due in half a second at most.
    sleep(DEADLINE).await;
    outage.far.set_mode(Mode::Works);
    advance(Duration::from_millis(500)).await;
    let reads = outage.reads();
    outage.get(0).await;
    until(|| outage.reads() > reads).await;
    // The probe ends.
    sleep(Duration::from_millis(1)).await;
    assert_eq!(outage.far.count(Operation::Put), 0);
    outage.get(1).await;
    outage.get(1).await;
    let stats = outage.runtime.stats();
    let tier = &stats.node::<Remote>().expect("it was used").tiers()[0];
    assert_eq!((tier.hits(), tier.writes()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn who_only_writes_notices_too_that_it_is_back() {
    let outage = Outage::new(Mode::Waits).await;
    outage.get(0).await;
    outage.far.set_mode(Mode::Works);
    sleep(Duration::from_secs(1)).await;
    let put = async || outage.runtime.put(Remote { number: 1 }, 10).await;
    put().await.expect_err("this one has it looked after");
    sleep(Duration::from_millis(1)).await;
    put().await.expect("it is back");
}

#[tokio::test(start_paused = true)]
async fn many_at_once_cost_one_deadline_together() {
    let outage = Arc::new(Outage::of(Mode::Waits, |far| far.with_parallel_reads(2)).await);
    let mut tasks = JoinSet::new();
    for number in 0..200 {
        let outage = Arc::clone(&outage);
        tasks.spawn(async move { outage.get(number).await });
    }
    while let Some(took) = tasks.join_next().await {
        assert!(took.expect("no panic") <= DEADLINE + Duration::from_millis(10));
    }
    assert_eq!(outage.get(1).await, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn reads_that_fail_one_after_the_other_open_it_too() {
    let outage = Outage::new(Mode::Fails).await;
    for number in 0..20 {
        outage.get(number).await;
    }
    assert_eq!(outage.reads(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_cluster_is_asked_whatever_one_of_its_servers_says() {
    let outage = Outage::of(Mode::Fails, Cluster).await;
    for number in 0..20 {
        outage.get(number).await;
    }
    assert_eq!(outage.reads(), 20);
}

#[tokio::test(start_paused = true)]
async fn what_is_written_meanwhile_fails_at_once_and_what_is_removed_is_tried() {
    let outage = Outage::new(Mode::Waits).await;
    outage.get(1).await;
    outage.far.take_calls();
    let begun = Instant::now();
    let error = outage.runtime.put(Remote { number: 1 }, 10).await;
    let error = error.expect_err("it isn't written");
    assert_eq!(
        format!("{error:#}"),
        "storage \"far\" could not write entries: it didn't answer lately, and isn't asked until it does"
    );
    assert_eq!(
        (begun.elapsed(), outage.far.count(Operation::Put)),
        (Duration::ZERO, 0)
    );
    outage.far.set_mode(Mode::Works);
    outage
        .runtime
        .invalidate(Remote { number: 1 })
        .await
        .expect("it is removed");
    assert_eq!(outage.far.count(Operation::Remove), 1);
}
