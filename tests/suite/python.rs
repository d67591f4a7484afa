//! What users of the Python library of the same name rely on, a test for each, by the public surface.
//!
//! Its words: memoize is `cached`, a local cache is a storage in process, `get_all` loads what is missing
//! by `load_all`, and its `build_node` is `dynamic`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cacheme::testing::Kit;
use cacheme::{
    Cacheme, Load, LoadContext, LoadResult, Loaded, LocalStorage, NodeStats, Result, Tier,
    TierStats,
};
use tokio::task::JoinSet;

use crate::fetch::promptly;

/// The calls of the source: of single loads and of batches, and the values that it gave.
#[derive(Clone, Debug, Default)]
struct Source {
    singles: Arc<AtomicU64>,
    batches: Arc<AtomicU64>,
    values: Arc<AtomicU64>,
}

impl Source {
    /// The next value, which tells the loads apart.
    fn value(&self) -> u64 {
        self.values.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Single loads, batches and values so far.
    fn counts(&self) -> [u64; 3] {
        [&self.singles, &self.batches, &self.values].map(|count| count.load(Ordering::Relaxed))
    }
}

/// A user's page in two local tiers, the first of which forgets sooner.
#[cacheme::node(
    caches(
        cache(storage = "first", ttl = "10s"),
        cache(storage = "second", ttl = "1h"),
    ),
    version = "v3",
    key = "user:{user}:page:{page}"
)]
struct Page {
    user: u64,
    page: &'static str,
}

impl Load for Page {
    type Value = u64;

    async fn load(&self, cx: &LoadContext) -> LoadResult<u64> {
        let source = cx.state::<Source>()?;
        source.singles.fetch_add(1, Ordering::Relaxed);
        // Others have their turn, so that what isn't one load shows.
        tokio::task::yield_now().await;
        if self.page == "broken" {
            return Err("there is no such page".into());
        }
        Ok(source.value())
    }

    async fn load_all(pages: &[Self], cx: &LoadContext) -> LoadResult<Loaded<Self, u64>> {
        let source = cx.state::<Source>()?;
        source.batches.fetch_add(1, Ordering::Relaxed);
        tokio::task::yield_now().await;
        let pages = pages.iter().map(|&Page { user, page }| Self { user, page });
        Ok(pages.map(|page| (page, source.value())).collect())
    }
}

fn home(user: u64) -> Page {
    let page = "home";
    Page { user, page }
}

/// Runtimes with both local storages and the kit's clock.
async fn runtime(kit: &Kit, source: &Source) -> Cacheme {
    let built = kit
        .builder()
        .storage("first", LocalStorage::tlfu(1000))
        .storage("second", LocalStorage::lru(1000))
        .state(source.clone())
        .build()
        .await;
    built.expect("the set-up is right")
}

/// A runtime of its own.
async fn alone() -> (Cacheme, Source) {
    let source = Source::default();
    (runtime(&Kit::new(), &source).await, source)
}

fn figures(node: &NodeStats) -> [u64; 5] {
    [
        node.requests(),
        node.hits(),
        node.joined(),
        node.misses(),
        node.loads(),
    ]
}

#[cacheme::cached(storage = "first", ttl = "1m", runtime = runtime)]
async fn sum(#[skip] runtime: &Cacheme, #[skip] source: &Source, left: u64, right: u64) -> u64 {
    source.value();
    tokio::task::yield_now().await;
    left + right
}

#[tokio::test]
async fn a_memoized_function_runs_once_for_its_arguments() {
    let (runtime, source) = alone().await;
    for _ in 0..3 {
        assert_eq!(sum(&runtime, &source, 1, 2).await, 3);
        assert_eq!(sum(&runtime, &source, 2, 1).await, 3);
    }
    assert_eq!(source.counts(), [0, 0, 2]);
    sum::invalidate(&runtime, 1, 2)
        .await
        .expect("it is removed");
    sum(&runtime, &source, 1, 2).await;
    sum(&runtime, &source, 2, 1).await;
    assert_eq!(source.counts(), [0, 0, 3]);
}

