//! How long values are kept by what their load says.

use std::sync::Arc;
use std::time::Duration;

use cacheme::testing::Kit;
use cacheme::{
    Cacheme, DynamicNode, Load, LoadContext, LoadResult, Loaded, LocalStorage, ManualClock, Tier,
};
use cacheme_tests::memory::{Call, MemoryStorage, Mode, Operation};

use super::{promptly, until};

/// Says that its value is kept for `ttl`, which is the value.
#[cacheme::node(caches(
    cache(storage = "near"),
    cache(storage = "minute", ttl = "1m"),
    cache(storage = "far", ttl = "1h"),
))]
struct Single {
    ttl: u64,
}

impl Load for Single {
    type Value = u64;

    async fn load(&self, cx: &LoadContext) -> LoadResult<u64> {
        match self.ttl {
            0 => cx.do_not_cache(),
            ttl => cx.set_ttl(Duration::from_secs(ttl)),
        }
        // Longer than that: it says nothing new.
        cx.clone().set_ttl(Duration::from_secs(24 * 3600));
        Ok(self.ttl)
    }
}

/// Says of its batch that it is kept for the batch's least number, and of 100 that it is kept
/// for 1 s.
#[cacheme::node(storage = "near")]
struct Batch {
    ttl: u64,
}

impl Load for Batch {
    type Value = u64;

    async fn load(&self, _cx: &LoadContext) -> LoadResult<u64> {
        Err("only batches are loaded".into())
    }

    async fn load_all(nodes: &[Self], cx: &LoadContext) -> LoadResult<Loaded<Self, u64>> {
        let least = nodes.iter().map(|node| node.ttl).min().unwrap_or_default();
        cx.set_ttl(Duration::from_secs(least));
        let mut loaded = Loaded::default();
        for &Self { ttl } in nodes {
            match ttl {
                100 => loaded.insert_with_ttl(Self { ttl }, ttl, Duration::from_secs(1)),
                _ => loaded.insert(Self { ttl }, ttl),
            }
        }
        Ok(loaded)
    }
}

/// Not spelt `Option`.
type Maybe = Option<u64>;

/// There is none with an odd number.
#[cacheme::node(
    caches(
        cache(storage = "near"),
        cache(storage = "minute", ttl = "1m"),
        cache(storage = "far", ttl = "1h"),
    ),
    ttl_none = "5s"
)]
struct Found {
    number: u64,
}

impl Load for Found {
    type Value = Maybe;

    async fn load(&self, _cx: &LoadContext) -> LoadResult<Maybe> {
        Ok(self.number.is_multiple_of(2).then_some(self.number))
    }
}

/// Never there, and kept for less than `ttl_none` says.
#[cacheme::node(storage = "minute", ttl = "1m", ttl_none = Duration::from_secs(3600))]
struct Brief;

impl Load for Brief {
    type Value = Arc<Maybe>;

    async fn load(&self, _cx: &LoadContext) -> LoadResult<Arc<Maybe>> {
        Ok(Arc::new(None))
    }
}

struct Shelf {
    runtime: Cacheme,
    clock: Arc<ManualClock>,
    far: MemoryStorage,
}

impl Shelf {
    async fn new() -> Self {
        Self::with(&Arc::default(), &MemoryStorage::new()).await
    }

    /// A process of its own with the same far tier.
    async fn with(clock: &Arc<ManualClock>, far: &MemoryStorage) -> Self {
        let (clock, far) = (Arc::clone(clock), far.clone());
        let runtime = Cacheme::builder()
            .clock(Arc::<ManualClock>::clone(&clock))
            .storage("near", LocalStorage::lru(100))
            .storage("minute", LocalStorage::lru(100))
            .storage("far", far.clone())
            .build()
            .await
            .expect("the set-up is right");
        Self {
            runtime,
            clock,
            far,
        }
    }

