//! `tags`, `LoadContext::add_tag` and `invalidate_tag`.

mod mark;
mod race;

use std::hash::Hasher;
use std::sync::Arc;
use std::time::Duration;

use cacheme::testing::{Call, Mode, Operation};
use cacheme::{
    Cacheme, KeyWriter, Load, LoadContext, LoadResult, Loaded, LocalStorage, ManualClock, Meta,
    Miss, Node, NodeStats, TagWriter, Tier, TierStats,
};
use cacheme_tests::memory::MemoryStorage;
use cacheme_tests::source::Source;
use tokio::task::JoinHandle;

use super::{poll_and_drop, promptly, until};

#[cacheme::node(
    caches(
        cache(storage = "near"),
        cache(storage = "far", ttl = "1h"),
        cache(storage = "farther", ttl = "10h")
    ),
    tags("tenant:{tenant}", "reports")
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Report {
    tenant: u64,
    number: u64,
}

/// Its loads say what tags it has: as many as its number, `page:0` and so on.
#[cacheme::node(caches(cache(storage = "near"), cache(storage = "far", ttl = "1h")))]
struct Page(u64);

/// Loaded together, with a tag for each.
#[cacheme::node(storage = "near")]
struct Each(u64);

impl Load for Each {
    type Value = u64;

    async fn load(&self, cx: &LoadContext) -> LoadResult<u64> {
        cx.state::<Source>()?.load(self.0).await
    }

    async fn load_all(nodes: &[Self], cx: &LoadContext) -> LoadResult<Loaded<Self, u64>> {
        let mut loaded = Loaded::default();
        for node in nodes {
            loaded.insert(Self(node.0), node.load(cx).await?);
            loaded.add_tag(node, format!("each:{}", node.0));
        }
        Ok(loaded)
    }
}

/// In one process only.
#[cacheme::node(
    caches(cache(storage = "first", ttl = "1m"), cache(storage = "near")),
    tags("tenant:{0}")
)]
struct Here(String);

#[cacheme::node(storage = "far")]
struct Untagged;

/// The same node before and after it was given a tag.
struct Grown<const IS_TAGGED: bool>;

impl<const IS_TAGGED: bool> Node for Grown<IS_TAGGED> {
    type Codec = cacheme::codec::Default;

    fn meta() -> Meta {
        let tags = IS_TAGGED.then_some("grown");
        let meta = Meta::new("Grown", "tags::Grown", "grown").with_tags(tags);
        meta.with_tier(Tier::new("far"))
    }

    fn write_key(&self, key: &mut KeyWriter) {
        key.literal("grown");
    }

    fn write_tags(&self, tags: &mut TagWriter) {
        tags.tag(|tag| tag.literal("grown"));
    }

    fn same(&self, _other: &Self) -> bool {
        true
    }

    fn hash_into<H: Hasher>(&self, _state: &mut H) {}

    fn duplicate(&self) -> Self {
        Self
    }
}

impl Load for Report {
    type Value = u64;

    async fn load(&self, cx: &LoadContext) -> LoadResult<u64> {
        cx.state::<Source>()?.load(self.number).await
    }
}

impl Load for Page {
    type Value = u64;

    async fn load(&self, cx: &LoadContext) -> LoadResult<u64> {
        let value = cx.state::<Source>()?.load(self.0).await?;
        for number in 0..self.0 {
            cx.add_tag(format!("page:{number}"));
        }
        Ok(value)
    }
}

impl Load for Here {
    type Value = u64;

    async fn load(&self, cx: &LoadContext) -> LoadResult<u64> {
        cx.state::<Source>()?.load(1).await
    }
}

impl Load for Untagged {
    type Value = u64;

    async fn load(&self, cx: &LoadContext) -> LoadResult<u64> {
        cx.state::<Source>()?.load(0).await
    }
}

/// The storages and the source that several processes share.
#[derive(Clone, Default)]
struct World {
    far: MemoryStorage,
    farther: MemoryStorage,
    source: Source,
}

impl World {
    /// The runtime of another process.
    async fn process(&self) -> Cacheme {
        self.process_at(Arc::new(ManualClock::new())).await
    }

    async fn process_at(&self, clock: Arc<ManualClock>) -> Cacheme {
        let runtime = Cacheme::builder()
            .clock(clock)
            .storage("first", LocalStorage::lru(100))
            .storage("near", LocalStorage::lru(100))
            .storage("far", self.far.clone())
            .storage("farther", self.farther.clone())
            .state(self.source.clone())
            .build()
            .await;
        runtime.expect("the set-up is right")
    }

    fn changes(&self) {
        self.source.changes();
    }
}

const ONE: Report = Report {
    tenant: 1,
    number: 1,
};

/// The same tenant's.
const TWO: Report = Report {
    tenant: 1,
    number: 2,
};

const OTHER: Report = Report {
    tenant: 2,
    number: 3,
};

fn get<N: Load<Value = u64>>(runtime: &Cacheme, node: N) -> JoinHandle<cacheme::Result<u64>> {
    let runtime = runtime.clone();
    tokio::spawn(async move { runtime.get(node).await })
}

async fn outcome(get: JoinHandle<cacheme::Result<u64>>) -> cacheme::Result<u64> {
    promptly(get).await.expect("no panic")
}

