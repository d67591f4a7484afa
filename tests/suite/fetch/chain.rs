//! Chains of tiers: refills and times to live.

use std::sync::Arc;
use std::time::Duration;

use cacheme::{Cacheme, LocalStorage, ManualClock, TierStats};
use cacheme_tests::memory::{Call, MemoryStorage};

use super::{promptly, until};

#[cacheme::node(caches(
    cache(storage = "first", ttl = "30s"),
    cache(storage = "second", ttl = "10m"),
    cache(storage = "third", ttl = "1h"),
    cache(storage = "fourth", ttl = "1d"),
))]
struct Deep;

struct Chain {
    runtime: Cacheme,
    clock: Arc<ManualClock>,
    third: MemoryStorage,
    fourth: MemoryStorage,
}

impl Chain {
    async fn new(fourth: &MemoryStorage, clock: &Arc<ManualClock>) -> Self {
        let third = MemoryStorage::new();
        let clock = Arc::clone(clock);
        let runtime = Cacheme::builder()
            .clock(Arc::<ManualClock>::clone(&clock))
            .storage("first", LocalStorage::lru(10))
            .storage("second", LocalStorage::lru(10))
            .storage("third", third.clone())
            .storage("fourth", fourth.clone())
            .build()
            .await
            .expect("the set-up is right");
        let fourth = fourth.clone();
        Self {
            runtime,
            clock,
            third,
            fourth,
        }
    }

    /// The value, and the number of the tier that it came from; 4 is the loader.
    async fn get(&self) -> (u8, usize) {
        let hits = || {
            let stats = self.runtime.stats();
            let node = stats.node::<Deep>().map(|node| node.tiers().to_vec());
            let tiers = node.unwrap_or_default();
            tiers.iter().map(TierStats::hits).collect::<Vec<_>>()
        };
        let before = hits();
        let value = promptly(self.runtime.get_with(Deep, |_cx| async { Ok(1_u8) })).await;
        let after = hits();
        let tier = (0..4).find(|&tier| after[tier] > before.get(tier).copied().unwrap_or(0));
        (value.expect("a value"), tier.unwrap_or(4))
    }
}

#[tokio::test]
async fn each_tier_keeps_for_its_own_time() {
    let chain = Chain::new(&MemoryStorage::new(), &Arc::default()).await;
    let passes = |seconds| chain.clock.advance(Duration::from_secs(seconds));
    assert_eq!(chain.get().await, (1, 4));
    assert_eq!(chain.get().await, (1, 0));
    passes(29);
    assert_eq!(chain.get().await, (1, 0));
    passes(1);
    assert_eq!(chain.get().await, (1, 1));
    assert_eq!(chain.get().await, (1, 0));
    passes(600);
    assert_eq!(chain.get().await, (1, 2));
    passes(3600);
    assert_eq!(chain.get().await, (1, 3));
    passes(24 * 3600);
    assert_eq!(chain.get().await, (1, 4));
}

#[tokio::test]
async fn a_refill_lives_no_longer_than_what_it_was_copied_from() {
    let chain = Chain::new(&MemoryStorage::new(), &Arc::default()).await;
    chain.get().await;
    chain.clock.advance(Duration::from_secs(24 * 3600 - 10));
    let other = Chain::new(&chain.fourth, &chain.clock).await;
    assert_eq!(other.get().await, (1, 3));
    until(|| other.third.entries().len() == 1).await;
    other.clock.advance(Duration::from_secs(9));
    assert_eq!(other.get().await, (1, 0));
    other.clock.advance(Duration::from_secs(1));
    // 10 s were left to the fourth tier's entry, so nobody has it any more.
    assert_eq!(other.get().await, (1, 4));
}

#[tokio::test]
async fn a_refill_from_the_second_local_tier_is_capped_too() {
    let chain = Chain::new(&MemoryStorage::new(), &Arc::default()).await;
    chain.get().await;
    chain.clock.advance(Duration::from_secs(595));
    assert_eq!(chain.get().await, (1, 1));
    chain.clock.advance(Duration::from_secs(4));
    assert_eq!(chain.get().await, (1, 0));
    chain.clock.advance(Duration::from_secs(1));
    assert_eq!(chain.get().await, (1, 2));
}

#[tokio::test]
async fn a_hit_asks_no_farther_tier() {
    let chain = Chain::new(&MemoryStorage::new(), &Arc::default()).await;
    chain.get().await;
    assert_eq!(chain.third.take_calls(), [Call::Get(1), Call::Put(1)]);
    assert_eq!(chain.fourth.take_calls(), [Call::Get(1), Call::Put(1)]);
    chain.clock.advance(Duration::from_secs(600));
    chain.get().await;
    assert_eq!(chain.third.take_calls(), [Call::Get(1)]);
    assert_eq!(chain.fourth.take_calls(), []);
}
