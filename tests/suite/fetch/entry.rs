//! `get_entry`: where a value came from, and how old it is.

use std::sync::Arc;
use std::time::Duration;

use cacheme::{
    Cached, Cacheme, Clock, Load, LoadContext, LoadResult, LocalStorage, ManualClock, Source,
    TierStats,
};
use cacheme_tests::loader::{Acts, Numbered};
use cacheme_tests::memory::MemoryStorage;

use super::{Bench, promptly, until};

#[cacheme::node(caches(
    cache(storage = "first", ttl = "10s"),
    cache(storage = "second", ttl = "1m"),
    cache(storage = "third", ttl = "10m"),
    cache(storage = "fourth", ttl = "1h"),
))]
struct Deep;

impl Load for Deep {
    type Value = u8;

    async fn load(&self, _cx: &LoadContext) -> LoadResult<u8> {
        Ok(1)
    }
}

/// The time of a process that began later than the clock did.
#[derive(Debug)]
struct Late(Arc<ManualClock>, Duration);

impl Clock for Late {
    fn monotonic(&self) -> Duration {
        self.0.monotonic().saturating_sub(self.1)
    }

    fn unix(&self) -> Duration {
        self.0.unix()
    }
}

struct Chain {
    runtime: Cacheme,
    clock: Arc<ManualClock>,
    fourth: MemoryStorage,
}

impl Chain {
    /// A chain in a process that begins now.
    async fn new(clock: &Arc<ManualClock>, fourth: &MemoryStorage) -> Self {
        let clock = Arc::clone(clock);
        let late = Late(Arc::clone(&clock), clock.monotonic());
        let runtime = Cacheme::builder()
            .clock(Arc::new(late))
            .storage("first", LocalStorage::lru(10))
            .storage("second", LocalStorage::lru(10))
            .storage("third", MemoryStorage::new())
            .storage("fourth", fourth.clone())
            .build()
            .await
            .expect("the set-up is right");
        let fourth = fourth.clone();
        Self {
            runtime,
            clock,
            fourth,
        }
    }

    fn passes(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Where the value came from, and its age in seconds.
    async fn entry(&self) -> (Source, u64) {
        let entry = promptly(self.runtime.get_entry(Deep)).await;
        let entry: Cached<u8> = entry.expect("a value");
        assert_eq!(*entry.value(), 1);
        (entry.source().clone(), entry.age().as_secs())
    }
}

#[tokio::test]
async fn says_which_tier_gave_it_and_how_old_it_is() {
    let chain = Chain::new(&Arc::default(), &MemoryStorage::new()).await;
    assert_eq!(chain.entry().await, (Source::Loaded, 0));
    chain.passes(4);
    assert_eq!(chain.entry().await, (Source::Tier("first".into()), 4));
    chain.passes(16);
    assert_eq!(chain.entry().await, (Source::Tier("second".into()), 20));
    chain.passes(5);
    assert_eq!(
        chain.entry().await,
        (Source::Tier("first".into()), 25),
        "refilled"
    );
    chain.passes(75);
    assert_eq!(chain.entry().await, (Source::Tier("third".into()), 100));
    chain.passes(5);
    assert_eq!(
        chain.entry().await,
        (Source::Tier("first".into()), 105),
        "refilled"
    );
    chain.passes(895);
    assert_eq!(chain.entry().await, (Source::Tier("fourth".into()), 1000));
    let writes = || {
        let stats = chain.runtime.stats();
        let node = stats.node::<Deep>().expect("the node is known");
        node.tiers()[2].writes()
    };
    until(|| writes() == 2).await;
    chain.passes(100);
    // The third tier's entry was copied from the fourth's.
    assert_eq!(chain.entry().await, (Source::Tier("third".into()), 1100));
    chain.passes(2600);
    assert_eq!(chain.entry().await, (Source::Loaded, 0));
}

#[tokio::test]
async fn is_as_old_in_a_process_that_began_later() {
    let old = Chain::new(&Arc::default(), &MemoryStorage::new()).await;
    old.entry().await;
    old.passes(1000);
    let young = Chain::new(&old.clock, &old.fourth).await;
    assert_eq!(young.entry().await, (Source::Tier("fourth".into()), 1000));
    assert_eq!(young.entry().await, (Source::Tier("first".into()), 1000));
    young.passes(5);
    assert_eq!(young.entry().await, (Source::Tier("first".into()), 1005));
}

#[tokio::test]
async fn counts_and_refills_as_get_does() {
    let (one, other) = (Arc::default(), Arc::default());
    let by_get = Chain::new(&one, &MemoryStorage::new()).await;
    let by_entry = Chain::new(&other, &MemoryStorage::new()).await;
    for seconds in [0, 1, 20, 1, 90, 1, 900, 1, 3600] {
        by_get.passes(seconds);
        by_entry.passes(seconds);
        promptly(by_get.runtime.get(Deep)).await.expect("a value");
        by_entry.entry().await;
    }
    let figures = |chain: &Chain| {
        let stats = chain.runtime.stats();
        let node = stats.node::<Deep>().expect("the node is known");
        let tier = |tier: &TierStats| (tier.hits(), tier.misses(), tier.writes());
        let tiers: Vec<_> = node.tiers().iter().map(tier).collect();
        (node.requests(), node.joined(), node.misses(), tiers)
    };
    assert_eq!(figures(&by_get), figures(&by_entry));
}

#[tokio::test]
async fn who_joins_a_flight_is_told_so() {
    let bench = Bench::new(Acts::Wait).await;
    let spawn = || {
        let runtime = bench.runtime.clone();
        tokio::spawn(async move { runtime.get_entry(Numbered { number: 7 }).await })
    };
    let first = spawn();
    until(|| bench.script.calls().len() == 1).await;
    let second = spawn();
    until(|| bench.requests() == 2).await;
    bench.script.set(Acts::Load);
    for (request, source) in [(first, Source::Loaded), (second, Source::Joined)] {
        let entry = promptly(request).await.expect("no panic").expect("a value");
        assert_eq!((*entry.value(), entry.source()), (7, &source));
    }
    bench.figures_add_up();
}

#[tokio::test]
async fn what_was_put_is_as_old_as_that() {
    let chain = Chain::new(&Arc::default(), &MemoryStorage::new()).await;
    chain.entry().await;
    chain.passes(8);
    promptly(chain.runtime.put(Deep, 1))
        .await
        .expect("it is put");
    chain.passes(1);
    assert_eq!(chain.entry().await, (Source::Tier("first".into()), 1));
    chain.passes(99);
    assert_eq!(chain.entry().await, (Source::Tier("third".into()), 100));
}

#[tokio::test]
async fn a_load_that_fails_is_an_error() {
    let bench = Bench::new(Acts::Fail).await;
    let entry = promptly(bench.runtime.get_entry(Numbered { number: 7 })).await;
    assert!(entry.expect_err("the load fails").is_load());
}
