//! `get_if_present`.

use std::sync::Arc;
use std::time::Duration;

use cacheme::{Cacheme, Load, LoadContext, LoadResult, LocalStorage, ManualClock, Miss};
use cacheme_tests::loader::{Acts, Numbered, Remote};
use cacheme_tests::memory::{Call, MemoryStorage, Mode};
use tokio::task::JoinHandle;

use super::{Bench, promptly, until};

const NODE: Numbered = Numbered { number: 7 };

impl Bench {
    /// A bench whose far tier has the node's value.
    async fn filled(acts: Acts) -> Self {
        let (bench, full) = (Self::new(acts).await, Self::new(Acts::Load).await);
        promptly(full.runtime.get(NODE)).await.expect("a value");
        bench.far.entries().extend(full.far.entries().clone());
        bench
    }

    async fn present(&self) -> Option<u64> {
        let present = promptly(self.runtime.get_if_present(NODE)).await;
        present.expect("a look")
    }

    fn spawn_present(&self) -> JoinHandle<cacheme::Result<Option<u64>>> {
        let runtime = self.runtime.clone();
        tokio::spawn(async move { runtime.get_if_present(NODE).await })
    }

    fn spawn_load(&self) -> JoinHandle<cacheme::Result<u64>> {
        let runtime = self.runtime.clone();
        tokio::spawn(async move { runtime.get(NODE).await })
    }

    /// Requests, hits, joined and misses.
    fn figures(&self) -> [u64; 4] {
        self.figures_add_up();
        let stats = self.runtime.stats();
        let node = stats.node::<Numbered>().expect("the node is known");
        [node.requests(), node.hits(), node.joined(), node.misses()]
    }
}

async fn ended<T>(task: JoinHandle<cacheme::Result<T>>) -> T {
    promptly(task).await.expect("no panic").expect("an outcome")
}

#[tokio::test]
async fn what_is_nowhere_is_counted_and_not_loaded() {
    let bench = Bench::new(Acts::Load).await;
    assert_eq!(bench.present().await, None);
    assert_eq!(bench.figures(), [1, 0, 0, 1]);
    assert_eq!(bench.far.take_calls(), [Call::Get(1)]);
    assert!(bench.script.calls().is_empty());
    // It left no flight behind.
    assert_eq!(ended(bench.spawn_load()).await, 7);
    assert_eq!(bench.present().await, Some(7));
    assert_eq!(bench.figures(), [3, 1, 0, 2]);
}

