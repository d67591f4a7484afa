//! Promise 3, within a process and by key: no stale fill.

use cacheme_tests::loader::{Acts, Numbered};
use cacheme_tests::memory::{Call, Mode, Operation};

use super::{Bench, promptly, until};

const NODE: Numbered = Numbered { number: 7 };

impl Bench {
    async fn value(&self) -> u64 {
        promptly(self.runtime.get(NODE)).await.expect("a value")
    }

    fn get(&self) -> tokio::task::JoinHandle<cacheme::Result<u64>> {
        let runtime = self.runtime.clone();
        tokio::spawn(async move { runtime.get(NODE).await })
    }

    async fn invalidate(&self) {
        promptly(self.runtime.invalidate(NODE))
            .await
            .expect("removed");
    }
}

async fn outcome(get: tokio::task::JoinHandle<cacheme::Result<u64>>) -> u64 {
    promptly(get).await.expect("no panic").expect("a value")
}

#[tokio::test]
async fn removes_from_every_tier() {
    let bench = Bench::new(Acts::Load).await;
    assert_eq!(bench.value().await, 7);
    bench.script.set_source(1);
    assert_eq!(bench.value().await, 7);
    bench.invalidate().await;
    assert!(bench.far.entries().is_empty());
    assert_eq!(bench.value().await, 1007);
    // What isn't there can be removed as well.
    bench.invalidate().await;
    bench.invalidate().await;
}

#[tokio::test]
async fn promise_3_a_load_that_began_before_is_not_kept() {
    let bench = Bench::new(Acts::Wait).await;
    let old = bench.get();
    until(|| bench.script.calls().len() == 1).await;
    bench.script.set_source(1);
    bench.invalidate().await;
    // The next request doesn't join the old flight.
    let new = bench.get();
    until(|| bench.script.calls().len() == 2).await;
    bench.script.set(Acts::Load);
    assert_eq!((outcome(old).await, outcome(new).await), (7, 1007));
    assert_eq!(bench.value().await, 1007);
    assert_eq!(bench.script.calls().len(), 2);
}

#[tokio::test]
async fn promise_3_a_write_under_way_is_taken_back() {
    let bench = Bench::new(Acts::Load).await;
    bench.far.set_mode(Mode::Works);
    let old = bench.get();
    until(|| bench.script.calls().len() == 1).await;
    bench.far.set_mode(Mode::Waits);
    until(|| bench.far.has_begun(Call::Put(1))).await;
    bench.script.set_source(1);
    let invalidation = tokio::spawn({
        let runtime = bench.runtime.clone();
        async move { runtime.invalidate(NODE).await }
    });
    until(|| bench.far.has_begun(Call::Remove(1))).await;
    bench.far.set_mode(Mode::Works);
    promptly(invalidation)
        .await
        .expect("no panic")
        .expect("removed");
    assert_eq!(outcome(old).await, 7);
    assert_eq!(bench.value().await, 1007);
    // Nothing old comes back from the far tier either.
    let far = Bench::new(Acts::Load).await;
    far.script.set_source(1);
    far.far.entries().extend(bench.far.entries().clone());
    assert_eq!(far.value().await, 1007);
}

#[tokio::test]
async fn promise_3_a_write_that_lands_after_the_invalidation_stays_nowhere() {
    let bench = Bench::new(Acts::Load).await;
    bench.far.set_mode_of(Operation::Put, Mode::Waits);
    let old = bench.get();
    until(|| bench.far.has_begun(Call::Put(1))).await;
    bench.script.set_source(1);
    bench.invalidate().await;
    bench.far.set_mode_of(Operation::Put, Mode::AnswersLate);
    until(|| bench.far.entries().len() == 1).await;
    // What is there now is old. Whoever reads it may copy it into the near tier.
    assert_eq!(bench.value().await, 7);
    bench.far.set_mode(Mode::Works);
    assert_eq!(outcome(old).await, 7);
    assert_eq!(bench.value().await, 1007);
    assert_eq!(bench.value().await, 1007);
}

#[tokio::test]
async fn a_prefix_that_changes_during_a_load_keeps_entries_apart() {
    let bench = Bench::new(Acts::Wait).await;
    let old = bench.get();
    until(|| bench.script.calls().len() == 1).await;
    bench.runtime.set_prefix("tenant");
    bench.script.set_source(1);
    let new = bench.get();
    until(|| bench.script.calls().len() == 2).await;
    bench.script.set(Acts::Load);
    assert_eq!((outcome(old).await, outcome(new).await), (7, 1007));
    assert_eq!(bench.value().await, 1007);
    bench.runtime.set_prefix("");
    assert_eq!(bench.value().await, 7);
}

#[tokio::test]
async fn promise_3_a_read_that_began_before_fills_no_nearer_tier() {
    let bench = Bench::new(Acts::Load).await;
    let full = Bench::new(Acts::Load).await;
    assert_eq!(full.value().await, 7);
    bench.far.entries().extend(full.far.entries().clone());
    bench.script.set_source(1);
    bench.far.set_mode(Mode::Waits);
    let old = bench.get();
    until(|| bench.far.has_begun(Call::Get(1))).await;
    let invalidation = tokio::spawn({
        let runtime = bench.runtime.clone();
        async move { runtime.invalidate(NODE).await }
    });
    until(|| bench.far.has_begun(Call::Remove(1))).await;
    // One that begins while the invalidation is under way fills nothing either.
    let between = bench.get();
    until(|| bench.far.take_calls().len() > 2 || bench.requests() == 2).await;
    bench.far.set_mode(Mode::Works);
    promptly(invalidation)
        .await
        .expect("no panic")
        .expect("removed");
    outcome(old).await;
    outcome(between).await;
    assert_eq!(bench.value().await, 1007);
    assert_eq!(bench.value().await, 1007);
}

#[tokio::test]
async fn refresh_replaces_the_value_everywhere() {
    let bench = Bench::new(Acts::Load).await;
    assert_eq!(bench.value().await, 7);
    bench.script.set_source(1);
    let refreshed = promptly(bench.runtime.refresh(NODE)).await;
    assert_eq!(refreshed.expect("a value"), 1007);
    assert_eq!(bench.value().await, 1007);
    let far = Bench::new(Acts::Load).await;
    far.far.entries().extend(bench.far.entries().clone());
    assert_eq!(far.value().await, 1007);
    assert!(far.script.calls().is_empty());
}

#[tokio::test]
async fn refresh_supersedes_a_load_that_began_before() {
    let bench = Bench::new(Acts::Wait).await;
    let old = bench.get();
    until(|| bench.script.calls().len() == 1).await;
    bench.script.set_source(1);
    let refresh = tokio::spawn({
        let runtime = bench.runtime.clone();
        async move { runtime.refresh(NODE).await }
    });
    until(|| bench.script.calls().len() == 2).await;
    bench.script.set(Acts::Load);
    assert_eq!((outcome(old).await, outcome(refresh).await), (7, 1007));
    assert_eq!(bench.value().await, 1007);
}

#[tokio::test]
async fn a_refresh_that_fails_leaves_the_old_value() {
    let bench = Bench::new(Acts::Load).await;
    assert_eq!(bench.value().await, 7);
    bench.script.set(Acts::Fail);
    let refreshed = promptly(bench.runtime.refresh(NODE)).await;
    assert!(refreshed.expect_err("the load fails").is_load());
    assert_eq!(bench.value().await, 7);
}
