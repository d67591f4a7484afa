//! `doorkeeper`: what was loaded only once is not kept.

use cacheme::{Cacheme, Load, LoadContext, LoadResult, LocalStorage};
use cacheme_tests::memory::MemoryStorage;

#[cacheme::node(
    caches(cache(storage = "near"), cache(storage = "far")),
    doorkeeper(capacity = 100, false_positive_rate = 0.001)
)]
struct Guarded(u64);

#[cacheme::node(storage = "near", doorkeeper(capacity = 10, false_positive_rate = rate()))]
struct Wrong;

fn rate() -> f64 {
    0.7
}

impl Load for Guarded {
    type Value = u64;

    async fn load(&self, _cx: &LoadContext) -> LoadResult<u64> {
        Ok(self.0)
    }
}

impl Load for Wrong {
    type Value = u64;

    async fn load(&self, _cx: &LoadContext) -> LoadResult<u64> {
        Ok(0)
    }
}

#[cacheme::cached(
    storage = "near",
    doorkeeper(capacity = 100, false_positive_rate = 0.01),
    runtime = runtime
)]
async fn doubled(#[skip] runtime: &Cacheme, number: u64) -> u64 {
    2 * number
}

async fn runtime() -> (Cacheme, MemoryStorage) {
    let far = MemoryStorage::new();
    let runtime = Cacheme::builder()
        .storage("near", LocalStorage::lru(10_000))
        .storage("far", far.clone())
        .build()
        .await;
    (runtime.expect("the set-up is right"), far)
}

fn stored(far: &MemoryStorage) -> Vec<String> {
    let mut keys: Vec<_> = far.entries().keys().map(ToString::to_string).collect();
    keys.sort();
    keys
}

fn loads(runtime: &Cacheme) -> u64 {
    runtime
        .stats()
        .node::<Guarded>()
        .map_or(0, cacheme::NodeStats::loads)
}

#[tokio::test]
async fn values_are_kept_from_the_second_load_on() -> cacheme::Result<()> {
    let (runtime, far) = runtime().await;
    assert_eq!(runtime.get(Guarded(1)).await?, 1);
    assert!(stored(&far).is_empty() && !runtime.contains(Guarded(1)).await?);
    let both = runtime.get_all([Guarded(1), Guarded(2)]).await?;
    assert_eq!(both, [1, 2]);
    assert!(runtime.contains(Guarded(1)).await?);
    assert!(!runtime.contains(Guarded(2)).await?);
    assert_eq!(stored(&far), ["Guarded:1"]);
    assert_eq!(loads(&runtime), 3);
    runtime.get_all([Guarded(1), Guarded(1)]).await?;
    assert_eq!(loads(&runtime), 3);
    Ok(())
}

#[tokio::test]
async fn what_is_put_refreshed_or_in_another_tier_is_no_stranger() -> cacheme::Result<()> {
    let (runtime, far) = runtime().await;
    runtime.put(Guarded(1), 10).await?;
    runtime.refresh(Guarded(2)).await?;
    assert_eq!(runtime.get(Guarded(1)).await?, 10);
    assert_eq!(stored(&far), ["Guarded:1", "Guarded:2"]);
    let other = Cacheme::builder()
        .storage("near", LocalStorage::lru(10))
        .storage("far", far)
        .build()
        .await?;
    assert_eq!(other.get(Guarded(1)).await?, 10);
    other.get(Guarded(1)).await?;
    let stats = other.stats();
    let near = stats.node::<Guarded>().map(|node| node.tiers()[0].hits());
    assert_eq!(near, Some(1));
    Ok(())
}

#[tokio::test]
async fn it_forgets_all_when_it_is_full() -> cacheme::Result<()> {
    let (runtime, _) = runtime().await;
    runtime.get_all((0..100).map(Guarded)).await?;
    // Finds it full, and is the first of the next hundred.
    runtime.get(Guarded(100)).await?;
    for _ in 0..2 {
        runtime.get(Guarded(7)).await?;
    }
    assert_eq!(loads(&runtime), 103);
    runtime.get(Guarded(7)).await?;
    assert_eq!(loads(&runtime), 103);
    Ok(())
}

#[tokio::test]
async fn functions_have_one_too() {
    let (runtime, _) = runtime().await;
    for _ in 0..4 {
        assert_eq!(doubled(&runtime, 4).await, 8);
    }
    let stats = doubled::stats(&runtime);
    assert_eq!(stats.nodes()[0].loads(), 2);
}

#[tokio::test]
async fn a_rate_that_makes_no_sense_is_refused() {
    let (runtime, _) = runtime().await;
    let error = runtime.get(Wrong).await.expect_err("it lets all in");
    assert_eq!(
        error.to_string(),
        "the `doorkeeper` of `Wrong` has a rate of 0.7: it is above 0 and at most 0.5"
    );
}
