//! All values of a node, or all there are, ended at once.

use std::sync::Arc;
use std::time::Duration;

use cacheme::testing::Mode::{Fails, Waits, Works};
use cacheme::testing::{Call, MemoryBus, Operation};
use cacheme::{Cacheme, ErrorKind, LocalStorage, ManualClock, Miss};
use cacheme_tests::memory::MemoryStorage;
use cacheme_tests::source::Source;

use super::{promptly, until};

#[cacheme::node(storage = "near")]
#[derive(Clone, Copy)]
struct Near(u64);

#[cacheme::node(storage = "far")]
#[derive(Clone, Copy)]
struct Far(u64);

#[cacheme::node(caches(
    cache(storage = "near"),
    cache(storage = "far"),
    cache(storage = "farther")
))]
#[derive(Clone, Copy)]
struct Both(u64);

cacheme_tests::loads!(Near Far Both);

/// What several processes have in common. Its time stands still.
#[derive(Clone, Default)]
struct World {
    clock: Arc<ManualClock>,
    far: MemoryStorage,
    farther: MemoryStorage,
    bus: MemoryBus,
    source: Source,
}

impl World {
    fn builder(&self) -> cacheme::Builder {
        Cacheme::builder()
            .storage("near", LocalStorage::lru(1000))
            .storage("far", self.far.clone())
            .storage("farther", self.farther.clone())
            .state(self.source.clone())
            .clock(Arc::<ManualClock>::clone(&self.clock))
    }

    async fn process(&self) -> Cacheme {
        self.builder().build().await.expect("the set-up is right")
    }