#[tokio::test]
async fn a_memoized_function_runs_once_for_all_who_call_it_at_a_time() {
    let (runtime, source) = alone().await;
    let mut calls = JoinSet::new();
    for call in 0..100 {
        let (runtime, source) = (runtime.clone(), source.clone());
        calls.spawn(async move { sum(&runtime, &source, call % 5, 0).await });
    }
    let sums = promptly(calls.join_all()).await;
    assert_eq!(sums.iter().sum::<u64>(), 20 * (1 + 2 + 3 + 4));
    assert_eq!(source.counts(), [0, 0, 5]);
}

#[tokio::test]
async fn a_batch_loads_what_is_missing_by_one_call() {
    let (runtime, source) = alone().await;
    assert_eq!(runtime.get(home(2)).await.expect("a value"), 1);
    let values = runtime.get_all((1..=4).map(home)).await.expect("values");
    assert_eq!(values, [2, 1, 3, 4], "in the order of the nodes");
    assert_eq!(source.counts(), [1, 1, 4]);
    let again = runtime.get_all((1..=4).map(home)).await.expect("values");
    assert_eq!((again, source.counts()), (values, [1, 1, 4]));
    let none = runtime.get_all([] as [Page; 0]).await;
    assert!(none.expect("nothing").is_empty());
}

#[tokio::test]
async fn a_node_that_is_there_twice_in_a_batch_is_loaded_once() {
    let (runtime, source) = alone().await;
    let nodes = [1, 2, 1, 1].map(home);
    assert_eq!(runtime.get_all(nodes).await.expect("values"), [1, 2, 1, 1]);
    assert_eq!(source.counts(), [0, 1, 2]);
}

#[tokio::test]
async fn simultaneous_gets_of_a_node_are_one_load() {
    let (runtime, source) = alone().await;
    let mut gets = JoinSet::new();
    for _ in 0..50 {
        let runtime = runtime.clone();
        gets.spawn(async move { runtime.get(home(1)).await });
    }
    let values: Result<Vec<_>> = promptly(gets.join_all()).await.into_iter().collect();
    assert_eq!(values.expect("values"), [1; 50]);
    assert_eq!(source.counts(), [1, 0, 1]);
}

#[tokio::test]
async fn simultaneous_batches_load_each_node_once() {
    let (runtime, source) = alone().await;
    let mut batches = JoinSet::new();
    for from in 0..40 {
        let runtime = runtime.clone();
        batches.spawn(async move { runtime.get_all((from..from + 10).map(home)).await });
    }
    for values in promptly(batches.join_all()).await {
        assert_eq!(values.expect("values").len(), 10);
    }
    assert_eq!(source.counts()[2], 49, "users 0 to 48");
}

#[tokio::test]
async fn figures_add_up() {
    let (runtime, _source) = alone().await;
    for user in [1, 2, 1, 1] {
        runtime.get(home(user)).await.expect("a value");
    }
    runtime.get_all((1..=4).map(home)).await.expect("values");
    let page = Page {
        user: 1,
        page: "broken",
    };
    assert!(runtime.get(page).await.is_err());
    let stats = runtime.stats();
    let node = stats.node::<Page>().expect("it was used");
    assert_eq!(figures(node), [9, 4, 0, 5, 4]);
    assert_eq!((node.load_calls(), node.failed_loads()), (4, 1));
    assert_eq!(node.requests(), node.hits() + node.joined() + node.misses());
    assert_eq!(node.misses(), node.loads() + node.failed_loads());
    let tiers: Vec<_> = node
        .tiers()
        .iter()
        .map(|tier| (tier.storage(), tier.hits(), tier.misses(), tier.writes()))
        .collect();
    assert_eq!(tiers, [("first", 4, 5, 4), ("second", 0, 5, 4)]);
}