#[tokio::test]
async fn a_tag_ends_all_of_its_values_and_no_others() -> cacheme::Result<()> {
    let world = World::default();
    let (one, two) = (world.process().await, world.process().await);
    for runtime in [&one, &two] {
        let values = runtime.get_all([ONE, TWO, OTHER]).await?;
        assert_eq!(values, [1, 2, 3]);
    }
    world.changes();
    one.invalidate_tag("tenant:1").await?;
    assert_eq!(one.peek(ONE).await?, None);
    assert_eq!(one.get_if_present(TWO).await?, None);
    assert_eq!(one.get_all([ONE, TWO, OTHER]).await?, [1001, 1002, 3]);
    // A process that comes later sees no older value either.
    let later = world.process().await;
    assert_eq!(later.get_all([ONE, TWO, OTHER]).await?, [1001, 1002, 3]);
    let stats = later.stats();
    let node = stats.node::<Report>().expect("it was used");
    assert_eq!(node.misses(), 0);
    world.changes();
    one.invalidate_tag("reports").await?;
    assert_eq!(one.get_all([ONE, TWO, OTHER]).await?, [2001, 2002, 2003]);
    Ok(())
}

#[tokio::test]
async fn misses_say_that_a_tag_was_invalidated() -> cacheme::Result<()> {
    let world = World::default();
    let runtime = world.process().await;
    runtime.get(ONE).await?;
    runtime.invalidate_tag("tenant:1").await?;
    runtime.get(ONE).await?;
    let stats = runtime.stats();
    let tiers = stats.node::<Report>().expect("it was used").tiers();
    let invalidated = tiers.iter().map(|tier| tier.missed(Miss::Invalidated));
    assert_eq!(invalidated.collect::<Vec<_>>(), [1, 1, 1]);
    let shown = stats.to_string();
    assert!(shown.contains("1 invalidated"), "{shown}");
    Ok(())
}

#[tokio::test]
async fn values_that_are_put_and_refreshed_have_the_tags() -> cacheme::Result<()> {
    let world = World::default();
    let runtime = world.process().await;
    runtime.put_all([(ONE, 5), (OTHER, 6)]).await?;
    assert_eq!(world.process().await.get_all([ONE, OTHER]).await?, [5, 6]);
    runtime.refresh(TWO).await?;
    assert_eq!(world.process().await.peek(TWO).await?, Some(2));
    world.changes();
    runtime.invalidate_tag("tenant:1").await?;
    for runtime in [runtime, world.process().await] {
        assert_eq!(runtime.get_all([ONE, TWO, OTHER]).await?, [1001, 1002, 6]);
    }
    Ok(())
}

#[tokio::test]
async fn tags_in_process_end_refilled_values_too() -> cacheme::Result<()> {
    let world = World::default();
    let clock = Arc::new(ManualClock::new());
    let runtime = world.process_at(Arc::clone(&clock)).await;
    let node = || Here("a:b".to_owned());
    runtime.get(node()).await?;
    // The first tier's is gone, and filled again from the second one.
    clock.advance(Duration::from_secs(61));
    runtime.get(node()).await?;
    world.changes();
    runtime.invalidate_tag("tenant:a").await?;
    assert_eq!(runtime.get(node()).await?, 1);
    runtime.invalidate_tag("tenant:a:b").await?;
    assert_eq!(runtime.get(node()).await?, 1001);
    Ok(())
}

#[tokio::test]
async fn a_tag_belongs_to_its_prefix() -> cacheme::Result<()> {
    let world = World::default();
    let runtime = world.process().await;
    runtime.get(ONE).await?;
    world.changes();
    runtime.set_prefix("other");
    runtime.get(ONE).await?;
    runtime.invalidate_tag("tenant:1").await?;
    world.changes();
    assert_eq!(runtime.get(ONE).await?, 2001);
    runtime.set_prefix("");
    assert_eq!(runtime.get(ONE).await?, 1);
    assert_eq!(world.process().await.get(ONE).await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_storage_that_is_down_is_said() -> cacheme::Result<()> {
    let world = World::default();
    let runtime = world.process().await;
    runtime.get(ONE).await?;
    world.far.set_mode(Mode::Fails);
    let error = runtime.invalidate_tag("tenant:1").await;
    let error = error.expect_err("a storage failed");
    assert!(error.is_storage(), "{error}");
    assert_eq!(error.storage(), Some("far"));
    assert_eq!(error.to_string(), "storage \"far\" could not forget a tag");
    // The others have done it.
    assert_eq!(runtime.peek(ONE).await?, None);
    world.far.set_mode(Mode::Works);
    Ok(())
}

#[tokio::test]
async fn a_batch_says_of_each_what_tags_it_has() -> cacheme::Result<()> {
    let world = World::default();
    let runtime = world.process().await;
    assert_eq!(runtime.get_all([Each(1), Each(2)]).await?, [1, 2]);
    world.changes();
    runtime.invalidate_tag("each:2").await?;
    assert_eq!(runtime.get_all([Each(1), Each(2)]).await?, [1, 1002]);
    Ok(())
}

#[test]
fn a_node_says_what_tags_it_has() {
    assert_eq!(Report::meta().tags(), ["tenant:{}", "reports"]);
    assert_eq!(Untagged::meta().tags(), [""; 0]);
}