    async fn listening(&self) -> Cacheme {
        let runtime = self.builder().bus(self.bus.clone()).build().await;
        runtime.expect("the set-up is right")
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn all_values_of_a_node_end_and_no_others() -> cacheme::Result<()> {
    let world = World::default();
    let runtime = world.process().await;
    for number in 0..100 {
        runtime.get(Near(number)).await?;
        runtime.get(Far(number)).await?;
        runtime.get(Both(number)).await?;
    }
    world.source.changes();
    for storage in [&world.far, &world.farther] {
        storage.take_calls();
    }
    runtime.invalidate_node::<Both>().await?;
    for storage in [&world.far, &world.farther] {
        assert_eq!(storage.take_calls(), [Call::Get(0), Call::Put(1)]);
    }
    for number in 0..100 {
        assert_eq!(runtime.get(Near(number)).await?, number);
        assert_eq!(runtime.get(Far(number)).await?, number);
        assert_eq!(runtime.get(Both(number)).await?, number + 1000);
    }
    let stats = runtime.stats();
    let tiers = stats.node::<Both>().expect("it was used").tiers();
    assert_eq!(tiers[1].missed(Miss::Invalidated), 100);
    runtime.invalidate_node::<Near>().await?;
    assert_eq!(runtime.get(Near(1)).await?, 1001);
    Ok(())
}

#[tokio::test]
async fn what_comes_later_is_read_though_no_time_has_passed() -> cacheme::Result<()> {
    let world = World::default();
    let (one, two) = (world.process().await, world.process().await);
    one.get(Both(1)).await?;
    one.invalidate_node::<Both>().await?;
    world.source.changes();
    one.get(Both(1)).await?;
    one.put(Both(2), 7).await?;
    assert_eq!(two.get_all([Both(1), Both(2)]).await?, [1001, 7]);
    assert_eq!(world.source.loads(), 2);
    Ok(())
}

#[tokio::test]
async fn promise_3_what_began_before_is_read_by_nobody() -> cacheme::Result<()> {
    let world = World::default();
    let (one, two) = (world.process().await, world.process().await);
    for all in [false, true] {
        let begun = world.source.loads();
        world.source.gate.set_mode(Waits);
        let before = tokio::spawn({
            let one = one.clone();
            async move { one.get(Both(1)).await }
        });
        until(|| world.source.loads() > begun).await;
        world.source.changes();
        world.clock.advance(SECOND);
        if all {
            one.invalidate_all().await?;
        } else {
            one.invalidate_node::<Both>().await?;
        }
        world.source.gate.set_mode(Works);
        let old = promptly(before).await.expect("it doesn't panic")?;
        let new = old + 1000;
        // It doesn't join, nor find what the other one wrote.
        assert_eq!(one.get(Both(1)).await?, new);
        world.clock.advance(SECOND);
        assert_eq!(two.get(Both(1)).await?, new);
        two.invalidate(Both(1)).await?;
        one.invalidate(Both(1)).await?;
    }
    Ok(())
}

#[tokio::test]
async fn other_processes_see_it_within_a_second_of_reading() -> cacheme::Result<()> {
    let world = World::default();
    let (one, two) = (world.process().await, world.process().await);
    one.get(Far(1)).await?;
    assert_eq!(two.get(Far(1)).await?, 1);
    world.source.changes();
    world.clock.advance(SECOND / 2);
    one.invalidate_node::<Far>().await?;
    assert_eq!(two.get(Far(1)).await?, 1);
    world.clock.advance(SECOND / 2);
    assert_eq!(two.get(Far(1)).await?, 1001);
    // And who starts later, at once.
    world.source.changes();
    one.invalidate_all().await?;
    assert_eq!(world.process().await.get(Far(1)).await?, 2001);
    Ok(())
}

#[tokio::test]
async fn a_bus_tells_at_once() -> cacheme::Result<()> {
    let world = World::default();
    let (one, two) = (world.listening().await, world.listening().await);
    for (round, all) in [false, true].into_iter().enumerate() {
        let version = 1000 * round as u64;
        assert_eq!(two.get(Both(1)).await?, 1 + version);
        assert_eq!(two.get(Near(1)).await?, 1);
        world.source.changes();
        if all {
            one.invalidate_all().await?;
        } else {
            one.invalidate_node::<Both>().await?;
        }
        let source = world.source.clone();
        let loads = source.loads();
        let started = std::time::Instant::now();
        while two.get(Both(1)).await? == 1 + version {
            assert!(started.elapsed() < 20 * SECOND, "it isn't told");
            tokio::task::yield_now().await;
        }
        assert_eq!(source.loads(), loads + 1);
        assert_eq!(two.get(Both(1)).await?, 1001 + version);
    }
    assert_eq!(two.get(Near(1)).await?, 2001);
    Ok(())
}

#[tokio::test]
async fn everything_is_that_of_a_prefix() -> cacheme::Result<()> {
    let world = World::default();
    let (one, other) = (world.process().await, world.process().await);
    other.set_prefix("other");
    for runtime in [&one, &other] {
        runtime.get(Near(1)).await?;
        runtime.get(Far(1)).await?;
        runtime.get(Both(1)).await?;
    }
    world.source.changes();
    one.invalidate_all().await?;
    world.clock.advance(SECOND);
    for (runtime, version) in [(&one, 1000), (&other, 0)] {
        assert_eq!(runtime.get(Near(1)).await?, 1 + version);
        assert_eq!(runtime.get(Far(1)).await?, 1 + version);
        assert_eq!(runtime.get(Both(1)).await?, 1 + version);
    }
    // And of the switch: what was ended is still ended when it is on again.
    one.disable();
    one.invalidate_all().await?;
    assert!(!one.is_enabled());
    one.enable();
    assert_eq!(one.peek(Near(1)).await?, None);
    assert_eq!(one.peek(Both(1)).await?, None);
    Ok(())
}

#[tokio::test]
async fn a_storage_that_does_not_take_it_is_an_error_and_the_others_do() -> cacheme::Result<()> {
    let world = World::default();
    let runtime = world.process().await;
    runtime.get(Both(1)).await?;
    runtime.get(Near(1)).await?;
    world.source.changes();
    world.far.set_mode_of(Operation::Put, Fails);
    let error = runtime.invalidate_node::<Both>().await;
    let error = error.expect_err("one doesn't take it");
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert_eq!(error.to_string(), "storage \"far\" could not end entries");
    // This process knows all the same.
    assert_eq!(runtime.get(Both(1)).await?, 1001);
    assert!(runtime.invalidate_all().await.is_err());
    assert_eq!(runtime.get(Near(1)).await?, 1001);
    // Others read it there, until that works.
    world.far.set_mode(Works);
    assert_eq!(world.process().await.get(Both(1)).await?, 1);
    runtime.invalidate_node::<Both>().await?;
    assert_eq!(world.process().await.get(Both(1)).await?, 1001);
    Ok(())
}

#[test]
fn without_tokio_local_tiers_end() {
    let tokio = tokio::runtime::Runtime::new().expect("it starts");
    let runtime = tokio.block_on(async {
        let near = Cacheme::builder().storage("near", LocalStorage::lru(10));
        let runtime = near.state(Source::default()).build().await;
        let runtime = runtime.expect("the set-up is right");
        runtime.put(Near(1), 7).await.expect("it is kept");
        runtime
    });
    let mut ended = Box::pin(runtime.invalidate_node::<Near>());
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(ended.as_mut().poll(&mut cx).is_ready());
    let there = tokio.block_on(runtime.contains(Near(1)));
    assert!(!there.expect("the set-up is right"));
}
