//! `tags`, `LoadContext::add_tag` and `invalidate_tag`.

use std::hash::Hasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cacheme::testing::{Call, Gate, Mode, Operation};
use cacheme::{
    Cacheme, KeyWriter, Load, LoadContext, LoadResult, Loaded, LocalStorage, ManualClock, Meta,
    Miss, Node, NodeStats, TagWriter, Tier, TierStats,
};
use cacheme_tests::memory::MemoryStorage;
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

/// What loads do.
#[derive(Clone, Default)]
struct Source {
    gate: Gate<u64>,
    version: Arc<AtomicU64>,
}

impl Source {
    /// The version that the source has when a load begins.
    async fn load(&self, number: u64) -> LoadResult<u64> {
        let version = self.version.load(Ordering::Relaxed);
        self.gate.pass([number]).await?;
        Ok(number + 1000 * version)
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
        self.source.version.fetch_add(1, Ordering::Relaxed);
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
async fn marks_are_read_with_the_entries_and_made_once() -> cacheme::Result<()> {
    let world = World::default();
    let runtime = world.process().await;
    runtime.get(ONE).await?;
    // The entry and the marks of two tags; the marks; the entry.
    let first = [Call::Get(3), Call::Put(2), Call::Put(1)];
    assert_eq!(world.far.take_calls(), first);
    assert_eq!(world.farther.take_calls(), first);
    runtime.get_all([TWO, OTHER]).await?;
    // Two entries, three marks, one of which is new.
    let second = [Call::Get(5), Call::Put(1), Call::Put(2)];
    assert_eq!(world.far.take_calls(), second);
    // Another process needs one round trip.
    let later = world.process().await;
    later.get(ONE).await?;
    assert_eq!(world.far.take_calls(), [Call::Get(3)]);
    // Marks are no entries of the node.
    let stats = runtime.stats();
    let node = stats.node::<Report>().expect("it was used");
    assert_eq!(node.tiers()[1].writes(), 3);
    Ok(())
}

#[tokio::test]
async fn what_has_no_tags_pays_nothing() -> cacheme::Result<()> {
    let world = World::default();
    let runtime = world.process().await;
    runtime.get(Untagged).await?;
    runtime.get(Untagged).await?;
    let calls = world.far.take_calls();
    assert_eq!(calls, [Call::Get(1), Call::Put(1), Call::Get(1)]);
    // Nor do loads that could have given some.
    runtime.get(Page(0)).await?;
    assert_eq!(world.far.take_calls(), [Call::Get(1), Call::Put(1)]);
    Ok(())
}

#[tokio::test]
async fn tags_of_loads_are_read_after_their_entries() -> cacheme::Result<()> {
    let world = World::default();
    let (one, two) = (world.process().await, world.process().await);
    one.get(Page(2)).await?;
    let first = [Call::Get(1), Call::Get(2), Call::Put(2), Call::Put(1)];
    assert_eq!(world.far.take_calls(), first);
    assert_eq!(two.get(Page(2)).await?, 2);
    assert_eq!(world.far.take_calls(), [Call::Get(1), Call::Get(2)]);
    // A batch reads those of all of its entries at once.
    one.get(Page(3)).await?;
    world.far.take_calls();
    let three = world.process().await;
    assert_eq!(three.get_all([Page(3), Page(2)]).await?, [3, 2]);
    assert_eq!(world.far.take_calls(), [Call::Get(2), Call::Get(3)]);
    world.changes();
    one.invalidate_tag("page:2").await?;
    assert_eq!(one.get_all([Page(3), Page(2)]).await?, [1003, 2]);
    assert_eq!(world.process().await.get(Page(3)).await?, 1003);
    // Its copy in process came with the tags.
    three.invalidate_tag("page:0").await?;
    world.changes();
    assert_eq!(three.get(Page(2)).await?, 2002);
    Ok(())
}

#[tokio::test]
async fn promise_3_a_load_that_began_before_is_not_kept() -> cacheme::Result<()> {
    let world = World::default();
    let (runtime, other) = (world.process().await, world.process().await);
    world.source.gate.set_mode(Mode::Waits);
    let (old, page) = (get(&runtime, ONE), get(&runtime, Page(1)));
    let elsewhere = get(&other, TWO);
    promptly(world.source.gate.passed(3)).await;
    world.changes();
    runtime.invalidate_tag("tenant:1").await?;
    runtime.invalidate_tag("page:0").await?;
    world.source.gate.set_mode(Mode::Works);
    let olds = (outcome(old).await?, outcome(page).await?);
    assert_eq!((olds, outcome(elsewhere).await?), ((1, 1), 2));
    assert_eq!(runtime.get(ONE).await?, 1001);
    assert_eq!(runtime.get(Page(1)).await?, 1001);
    // Nor is what the other process wrote.
    assert_eq!(runtime.get(TWO).await?, 1002);
    let later = world.process().await;
    assert_eq!(later.get_all([ONE, TWO]).await?, [1001, 1002]);
    assert_eq!(later.get(Page(1)).await?, 1001);
    Ok(())
}

#[tokio::test]
async fn promise_3_a_read_that_began_before_fills_no_nearer_tier() -> cacheme::Result<()> {
    let world = World::default();
    world.process().await.get(ONE).await?;
    let runtime = world.process().await;
    world.changes();
    // Only the last tier has it.
    let key = runtime.key(&ONE)?;
    world.far.entries().remove(&key);
    world.farther.set_mode_of(Operation::Remove, Mode::Waits);
    let invalidation = tokio::spawn({
        let runtime = runtime.clone();
        async move { runtime.invalidate_tag("tenant:1").await }
    });
    until(|| world.farther.has_begun(Call::Remove(1))).await;
    // It finds the old value where the mark isn't removed yet, after it is from the tier before.
    assert_eq!(runtime.get(ONE).await?, 1);
    let between = world.process().await;
    assert_eq!(between.get(ONE).await?, 1);
    world.farther.set_mode(Mode::Works);
    promptly(invalidation).await.expect("no panic")?;
    assert_eq!(runtime.get(ONE).await?, 1001);
    assert_eq!(world.process().await.get(ONE).await?, 1001);
    Ok(())
}

#[tokio::test]
async fn promise_3_a_write_under_way_is_not_read() -> cacheme::Result<()> {
    let world = World::default();
    let runtime = world.process().await;
    runtime.get(Page(1)).await?;
    runtime.invalidate(Page(1)).await?;
    world.far.take_calls();
    world.far.set_mode_of(Operation::Put, Mode::AnswersLate);
    let old = get(&runtime, Page(1));
    until(|| world.far.has_begun(Call::Put(1))).await;
    world.changes();
    runtime.invalidate_tag("page:0").await?;
    world.far.set_mode(Mode::Works);
    assert_eq!(outcome(old).await?, 1);
    assert_eq!(runtime.get(Page(1)).await?, 1001);
    assert_eq!(world.process().await.get(Page(1)).await?, 1001);
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
async fn a_mark_that_is_lost_is_a_miss() -> cacheme::Result<()> {
    let world = World::default();
    world.process().await.get(ONE).await?;
    world.changes();
    let is_mark = |key: &cacheme::Key| key.as_str() == "cacheme:tag:tenant:1";
    for storage in [&world.far, &world.farther] {
        let before = storage.entries().len();
        storage.entries().retain(|key, _| !is_mark(key));
        assert_eq!(storage.entries().len(), before - 1);
    }
    assert_eq!(world.process().await.get(ONE).await?, 1001);
    assert_eq!(world.process().await.get(ONE).await?, 1001);
    // What isn't a mark is none.
    for storage in [&world.far, &world.farther] {
        let mut entries = storage.entries();
        let mark = entries.iter_mut().find(|(key, _)| is_mark(key));
        *mark.expect("it was made anew").1 = "something else".into();
    }
    world.changes();
    assert_eq!(world.process().await.get(ONE).await?, 2001);
    assert_eq!(world.process().await.get(ONE).await?, 2001);
    Ok(())
}

#[tokio::test]
async fn entries_from_before_a_node_had_a_tag_are_not_read() -> cacheme::Result<()> {
    let world = World::default();
    let load = |value: u64| move |_cx: LoadContext| async move { Ok(value) };
    let (old, new) = (world.process().await, world.process().await);
    old.get_with(Grown::<false>, load(1)).await?;
    assert_eq!(new.get_with(Grown::<true>, load(2)).await?, 2);
    assert_eq!(new.get_with(Grown::<true>, load(3)).await?, 2);
    // Who doesn't know of the tag yet heeds it where an entry names it.
    assert_eq!(old.get_with(Grown::<false>, load(4)).await?, 2);
    new.invalidate_tag("grown").await?;
    assert_eq!(old.get_with(Grown::<false>, load(5)).await?, 5);
    Ok(())
}

#[tokio::test]
async fn a_tier_that_lost_all_is_filled_again() -> cacheme::Result<()> {
    let world = World::default();
    world.process().await.get(ONE).await?;
    world.far.entries().clear();
    world.process().await.get(ONE).await?;
    world.far.take_calls();
    world.farther.take_calls();
    assert_eq!(world.process().await.get(ONE).await?, 1);
    assert_eq!(world.far.take_calls(), [Call::Get(3)]);
    assert_eq!(world.farther.take_calls(), []);
    Ok(())
}

#[tokio::test]
async fn a_mark_lasts_as_long_as_the_entries() -> cacheme::Result<()> {
    let clock = Arc::new(ManualClock::new());
    let far = MemoryStorage::new().with_clock(Arc::<ManualClock>::clone(&clock));
    let world = World {
        far,
        ..World::default()
    };
    let runtime = world.process_at(Arc::clone(&clock)).await;
    let marks = || {
        let entries = world.far.entries();
        let marks = entries
            .iter()
            .filter(|(key, _)| key.as_str().contains("tag"));
        let mut marks: Vec<_> = marks.map(|(_, bytes)| bytes.clone()).collect();
        marks.sort();
        marks
    };
    runtime.get(Page(1)).await?;
    let first = marks();
    clock.advance(Duration::from_secs(22 * 60 * 60));
    runtime.get(Page(1)).await?;
    assert_eq!(marks(), first);
    // It would end before the entry does.
    clock.advance(Duration::from_secs(90 * 60));
    world
        .process_at(Arc::clone(&clock))
        .await
        .get(Page(1))
        .await?;
    assert_ne!(marks(), first);
    clock.advance(Duration::from_secs(59 * 60));
    let later = world.process_at(clock).await;
    assert_eq!(later.peek(Page(1)).await?, Some(1));
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
async fn what_a_tag_is_at_unknown_is_not_written() -> cacheme::Result<()> {
    let world = World::default();
    let runtime = world.process().await;
    world.far.set_mode_of(Operation::Put, Mode::FailsNext(1));
    runtime.get(ONE).await?;
    // Its marks couldn't be written.
    assert_eq!(world.far.take_calls(), [Call::Get(3), Call::Put(2)]);
    let stats = runtime.stats();
    let node = stats.node::<Report>().expect("it was used");
    let failed = node.tiers().iter().map(TierStats::failed_writes);
    assert_eq!(failed.collect::<Vec<_>>(), [0, 1, 0]);
    // Now they can.
    runtime.put(TWO, 2).await
}

#[tokio::test]
async fn a_mark_that_could_not_be_read_is_not_made_anew() -> cacheme::Result<()> {
    let world = World::default();
    let runtime = world.process().await;
    runtime.get_all([ONE, TWO]).await?;
    for storage in [&world.far, &world.farther] {
        storage.set_mode_of(Operation::Get, Mode::Fails);
    }
    runtime.refresh(ONE).await?;
    runtime
        .put(ONE, 5)
        .await
        .expect_err("the marks can't be read");
    for storage in [&world.far, &world.farther] {
        storage.set_mode(Mode::Works);
    }
    // The other one is as good as it was.
    let later = world.process().await;
    assert_eq!(later.get(TWO).await?, 2);
    let stats = later.stats();
    assert_eq!(stats.node::<Report>().map(NodeStats::misses), Some(0));
    Ok(())
}

#[tokio::test]
async fn simultaneous_loads_have_the_same_marks() -> cacheme::Result<()> {
    let world = World::default();
    let runtime = world.process().await;
    world.source.gate.set_mode(Mode::Waits);
    let reports = (0..10).map(|number| Report { tenant: 1, number });
    let gets: Vec<_> = reports.map(|report| get(&runtime, report)).collect();
    promptly(world.source.gate.passed(10)).await;
    world.source.gate.set_mode(Mode::Works);
    for get in gets {
        outcome(get).await?;
    }
    let later = world.process().await;
    later
        .get_all((0..10).map(|number| Report { tenant: 1, number }))
        .await?;
    let stats = later.stats();
    assert_eq!(stats.node::<Report>().map(NodeStats::misses), Some(0));
    Ok(())
}

#[tokio::test]
async fn promise_3_who_asks_after_an_invalidation_gets_nothing_older() -> cacheme::Result<()> {
    let world = World::default();
    let runtime = world.process().await;
    world.source.gate.set_mode(Mode::Waits);
    let olds = (get(&runtime, ONE), get(&runtime, Page(1)));
    promptly(world.source.gate.passed(2)).await;
    world.changes();
    runtime.invalidate_tag("tenant:1").await?;
    runtime.invalidate_tag("page:0").await?;
    let news = (get(&runtime, ONE), get(&runtime, Page(1)));
    let all = tokio::spawn({
        let runtime = runtime.clone();
        async move { runtime.get_all([ONE, TWO]).await }
    });
    until(|| {
        let stats = runtime.stats();
        let nodes = stats.nodes().iter();
        nodes.map(NodeStats::requests).sum::<u64>() == 6
    })
    .await;
    world.source.gate.set_mode(Mode::Works);
    assert_eq!((outcome(olds.0).await?, outcome(olds.1).await?), (1, 1));
    assert_eq!(
        (outcome(news.0).await?, outcome(news.1).await?),
        (1001, 1001)
    );
    assert_eq!(promptly(all).await.expect("no panic")?, [1001, 1002]);
    Ok(())
}

#[tokio::test]
async fn promise_3_who_asks_while_what_is_old_is_written_gets_nothing_older() -> cacheme::Result<()>
{
    let world = World::default();
    let runtime = world.process().await;
    // One that has its value, and is still being written.
    runtime.get_all([ONE, TWO]).await?;
    world.far.take_calls();
    world.far.set_mode_of(Operation::Put, Mode::AnswersLate);
    let put = tokio::spawn({
        let runtime = runtime.clone();
        async move { runtime.put(ONE, 5).await }
    });
    until(|| world.far.has_begun(Call::Put(1))).await;
    assert_eq!(runtime.get(ONE).await?, 5);
    world.changes();
    runtime.invalidate_tag("tenant:1").await?;
    let new = get(&runtime, ONE);
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    world.far.set_mode_of(Operation::Put, Mode::Works);
    promptly(put).await.expect("no panic")?;
    assert_eq!(outcome(new).await?, 1001);
    assert_eq!(runtime.get(ONE).await?, 1001);
    Ok(())
}

#[tokio::test]
async fn promise_3_a_later_invalidation_hides_no_earlier_one() -> cacheme::Result<()> {
    let world = World::default();
    let runtime = world.process().await;
    world.source.gate.set_mode(Mode::Waits);
    let old = get(&runtime, ONE);
    promptly(world.source.gate.passed(1)).await;
    world.changes();
    runtime.invalidate_tag("tenant:1").await?;
    let new = get(&runtime, ONE);
    until(|| {
        let stats = runtime.stats();
        stats
            .node::<Report>()
            .is_some_and(|node| node.joined() == 1)
    })
    .await;
    runtime.invalidate_tag("tenant:1").await?;
    world.source.gate.set_mode(Mode::Works);
    assert_eq!(outcome(old).await?, 1);
    assert_eq!(outcome(new).await?, 1001);
    Ok(())
}

#[tokio::test]
async fn promise_2_who_makes_a_mark_and_is_not_polled_holds_nobody_up() -> cacheme::Result<()> {
    for polls in 1..30 {
        let world = World::default();
        let runtime = world.process().await;
        let mut left = Box::pin(runtime.get(ONE));
        for _ in 0..polls {
            let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
            if left.as_mut().poll(&mut cx).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        assert_eq!(promptly(runtime.get(TWO)).await?, 2, "after {polls} polls");
    }
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

#[tokio::test]
async fn promise_2_whoever_makes_marks_or_ends_a_tag_may_be_dropped_at_every_await()
-> cacheme::Result<()> {
    for polls in 0..50 {
        let world = World::default();
        let runtime = world.process().await;
        poll_and_drop(runtime.get(ONE), polls).await;
        poll_and_drop(runtime.get(Page(2)), polls).await;
        poll_and_drop(runtime.put(TWO, 2), polls).await;
        world.changes();
        poll_and_drop(runtime.invalidate_tag("tenant:1"), polls).await;
        // The marks aren't locked by who is gone.
        promptly(runtime.get_all([ONE, TWO])).await?;
        runtime.invalidate_tag("tenant:1").await?;
        runtime.invalidate_tag("page:0").await?;
        for runtime in [&runtime, &world.process().await] {
            let values = promptly(runtime.get_all([ONE, TWO])).await?;
            assert_eq!(values, [1001, 1002], "after {polls} polls");
            assert_eq!(promptly(runtime.get(Page(2))).await?, 1002);
        }
    }
    Ok(())
}

#[test]
fn a_node_says_what_tags_it_has() {
    assert_eq!(Report::meta().tags(), ["tenant:{}", "reports"]);
    assert_eq!(Untagged::meta().tags(), [""; 0]);
}
