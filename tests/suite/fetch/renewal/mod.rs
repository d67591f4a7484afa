//! `refresh_at`: values that are renewed before their time is over, by who asks for them.

mod xfetch;

use std::sync::Arc;
use std::time::Duration;

use cacheme::testing::Mode;
use cacheme::{Cacheme, Load, LoadContext, LoadResult, LocalStorage, ManualClock};
use cacheme_tests::memory::MemoryStorage;
use cacheme_tests::source::Source;

use super::{promptly, until};

#[cacheme::node(storage = "near", ttl = "100s", refresh_at = 0.5)]
struct Near(u64);

#[cacheme::node(storage = "far", ttl = "100s", refresh_at = 0.5)]
struct Far(u64);

#[cacheme::node(
    caches(
        cache(storage = "near", ttl = "10s"),
        cache(storage = "far", ttl = "1000s")
    ),
    refresh_at = 0.5
)]
struct Both(u64);

#[cacheme::node(
    caches(
        cache(storage = "near", ttl = "10s"),
        cache(storage = "nearer", ttl = "1000s")
    ),
    refresh_at = 0.5
)]
struct Twice(u64);

macro_rules! loads {
    ($($node:ident)*) => {$(
        impl Load for $node {
            type Value = u64;

            async fn load(&self, cx: &LoadContext) -> LoadResult<u64> {
                cx.state::<Source>()?.load(self.0).await
            }
        }
    )*};
}

loads!(Near Far Both Twice);

struct World {
    runtime: Cacheme,
    clock: Arc<ManualClock>,
    source: Source,
}

impl World {
    async fn new() -> Self {
        let clock = Arc::new(ManualClock::new());
        let source = Source::default();
        let far = MemoryStorage::new().with_clock(Arc::<ManualClock>::clone(&clock));
        let runtime = Cacheme::builder()
            .clock(Arc::<ManualClock>::clone(&clock))
            .storage("near", LocalStorage::lru(100))
            .storage("nearer", LocalStorage::lru(100))
            .storage("far", far)
            .state(source.clone())
            .build()
            .await
            .expect("the set-up is right");
        Self {
            runtime,
            clock,
            source,
        }
    }

    fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    fn changes(&self) {
        self.source.changes();
    }

    fn loads(&self) -> usize {
        self.source.loads()
    }

    /// Waits for so many loads to begin.
    async fn passed(&self, loads: usize) {
        promptly(self.source.gate.passed(loads)).await;
    }

