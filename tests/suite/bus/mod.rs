//! Invalidations between processes, for their local tiers.

mod outage;

use std::time::{Duration, Instant};

use cacheme::Source::Tier;
use cacheme::testing::{MemoryBus, Mode};
use cacheme::{Bus, Cacheme, Load, LoadContext, LoadResult, LocalStorage, Miss, Node};
use cacheme_tests::memory::MemoryStorage;
use cacheme_tests::source::Source;

use crate::fetch::{poll_and_drop, promptly, until};

#[cacheme::node(
    caches(cache(storage = "near"), cache(storage = "far", ttl = "1h")),
    tags("tenant:{tenant}")
)]
#[derive(Clone, Copy)]
struct Shared {
    tenant: u64,
    number: u64,
}

/// In local tiers only.
#[cacheme::node(storage = "near")]
#[derive(Clone, Copy)]
struct Own(u64);

impl Load for Shared {
    type Value = u64;

    async fn load(&self, cx: &LoadContext) -> LoadResult<u64> {
        cx.state::<Source>()?.load(self.number).await
    }
}

impl Load for Own {
    type Value = u64;

    async fn load(&self, cx: &LoadContext) -> LoadResult<u64> {
        cx.state::<Source>()?.load(self.0).await
    }
}

/// What several processes have in common.
#[derive(Clone, Default)]
struct World {
    bus: MemoryBus,
    far: MemoryStorage,
    source: Source,
}

impl World {
    async fn process(&self) -> Cacheme {
        let runtime = Cacheme::builder()
            .storage("near", LocalStorage::lru(10_000))
            .storage("far", self.far.clone())
            .state(self.source.clone())
            .storage_timeout(Duration::from_millis(500))
            .bus(self.bus.clone())
            .build()
            .await;
        runtime.expect("the set-up is right")
    }

    async fn processes(&self) -> (Cacheme, Cacheme) {
        (self.process().await, self.process().await)
    }

    fn changes(&self) {
        self.source.changes();
    }
}

const ONE: Shared = Shared {
    tenant: 1,
    number: 1,
};

const TWO: Shared = Shared {
    tenant: 1,
    number: 2,
};

const OTHER: Shared = Shared {
    tenant: 2,
    number: 3,
};

/// Waits until a local tier doesn't have a value any more.
async fn ended<N: Load + Clone>(runtime: &Cacheme, node: N) {
    let near = invalidated::<N>(runtime);
    // By the system's time, as tokio's may stand still.
    let started = Instant::now();
    while runtime
        .get_entry(node.clone())
        .await
        .is_ok_and(|entry| *entry.source() == Tier("near".into()))
    {
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "it isn't dropped"
        );
        tokio::task::yield_now().await;
    }
    assert_eq!(invalidated::<N>(runtime), near + 1);
}

/// How many look-ups of the near tier found an entry that was ended.
fn invalidated<N: Node>(runtime: &Cacheme) -> u64 {
    let stats = runtime.stats();
    let node = stats.node::<N>();
    node.map_or(0, |node| node.tiers()[0].missed(Miss::Invalidated))
}

#[tokio::test]
async fn what_one_process_changes_leaves_the_local_tiers_of_others() -> cacheme::Result<()> {
    let world = World::default();
    let (one, two) = world.processes().await;
    for runtime in [&one, &two] {
        assert_eq!(runtime.get_all([ONE, TWO, OTHER]).await?, [1, 2, 3]);
    }
    world.changes();
    one.invalidate(ONE).await?;
    ended(&two, ONE).await;
    assert_eq!(two.get_all([ONE, TWO]).await?, [1001, 2]);
    one.put(TWO, 7).await?;
    ended(&two, TWO).await;
    assert_eq!(two.get(TWO).await?, 7);
    assert_eq!(one.refresh(TWO).await?, 1002);
    ended(&two, TWO).await;
    assert_eq!(two.get(TWO).await?, 1002);
    assert_eq!(one.get(ONE).await?, 1001);
    world.changes();
    two.invalidate_tag("tenant:1").await?;
    ended(&one, ONE).await;
    assert_eq!(one.get_all([ONE, TWO, OTHER]).await?, [2001, 2002, 3]);
    // Its own changes end nothing that it has itself.
    one.put(ONE, 9).await?;
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    assert_eq!(one.get_entry(ONE).await?.source(), &Tier("near".into()));
    assert_eq!(invalidated::<Shared>(&one), 2);
    Ok(())
}