#[tokio::test]
async fn what_a_far_tier_has_comes_nearer() {
    let bench = Bench::filled(Acts::Load).await;
    assert_eq!(bench.present().await, Some(7));
    assert_eq!(bench.present().await, Some(7));
    assert_eq!(bench.far.take_calls(), [Call::Get(1)]);
    assert_eq!(bench.figures(), [2, 2, 0, 0]);
    assert!(bench.script.calls().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_storage_that_is_down_is_a_counted_miss() {
    let bench = Bench::filled(Acts::Load).await;
    for (requests, mode) in [(1, Mode::Fails), (2, Mode::Waits), (3, Mode::Panics)] {
        bench.far.set_mode(mode);
        assert_eq!(bench.present().await, None);
        assert_eq!(bench.figures(), [requests, 0, 0, requests]);
        let stats = bench.runtime.stats();
        let node = stats.node::<Numbered>().expect("the node is known");
        assert_eq!(node.tiers()[1].missed(Miss::Unavailable), requests);
    }
}

#[tokio::test]
async fn simultaneous_ones_are_one_look() {
    let bench = Bench::filled(Acts::Load).await;
    bench.far.set_mode(Mode::Waits);
    let looks: Vec<_> = (0..50).map(|_| bench.spawn_present()).collect();
    until(|| bench.requests() == 50).await;
    bench.far.set_mode(Mode::Works);
    for look in looks {
        assert_eq!(ended(look).await, Some(7));
    }
    assert_eq!(bench.far.take_calls(), [Call::Get(1)]);
    assert_eq!(bench.figures(), [50, 1, 49, 0]);
}

#[tokio::test]
async fn a_load_under_way_is_not_waited_for() {
    let bench = Bench::new(Acts::Wait).await;
    let load = bench.spawn_load();
    until(|| bench.script.calls().len() == 1).await;
    assert_eq!(bench.present().await, None);
    let filled = Bench::filled(Acts::Load).await;
    bench.far.entries().extend(filled.far.entries().clone());
    assert_eq!(
        bench.present().await,
        Some(7),
        "what the tiers have is seen"
    );
    bench.script.set(Acts::Load);
    assert_eq!(ended(load).await, 7);
    bench.far.take_calls();
    assert_eq!(bench.present().await, Some(7));
    assert_eq!(
        bench.far.take_calls(),
        [],
        "the load was kept in the near tier"
    );
    assert_eq!(bench.figures(), [4, 2, 0, 2]);
    assert_eq!(bench.script.calls().len(), 1);
}

#[tokio::test]
async fn a_load_under_way_is_kept_all_the_same() {
    let bench = Bench::new(Acts::Wait).await;
    let load = bench.spawn_load();
    until(|| bench.script.calls().len() == 1).await;
    assert_eq!(bench.present().await, None);
    bench.script.set(Acts::Load);
    assert_eq!(ended(load).await, 7);
    assert_eq!(bench.far.entries().len(), 1);
    bench.far.take_calls();
    assert_eq!(bench.present().await, Some(7));
    assert_eq!(bench.far.take_calls(), [], "it is in the near tier");
}

#[tokio::test]
async fn a_load_does_not_wait_for_a_look() {
    let bench = Bench::new(Acts::Load).await;
    bench.far.set_mode(Mode::Waits);
    let look = bench.spawn_present();
    until(|| bench.far.has_begun(Call::Get(1))).await;
    bench.far.take_calls();
    let load = bench.spawn_load();
    until(|| bench.far.has_begun(Call::Get(1))).await;
    bench.far.set_mode(Mode::Works);
    assert_eq!(ended(load).await, 7);
    assert_eq!(ended(look).await, None, "there was nothing when it looked");
    assert_eq!(bench.present().await, Some(7));
    bench.figures_add_up();
}

#[tokio::test]
async fn a_value_that_is_being_put_is_there() {
    let bench = Bench::new(Acts::Load).await;
    bench.far.set_mode(Mode::Waits);
    let put = tokio::spawn({
        let runtime = bench.runtime.clone();
        async move { runtime.put(Remote { number: 7 }, 99).await }
    });
    until(|| bench.far.has_begun(Call::Put(1))).await;
    let present = promptly(bench.runtime.get_if_present(Remote { number: 7 })).await;
    assert_eq!(present.expect("a look"), Some(99));
    bench.far.set_mode(Mode::Works);
    ended(put).await;
    bench.figures_add_up();
}

#[tokio::test]
async fn promise_3_a_look_that_began_before_fills_nothing() {
    for puts in [false, true] {
        let bench = Bench::filled(Acts::Load).await;
        bench.far.set_mode(Mode::Waits);
        let look = bench.spawn_present();
        until(|| bench.far.has_begun(Call::Get(1))).await;
        let change = tokio::spawn({
            let runtime = bench.runtime.clone();
            async move {
                if puts {
                    runtime.put(NODE, 99).await
                } else {
                    runtime.invalidate(NODE).await
                }
            }
        });
        let begun = || bench.far.has_begun(Call::Put(1)) || bench.far.has_begun(Call::Remove(1));
        until(begun).await;
        bench.far.set_mode(Mode::Works);
        ended(change).await;
        ended(look).await;
        bench.script.set_source(1);
        let now = if puts { 99 } else { 1007 };
        assert_eq!(ended(bench.spawn_load()).await, now);
        bench.figures_add_up();
    }
}

#[cacheme::node(caches(
    cache(storage = "near", ttl = "1h"),
    cache(storage = "middle", ttl = "1h"),
    cache(storage = "far", ttl = "1h"),
))]
struct Deep;

impl Load for Deep {
    type Value = u8;

    async fn load(&self, _cx: &LoadContext) -> LoadResult<u8> {
        Ok(1)
    }
}

async fn deep(clock: &Arc<ManualClock>, middle: &MemoryStorage, far: &MemoryStorage) -> Cacheme {
    let built = Cacheme::builder()
        .clock(Arc::<ManualClock>::clone(clock))
        .storage("near", LocalStorage::lru(100))
        .storage("middle", middle.clone())
        .storage("far", far.clone())
        .build();
    built.await.expect("the set-up is right")
}

#[tokio::test]
async fn refills_live_no_longer_than_what_they_were_copied_from() {
    let (clock, far) = (Arc::new(ManualClock::new()), MemoryStorage::new());
    let first = deep(&clock, &MemoryStorage::new(), &far).await;
    first.get(Deep).await.expect("a value");
    clock.advance(Duration::from_secs(3590));
    let middle = MemoryStorage::new();
    let second = deep(&clock, &middle, &far).await;
    let present = async || promptly(second.get_if_present(Deep)).await.expect("a look");
    assert_eq!(present().await, Some(1));
    until(|| middle.entries().len() == 1).await;
    far.entries().clear();
    clock.advance(Duration::from_secs(9));
    assert_eq!(present().await, Some(1));
    clock.advance(Duration::from_secs(1));
    assert_eq!(present().await, None);
}
