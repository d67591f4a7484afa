//! Times to live that are shortened at random.

use std::sync::Arc;
use std::time::Duration;

use cacheme::{Cacheme, Load, LoadContext, LoadResult, LocalStorage, ManualClock, Node, TierStats};
use cacheme_tests::memory::MemoryStorage;

use super::promptly;

const NODES: u64 = 400;

/// In two local tiers, and one that is remote.
#[cacheme::node(
    caches(
        cache(storage = "near", ttl = "100s"),
        cache(storage = "second", ttl = "100s"),
        cache(storage = "far", ttl = "100s"),
    ),
    ttl_jitter = 0.5
)]
struct Spread {
    number: u64,
}

/// Kept for less than its tier says.
#[cacheme::node(storage = "near", ttl_jitter = 0.5)]
struct Short {
    number: u64,
}

#[cacheme::node(storage = "near", ttl_jitter = f64::from(3))]
struct Outside;

impl Load for Spread {
    type Value = u64;

    async fn load(&self, _cx: &LoadContext) -> LoadResult<u64> {
        Ok(self.number)
    }
}

impl Load for Short {
    type Value = u64;

    async fn load(&self, cx: &LoadContext) -> LoadResult<u64> {
        cx.set_ttl(Duration::from_secs(100));
        Ok(self.number)
    }
}

struct Shelf {
    runtime: Cacheme,
    clock: Arc<ManualClock>,
}

impl Shelf {
    async fn new() -> Self {
        Self::with(&Arc::default(), &MemoryStorage::new()).await
    }

    /// A process of its own with the same far tier.
    async fn with(clock: &Arc<ManualClock>, far: &MemoryStorage) -> Self {
        let clock = Arc::clone(clock);
        let runtime = Cacheme::builder()
            .clock(Arc::<ManualClock>::clone(&clock))
            .storage("near", LocalStorage::lru(10_000))
            .storage("second", LocalStorage::lru(10_000))
            .storage("far", far.clone())
            .build()
            .await
            .expect("the set-up is right");
        Self { runtime, clock }
    }

    fn passes(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Gets all nodes, and says how many of them were loaded.
    async fn loads<N: Load>(&self, node: impl Fn(u64) -> N) -> u64 {
        let loads = || {
            let stats = self.runtime.stats();
            stats.node::<N>().map_or(0, cacheme::NodeStats::loads)
        };
        let before = loads();
        let values = promptly(self.runtime.get_all((0..NODES).map(node))).await;
        assert_eq!(values.expect("values").len(), 400);
        loads() - before
    }

    fn hits<N: Node>(&self) -> Vec<u64> {
        let stats = self.runtime.stats();
        let node = stats.node::<N>().expect("the node is known");
        node.tiers().iter().map(TierStats::hits).collect()
    }
}

#[tokio::test]
async fn entries_expire_over_a_part_of_their_time_and_in_all_tiers_at_once() {
    let shelf = Shelf::new().await;
    let spread = |number| Spread { number };
    assert_eq!(shelf.loads(spread).await, NODES);
    shelf.passes(50);
    assert_eq!(shelf.loads(spread).await, 0, "at most a half is taken off");
    shelf.passes(25);
    let half = shelf.loads(spread).await;
    // 200, with a standard deviation of 10.
    assert!((140..260).contains(&half), "{half}");
    shelf.passes(24);
    let rest = shelf.loads(spread).await;
    // Those that were loaded anew expire again from 50 s on.
    assert!((NODES - half - 40..=NODES - half).contains(&rest), "{rest}");
    // What the nearest tier didn't have, no other one had.
    assert_eq!(shelf.hits::<Spread>()[1..], [0, 0]);
}

#[tokio::test]
async fn refills_are_spread_too() {
    let (clock, far) = (Arc::default(), MemoryStorage::new());
    let long = |runtime: &Shelf| {
        let runtime = runtime.runtime.clone();
        let nodes: Vec<_> = (0..NODES).map(|number| Long { number }).collect();
        async move { promptly(runtime.get_all(nodes)).await.expect("values") }
    };
    long(&Shelf::with(&clock, &far).await).await;
    let other = Shelf::with(&clock, &far).await;
    long(&other).await;
    assert_eq!(other.hits::<Long>(), [0, NODES]);
    other.passes(75);
    long(&other).await;
    let half = other.hits::<Long>()[0];
    assert!((140..260).contains(&half), "{half}");
}

#[cacheme::node(
    caches(cache(storage = "near", ttl = "100s"), cache(storage = "far")),
    ttl_jitter = 0.5
)]
struct Long {
    number: u64,
}

impl Load for Long {
    type Value = u64;

    async fn load(&self, _cx: &LoadContext) -> LoadResult<u64> {
        Ok(self.number)
    }
}

#[tokio::test]
async fn what_a_load_says_is_spread_too() {
    let shelf = Shelf::new().await;
    let short = |number| Short { number };
    assert_eq!(shelf.loads(short).await, NODES);
    shelf.passes(50);
    assert_eq!(shelf.loads(short).await, 0);
    shelf.passes(25);
    let half = shelf.loads(short).await;
    assert!((140..260).contains(&half), "{half}");
}

#[tokio::test]
async fn an_expression_outside_of_the_bounds_is_an_error_at_once() {
    let shelf = Shelf::new().await;
    let error = shelf.runtime.register_node::<Outside>();
    let error = error.expect_err("it is above 1");
    assert!(error.is_config());
    assert_eq!(
        error.to_string(),
        "`ttl_jitter` of `Outside` is 3: it is above 0 and at most 1"
    );
}