#[tokio::test]
async fn nodes_without_a_remote_tier_hear_it_too() -> cacheme::Result<()> {
    let world = World::default();
    let (one, two) = world.processes().await;
    let all = || (0..1000).map(Own);
    one.get_all(all()).await?;
    two.get_all(all()).await?;
    world.changes();
    one.invalidate(Own(1)).await?;
    ended(&two, Own(1)).await;
    one.put_all(all().map(|node| (node, 5))).await?;
    ended(&two, Own(999)).await;
    let values = two.get_all(all()).await?;
    assert!(values.iter().all(|value| *value >= 1000));
    // Under another prefix it is another value.
    two.set_prefix("other");
    two.get(Own(2)).await?;
    one.invalidate(Own(2)).await?;
    one.invalidate(Own(3)).await?;
    two.set_prefix("");
    ended(&two, Own(3)).await;
    two.set_prefix("other");
    let entry = two.get_entry(Own(2)).await?;
    assert_eq!(entry.source(), &Tier("near".into()));
    Ok(())
}

#[tokio::test]
async fn promise_3_a_load_that_began_before_is_not_kept_elsewhere_either() -> cacheme::Result<()> {
    let world = World::default();
    let (one, two) = world.processes().await;
    world.source.gate.set_mode(Mode::Waits);
    let old = tokio::spawn({
        let two = two.clone();
        async move { two.get(ONE).await }
    });
    promptly(world.source.gate.passed(1)).await;
    world.changes();
    // Something of its own to see that both have come.
    let own = tokio::spawn({
        let two = two.clone();
        async move { two.get(Own(1)).await }
    });
    promptly(world.source.gate.passed(2)).await;
    one.invalidate(ONE).await?;
    one.invalidate(Own(1)).await?;
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    world.source.gate.set_mode(Mode::Works);
    assert_eq!(promptly(old).await.expect("no panic")?, 1);
    promptly(own).await.expect("no panic")?;
    assert_eq!(two.get(ONE).await?, 1001);
    assert_eq!(one.get(ONE).await?, 1001);
    Ok(())
}

#[tokio::test]
async fn promise_5_what_is_no_message_ends_everything() -> cacheme::Result<()> {
    for text in ["", "anything", "1 key zz", "1 tag", "\u{0}"] {
        let world = World::default();
        let runtime = world.process().await;
        runtime.get(ONE).await?;
        let sent = world.bus.publish("cacheme:v1:invalidations", text).await;
        sent.expect("it is carried");
        ended(&runtime, ONE).await;
        // On another channel it is nobody's.
        let sent = world.bus.publish("other", text).await;
        sent.expect("it is carried");
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        assert_eq!(invalidated::<Shared>(&runtime), 1);
        let entry = runtime.get_entry(ONE).await?;
        assert_eq!(entry.source(), &Tier("near".into()));
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn promise_2_who_tells_others_may_be_dropped_at_every_await() -> cacheme::Result<()> {
    for polls in 0..30 {
        let world = World::default();
        let (one, two) = world.processes().await;
        two.get_all([ONE, TWO]).await?;
        world.changes();
        poll_and_drop(one.invalidate(ONE), polls).await;
        poll_and_drop(one.invalidate_tag("tenant:1"), polls).await;
        poll_and_drop(one.put(TWO, 7), polls).await;
        // What was cut off is made up for.
        tokio::time::sleep(Duration::from_secs(5)).await;
        for node in [ONE, TWO] {
            let values = (one.get(node).await?, two.get(node).await?);
            assert_eq!(values.0, values.1, "after {polls} polls");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_runtime_that_is_gone_listens_no_more() {
    let world = World::default();
    let (one, two) = world.processes().await;
    assert_eq!(world.bus.listeners(), 2);
    drop(one);
    until(|| world.bus.listeners() == 1).await;
    drop(two);
    until(|| world.bus.listeners() == 0).await;
}

#[tokio::test]
async fn a_bus_that_is_none_is_refused() {
    let world = World::default();
    let runtime = world.process().await;
    let error = runtime.connect_bus(world.bus.clone()).await;
    let error = error.expect_err("it has one").to_string();
    assert_eq!(error, "the runtime has a bus already");
    let builder = || {
        let builder = Cacheme::builder().storage("near", LocalStorage::lru(10));
        builder.storage("far", MemoryStorage::new())
    };
    for (name, problem) in [
        (
            "near",
            "the bus: storage \"near\" is a local one, which nobody else hears",
        ),
        (
            "none",
            "the bus: storage \"none\" is not registered: register it before",
        ),
        (
            "far",
            "the bus: storage \"far\" can't carry invalidations: those in Redis, PostgreSQL and MongoDB can",
        ),
    ] {
        let error = builder().bus(name).build().await;
        assert_eq!(error.expect_err("there is none").to_string(), problem);
    }
    world.bus.set_mode(Mode::Fails);
    let error = builder().bus(world.bus.clone()).build().await;
    let error = error.expect_err("the bus is down");
    assert_eq!(
        format!("{error:#}"),
        "the bus could not be listened to: told to fail"
    );
}