    fn passes(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    async fn get(&self, ttl: u64) {
        let value = promptly(self.runtime.get(Single { ttl })).await;
        assert_eq!(value.expect("a value"), ttl);
    }

    /// How many nodes of this type were loaded.
    fn loads<N: cacheme::Node>(&self) -> u64 {
        let stats = self.runtime.stats();
        stats.node::<N>().map_or(0, cacheme::NodeStats::loads)
    }
}

#[tokio::test]
async fn a_load_shortens_the_life_of_its_value_in_every_tier() {
    let shelf = Shelf::new().await;
    shelf.get(10).await;
    shelf.passes(9);
    shelf.get(10).await;
    assert_eq!(shelf.loads::<Single>(), 1);
    shelf.passes(1);
    shelf.get(10).await;
    assert_eq!(shelf.loads::<Single>(), 2, "no tier has it any more");
}

#[tokio::test]
async fn nothing_is_kept_for_its_own_time_in_every_tier() {
    let shelf = Shelf::new().await;
    let get = async |number, expected: Maybe| {
        let value = promptly(shelf.runtime.get(Found { number })).await;
        assert_eq!(value.expect("a value"), expected);
        shelf.loads::<Found>()
    };
    assert_eq!(get(1, None).await, 1);
    assert_eq!(get(2, Some(2)).await, 2);
    shelf.passes(4);
    assert_eq!(get(1, None).await, 2, "it is there still");
    shelf.passes(1);
    assert_eq!(get(1, None).await, 3, "it was in no tier any more");
    assert_eq!(get(2, Some(2)).await, 3, "other values are kept");
}

#[tokio::test]
async fn nothing_is_kept_no_longer_than_a_tier_keeps_anything() {
    let shelf = Shelf::new().await;
    let get = async || {
        let value = promptly(shelf.runtime.get(Brief)).await;
        assert!(value.expect("a value").is_none());
        shelf.loads::<Brief>()
    };
    assert_eq!(get().await, 1);
    shelf.passes(60);
    assert_eq!(get().await, 2);
}

#[tokio::test]
async fn without_the_option_nothing_is_a_value_like_any_other() {
    let shelf = Shelf::new().await;
    let get = async || {
        let load = async |_cx| Ok(None::<u64>);
        let value = promptly(shelf.runtime.get_with(Single { ttl: 1 }, load)).await;
        assert!(value.expect("a value").is_none());
        shelf.loads::<Single>()
    };
    assert_eq!(get().await, 1);
    shelf.passes(24 * 3600);
    assert_eq!(get().await, 1);
}

#[tokio::test]
async fn a_load_never_lengthens_the_life_of_its_value() {
    let shelf = Shelf::new().await;
    shelf.get(7200).await;
    shelf.passes(3599);
    let other = Shelf::with(&shelf.clock, &shelf.far).await;
    other.get(7200).await;
    assert_eq!(
        other.loads::<Single>(),
        0,
        "the far tier keeps it for an hour"
    );
    shelf.passes(1);
    let other = Shelf::with(&shelf.clock, &shelf.far).await;
    other.get(7200).await;
    assert_eq!(other.loads::<Single>(), 1, "and no longer");
    shelf.passes(3599);
    shelf.get(7200).await;
    assert_eq!(shelf.loads::<Single>(), 1, "the near one as the load says");
    shelf.passes(1);
    other
        .runtime
        .invalidate(Single { ttl: 7200 })
        .await
        .expect("the storages work");
    shelf.get(7200).await;
    assert_eq!(shelf.loads::<Single>(), 2, "and no longer");
}

#[tokio::test]
async fn a_value_that_is_not_to_be_cached_goes_to_all_who_wait() {
    let shelf = Shelf::new().await;
    // By flights: a `get` that only looks for the value meanwhile would miss it, and load once more.
    let (one, other) = tokio::join!(
        promptly(shelf.runtime.get_entry(Single { ttl: 0 })),
        promptly(shelf.runtime.get_entry(Single { ttl: 0 })),
    );
    let values = [one, other].map(|entry| entry.expect("a value").into_value());
    assert_eq!(values, [0, 0]);
    assert_eq!(shelf.loads::<Single>(), 1);
    assert!(shelf.far.entries().is_empty());
    shelf.get(0).await;
    assert_eq!(shelf.loads::<Single>(), 2);
}

#[tokio::test]
async fn a_refresh_that_is_not_to_be_cached_leaves_no_older_value() {
    let shelf = Shelf::new().await;
    let old = shelf
        .runtime
        .get_with(Single { ttl: 0 }, async |_cx| Ok(9_u64));
    assert_eq!(promptly(old).await.expect("a value"), 9);
    assert_eq!(shelf.far.entries().len(), 1);
    let fresh = promptly(shelf.runtime.refresh(Single { ttl: 0 })).await;
    assert_eq!(fresh.expect("a value"), 0);
    assert!(shelf.far.entries().is_empty());
    shelf.get(0).await;
}

#[tokio::test]
async fn the_default_load_all_says_it_of_each_node() {
    let shelf = Shelf::new().await;
    let nodes = || [0, 5, 50].map(|ttl| Single { ttl });
    let values = promptly(shelf.runtime.get_all(nodes())).await;
    assert_eq!(values.expect("values"), [0, 5, 50]);
    assert_eq!(shelf.far.entries().len(), 2);
    shelf.passes(5);
    let values = promptly(shelf.runtime.get_all(nodes())).await;
    assert_eq!(values.expect("values"), [0, 5, 50]);
    assert_eq!(shelf.loads::<Single>(), 5, "the last one is there still");
}

#[tokio::test]
async fn an_overridden_load_all_says_it_of_its_batch_and_of_a_node() {
    let shelf = Shelf::new().await;
    let get = async |expected| {
        let nodes = [20, 30, 100].map(|ttl| Batch { ttl });
        let values = promptly(shelf.runtime.get_all(nodes)).await;
        assert_eq!(values.expect("values"), [20, 30, 100]);
        assert_eq!(shelf.loads::<Batch>(), expected);
    };
    get(3).await;
    shelf.passes(1);
    get(4).await;
    shelf.passes(18);
    get(5).await;
    shelf.passes(1);
    get(8).await;
}

#[tokio::test]
async fn promise_3_a_refresh_whose_life_ends_while_it_is_written_leaves_nothing_old() {
    let kit = Kit::new();
    let runtime = kit.builder().build().await.expect("the set-up is right");
    let node = runtime.dynamic("node").tier(Tier::new("one"));
    let node: DynamicNode<u64> = node.tier(Tier::new("two")).build().expect("a node");
    let old = node.get("key", |_| async { Ok(1) }).await;
    assert_eq!(old.expect("a value"), 1);
    let one = kit.storage("one");
    one.set_mode_of(Operation::Put, Mode::Waits);
    one.take_calls();
    let refreshing = tokio::spawn({
        let node = node.clone();
        async move {
            let load = |cx: LoadContext| async move {
                cx.set_ttl(Duration::from_secs(1));
                Ok(2)
            };
            node.refresh("key", load).await
        }
    });
    until(|| one.has_begun(Call::Put(1))).await;
    kit.advance(Duration::from_secs(2));
    one.set_mode(Mode::Works);
    let new = promptly(refreshing).await.expect("no panic");
    assert_eq!(new.expect("a value"), 2);
    let next = node.get("key", |_| async { Ok(3) }).await;
    assert_eq!(next.expect("a value"), 3);
}