    /// Waits until nothing is under way any more.
    async fn settled(&self, loads: u64) {
        let loaded = || {
            let stats = self.runtime.stats();
            let nodes = stats.nodes().iter();
            nodes
                .map(|node| node.loads() + node.failed_loads())
                .sum::<u64>()
        };
        until(|| loaded() == loads).await;
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_hit_renews_a_value_beside_itself_and_once() -> cacheme::Result<()> {
    let world = World::new().await;
    let runtime = &world.runtime;
    runtime.get_all([Near(1), Near(2), Near(3)]).await?;
    assert_eq!(world.loads(), 1 + 2);
    world.changes();
    world.advance(49);
    runtime.get_all([Near(1), Near(2), Near(3)]).await?;
    world.settled(3).await;
    // Between the half and three quarters its moment comes.
    world.advance(27);
    world.source.gate.set_mode(Mode::Waits);
    for _ in 0..5 {
        assert_eq!(runtime.get(Near(1)).await?, 1);
        assert_eq!(runtime.get_all([Near(2), Near(1)]).await?, [2, 1]);
        assert_eq!(runtime.get_entry(Near(3)).await?.into_value(), 3);
        // Whoever it is that would join.
        tokio::task::yield_now().await;
    }
    world.passed(6).await;
    world.source.gate.set_mode(Mode::Works);
    world.settled(6).await;
    assert_eq!(world.loads(), 6);
    for number in 1..4 {
        let entry = runtime.get_entry(Near(number)).await?;
        assert_eq!(entry.into_value(), 1000 + number);
    }
    // Its time has begun anew.
    world.advance(49);
    assert_eq!(runtime.peek(Near(1)).await?, Some(1001));
    let stats = runtime.stats();
    let node = stats.node::<Near>().expect("it was used");
    assert_eq!((node.requests(), node.misses()), (node.hits() + 3, 3));
    Ok(())
}

#[tokio::test]
async fn a_renewal_that_fails_is_tried_again_in_a_while() -> cacheme::Result<()> {
    let world = World::new().await;
    let runtime = &world.runtime;
    runtime.get(Near(1)).await?;
    world.source.gate.set_mode(Mode::Fails);
    world.advance(80);
    for _ in 0..5 {
        assert_eq!(runtime.get(Near(1)).await?, 1);
        world.settled(2).await;
    }
    world.advance(1);
    assert_eq!(runtime.get(Near(1)).await?, 1);
    world.settled(3).await;
    assert_eq!(world.loads(), 3);
    Ok(())
}

#[tokio::test]
async fn a_renewal_of_a_near_tier_asks_the_tiers_behind() -> cacheme::Result<()> {
    let world = World::new().await;
    let runtime = &world.runtime;
    runtime.get(Both(1)).await?;
    for renewals in 1..=10 {
        world.advance(8);
        runtime.get(Both(1)).await?;
        until(|| {
            let stats = runtime.stats();
            let node = stats.node::<Both>().expect("it was used");
            node.tiers()[0].writes() == 1 + renewals
        })
        .await;
    }
    let stats = runtime.stats();
    let node = stats.node::<Both>().expect("it was used");
    assert_eq!((node.misses(), node.loads()), (1, 1));
    // The renewals are no requests.
    assert_eq!((node.requests(), node.hits()), (11, 10));
    Ok(())
}

#[tokio::test]
async fn a_value_of_a_remote_tier_is_renewed_beside_who_reads_it() -> cacheme::Result<()> {
    let world = World::new().await;
    let runtime = &world.runtime;
    runtime.get_all([Far(1), Far(2)]).await?;
    world.changes();
    world.advance(49);
    assert_eq!(runtime.get(Far(1)).await?, 1);
    assert_eq!(world.loads(), 2);
    world.advance(27);
    world.source.gate.set_mode(Mode::Waits);
    // With one that isn't there.
    let all = tokio::spawn({
        let runtime = runtime.clone();
        async move { runtime.get_all([Far(1), Far(3)]).await }
    });
    world.passed(4).await;
    // Nobody waits for a renewal.
    assert_eq!(runtime.get(Far(1)).await?, 1);
    assert_eq!(runtime.get(Far(2)).await?, 2);
    world.passed(5).await;
    world.source.gate.set_mode(Mode::Works);
    assert_eq!(all.await.expect("no panic")?, [1, 1003]);
    world.settled(5).await;
    assert_eq!(
        runtime.get_all([Far(1), Far(2), Far(3)]).await?,
        [1001, 1002, 1003]
    );
    // A look has nothing to load with.
    world.advance(76);
    assert_eq!(runtime.get_if_present(Far(1)).await?, Some(1001));
    world.settled(5).await;
    Ok(())
}

#[tokio::test]
async fn nobody_joins_a_renewal_beyond_the_end_of_the_value() -> cacheme::Result<()> {
    let world = World::new().await;
    let runtime = &world.runtime;
    runtime.get(Far(1)).await?;
    world.changes();
    world.advance(76);
    world.source.gate.set_mode(Mode::Waits);
    assert_eq!(runtime.get(Far(1)).await?, 1);
    world.passed(2).await;
    assert_eq!(runtime.get(Far(1)).await?, 1);
    world.advance(24);
    let get = tokio::spawn({
        let runtime = runtime.clone();
        async move { runtime.get(Far(1)).await }
    });
    world.passed(3).await;
    world.source.gate.set_mode(Mode::Works);
    assert_eq!(promptly(get).await.expect("no panic")?, 1001);
    Ok(())
}

#[tokio::test]
async fn a_renewed_value_has_its_own_tags_only() -> cacheme::Result<()> {
    let world = World::new().await;
    let runtime = &world.runtime;
    let load = |version: u64| {
        move |cx: LoadContext| async move {
            cx.add_tag(format!("version:{version}"));
            Ok(version)
        }
    };
    runtime.get_with(Far(1), load(1)).await?;
    for version in 2..4 {
        world.advance(76);
        runtime.get_with(Far(1), load(version)).await?;
        promptly(async {
            while runtime
                .peek(Far(1))
                .await
                .is_ok_and(|value| value != Some(version))
            {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
    runtime.invalidate_tag("version:2").await?;
    assert_eq!(runtime.peek(Far(1)).await?, Some(3));
    runtime.invalidate_tag("version:3").await?;
    assert_eq!(runtime.peek(Far(1)).await?, None);
    Ok(())
}

#[tokio::test]
async fn who_cannot_renew_leaves_it_to_who_can() -> cacheme::Result<()> {
    let world = World::new().await;
    let runtime = &world.runtime;
    runtime.get(Near(1)).await?;
    world.changes();
    world.advance(80);
    for _ in 0..3 {
        assert_eq!(runtime.get_if_present(Near(1)).await?, Some(1));
    }
    world.settled(1).await;
    runtime.get(Near(1)).await?;
    world.settled(2).await;
    assert_eq!(runtime.get(Near(1)).await?, 1001);
    Ok(())
}

#[tokio::test]
async fn a_near_tier_is_renewed_from_another_one_in_process() -> cacheme::Result<()> {
    let world = World::new().await;
    let runtime = &world.runtime;
    runtime.get(Twice(1)).await?;
    for _ in 0..10 {
        world.advance(8);
        runtime.get(Twice(1)).await?;
        runtime.get_entry(Twice(1)).await?;
    }
    world.settled(1).await;
    let stats = runtime.stats();
    let node = stats.node::<Twice>().expect("it was used");
    assert_eq!((node.loads(), node.tiers()[0].misses()), (1, 1));
    Ok(())
}

#[tokio::test]
async fn an_invalidation_wins_over_a_renewal() -> cacheme::Result<()> {
    let world = World::new().await;
    let runtime = &world.runtime;
    runtime.get(Near(1)).await?;
    world.advance(80);
    world.source.gate.set_mode(Mode::Waits);
    runtime.get(Near(1)).await?;
    world.passed(2).await;
    runtime.invalidate(Near(1)).await?;
    world.source.gate.set_mode(Mode::Works);
    world.settled(2).await;
    assert_eq!(runtime.peek(Near(1)).await?, None);
    Ok(())
}

#[tokio::test]
async fn what_is_loaded_already_is_not_renewed_as_well() -> cacheme::Result<()> {
    let world = World::new().await;
    let runtime = &world.runtime;
    runtime.get(Near(1)).await?;
    world.advance(80);
    world.changes();
    world.source.gate.set_mode(Mode::Waits);
    let refresh = tokio::spawn({
        let runtime = runtime.clone();
        async move { runtime.refresh(Near(1)).await }
    });
    world.passed(2).await;
    assert_eq!(runtime.get(Near(1)).await?, 1);
    world.source.gate.set_mode(Mode::Works);
    assert_eq!(promptly(refresh).await.expect("no panic")?, 1001);
    world.settled(2).await;
    assert_eq!(runtime.get(Near(1)).await?, 1001);
    assert_eq!(world.loads(), 2);
    Ok(())
}

#[test]
fn outside_of_tokio_a_hit_is_a_hit() {
    let tokio = tokio::runtime::Runtime::new().expect("a runtime");
    let world = tokio.block_on(async {
        let world = World::new().await;
        world.runtime.get(Near(1)).await.expect("it is loaded");
        world
    });
    world.advance(80);
    let hit = std::pin::pin!(world.runtime.get(Near(1)));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(Ok(1)) = hit.poll(&mut cx) else {
        panic!("it waits");
    };
}
