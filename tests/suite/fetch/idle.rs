//! `idle`: what nobody asks for leaves the local tiers.

use std::sync::Arc;
use std::time::Duration;

use cacheme::{Cacheme, Load, LoadContext, LoadResult, LocalStorage, ManualClock};
use cacheme_tests::memory::MemoryStorage;

#[cacheme::node(
    caches(cache(storage = "near", ttl = "1h"), cache(storage = "far")),
    idle = "10m"
)]
struct Session(u64);

/// In the same storage, and stays.
#[cacheme::node(storage = "near")]
struct Lasting(u64);

#[cacheme::node(storage = "far", idle = "10m")]
struct Remote;

impl Load for Session {
    type Value = u64;

    async fn load(&self, _cx: &LoadContext) -> LoadResult<u64> {
        Ok(self.0)
    }
}

impl Load for Lasting {
    type Value = u64;

    async fn load(&self, _cx: &LoadContext) -> LoadResult<u64> {
        Ok(self.0)
    }
}

impl Load for Remote {
    type Value = u64;

    async fn load(&self, _cx: &LoadContext) -> LoadResult<u64> {
        Ok(0)
    }
}

async fn runtime() -> (Cacheme, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new());
    let runtime = Cacheme::builder()
        .clock(Arc::<ManualClock>::clone(&clock))
        .storage("near", LocalStorage::tlfu(100))
        .storage("far", MemoryStorage::new())
        .build()
        .await;
    (runtime.expect("the set-up is right"), clock)
}

#[tokio::test]
async fn an_entry_stays_as_long_as_it_is_asked_for_and_no_longer_than_its_ttl()
-> cacheme::Result<()> {
    let (runtime, clock) = runtime().await;
    runtime.get(Session(1)).await?;
    runtime.get(Session(2)).await?;
    runtime.get(Lasting(1)).await?;
    let hits = || {
        let stats = runtime.stats();
        let node = stats.node::<Session>();
        node.map_or(0, |node| node.tiers()[0].hits())
    };
    for minute in 1..=11 {
        clock.advance(Duration::from_secs(5 * 60));
        runtime.get(Session(1)).await?;
        assert_eq!(hits(), minute);
    }
    // The other one comes from the tier behind, which it didn't leave.
    runtime.get(Session(2)).await?;
    assert_eq!(hits(), 11);
    assert_eq!(runtime.peek(Lasting(1)).await?, Some(1));
    // At an hour it is over, whoever asks.
    clock.advance(Duration::from_secs(5 * 60));
    runtime.get(Session(1)).await?;
    assert_eq!(hits(), 11);
    let stats = runtime.stats();
    assert_eq!(
        stats.node::<Session>().map(cacheme::NodeStats::loads),
        Some(2)
    );
    Ok(())
}

#[tokio::test]
async fn a_node_without_a_local_tier_is_refused() {
    let (runtime, _) = runtime().await;
    let error = runtime
        .get(Remote)
        .await
        .expect_err("nothing is idle there");
    assert!(error.is_config());
    assert_eq!(
        error.to_string(),
        "`idle` of `Remote` is about local storages, and it has none: give it a tier in one"
    );
}