#[tokio::test]
async fn an_invalidated_node_is_loaded_again() {
    let (runtime, source) = alone().await;
    for user in [1, 2] {
        runtime.get(home(user)).await.expect("a value");
    }
    runtime.invalidate(home(1)).await.expect("it is removed");
    assert_eq!(runtime.get(home(1)).await.expect("a value"), 3);
    assert_eq!(runtime.get(home(2)).await.expect("a value"), 2);
    assert_eq!(source.counts(), [3, 0, 3]);
}

#[tokio::test]
async fn a_refresh_loads_and_replaces_in_every_tier() {
    let kit = Kit::new();
    let source = Source::default();
    let runtime = runtime(&kit, &source).await;
    assert_eq!(runtime.get(home(1)).await.expect("a value"), 1);
    assert_eq!(runtime.refresh(home(1)).await.expect("a value"), 2);
    assert_eq!(runtime.get(home(1)).await.expect("a value"), 2);
    kit.advance(Duration::from_secs(20));
    let entry = runtime.get_entry(home(1)).await.expect("an entry");
    assert_eq!((*entry.value(), entry.age()), (2, Duration::from_secs(20)));
}

#[tokio::test]
async fn the_second_local_tier_serves_what_the_first_forgot() {
    let kit = Kit::new();
    let source = Source::default();
    let runtime = runtime(&kit, &source).await;
    runtime.get(home(1)).await.expect("a value");
    kit.advance(Duration::from_secs(11));
    for _ in 0..2 {
        assert_eq!(runtime.get(home(1)).await.expect("a value"), 1);
    }
    let stats = runtime.stats();
    let node = stats.node::<Page>().expect("it was used");
    let hits: Vec<_> = node.tiers().iter().map(TierStats::hits).collect();
    assert_eq!(hits, [1, 1], "the first one has it again");
    kit.advance(Duration::from_secs(3600));
    assert_eq!(runtime.get(home(1)).await.expect("a value"), 2);
}

#[tokio::test]
async fn a_key_has_the_prefix_and_the_version() {
    let (runtime, source) = alone().await;
    let key = || runtime.key(&home(7)).expect("a key").to_string();
    assert_eq!(key(), "user:7:page:home:v3");
    runtime.get(home(7)).await.expect("a value");
    runtime.set_prefix("shop");
    assert_eq!(key(), "shop:user:7:page:home:v3");
    assert_eq!(runtime.get(home(7)).await.expect("a value"), 2);
    runtime.set_prefix("");
    assert_eq!(runtime.get(home(7)).await.expect("a value"), 1);
    assert_eq!(source.counts(), [2, 0, 2]);
}

#[tokio::test]
async fn a_node_is_made_at_run_time() {
    let (runtime, source) = alone().await;
    let build = || {
        let node = runtime.dynamic("report").version("v1");
        node.tier(Tier::new("first").with_ttl(Duration::from_secs(60)))
            .build()
            .expect("the definition is right")
    };
    for key in ["may", "june", "may"] {
        let source = source.clone();
        let load = move |_cx| async move { Ok(source.value()) };
        build().get(key, load).await.expect("a value");
    }
    assert_eq!(source.counts(), [0, 0, 2]);
    let key = build().key("may").expect("a key");
    assert_eq!(key.as_str(), "report:may:v1");
    assert_eq!(build().stats().requests(), 3, "it is one node");
}

#[tokio::test]
async fn nodes_are_listed() {
    let (runtime, source) = alone().await;
    runtime.register_node::<Page>().expect("it is right");
    sum(&runtime, &source, 1, 1).await;
    let report = runtime.dynamic("report").tier(Tier::new("second"));
    let _report: cacheme::DynamicNode<u64> = report.build().expect("the definition is right");
    let nodes = runtime.nodes();
    let listed: Vec<_> = nodes
        .iter()
        .map(|meta| (meta.name(), meta.version(), meta.tiers().len()))
        .collect();
    assert_eq!(
        listed,
        [("Page", "v3", 2), ("sum", "", 1), ("report", "", 1)]
    );
}
