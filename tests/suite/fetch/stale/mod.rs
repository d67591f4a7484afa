//! `stale`, `soft_timeout` and `hard_timeout`: old values for when the source fails or is slow.

mod timeout;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cacheme::testing::{Mode, Operation};
use cacheme::{
    Cacheme, Load, LoadContext, LoadResult, LocalStorage, ManualClock, Meta, Node, NodeStats,
    Source,
};
use cacheme_tests::memory::MemoryStorage;
use cacheme_tests::source::Source as Origin;
use tokio::time::Instant;

use super::{poll_and_drop, promptly};

#[cacheme::node(
    caches(
        cache(storage = "near", ttl = "10s"),
        cache(storage = "far", ttl = "60s")
    ),
    stale = "1h",
    tags("guarded")
)]
struct Guarded(u64);

#[cacheme::node(storage = "near", ttl = "10s")]
struct Unguarded(u64);

#[cacheme::node(storage = "near", ttl = "10s", stale = "1h", soft_timeout = "50ms")]
struct Soft(u64);

/// Stale while it is revalidated.
#[cacheme::node(storage = "far", ttl = "10s", stale = "1h", soft_timeout = "0ms")]
struct AtOnce(u64);

#[cacheme::node(storage = "near", ttl = "10s", stale = "1h", hard_timeout = "2s")]
struct Hard(u64);

/// Its local tier is the farther one.
#[cacheme::node(
    caches(
        cache(storage = "far", ttl = "60s"),
        cache(storage = "near", ttl = "60s")
    ),
    stale = "1h"
)]
struct Reversed(u64);

#[cacheme::node(storage = "far", ttl = "60s", stale = "1h", soft_timeout = "50ms")]
struct Slow(u64);

#[cacheme::node(storage = "near", ttl = "10s", stale = "1h", refresh_at = 0.5)]
struct Eager(u64);

macro_rules! loads {
    ($($node:ident)*) => {$(
        impl Load for $node {
            type Value = u64;

            async fn load(&self, cx: &LoadContext) -> LoadResult<u64> {
                cx.state::<Origin>()?.load(self.0).await
            }
        }
    )*};
}

loads!(Guarded Unguarded Reversed Soft AtOnce Hard Slow Eager);

struct World {
    runtime: Cacheme,
    clock: Arc<ManualClock>,
    far: MemoryStorage,
    source: Origin,
}

impl World {
    async fn new() -> Self {
        let clock = Arc::new(ManualClock::new());
        let far = MemoryStorage::new().with_clock(Arc::<ManualClock>::clone(&clock));
        let source = Origin::default();
        let runtime = process(&clock, &far, &source).await;
        Self {
            runtime,
            clock,
            far,
            source,
        }
    }

    /// The runtime of another process.
    async fn other(&self) -> Cacheme {
        process(&self.clock, &self.far, &self.source).await
    }

    fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    fn loads(&self) -> usize {
        self.source.loads()
    }

    fn stats<N: Node>(&self) -> NodeStats {
        let stats = self.runtime.stats();
        stats.node::<N>().expect("it was used").clone()
    }
}

async fn process(clock: &Arc<ManualClock>, far: &MemoryStorage, source: &Origin) -> Cacheme {
    let runtime = Cacheme::builder()
        .clock(Arc::<ManualClock>::clone(clock))
        .storage("near", LocalStorage::lru(100))
        .storage("far", far.clone())
        .state(source.clone())
        .build()
        .await;
    runtime.expect("the set-up is right")
}

#[tokio::test]
async fn promise_8_a_source_that_fails_yields_the_old_value_until_its_limit() -> cacheme::Result<()>
{
    let world = World::new().await;
    let runtime = &world.runtime;
    runtime.get(Guarded(1)).await?;
    world.source.gate.set_mode(Mode::Fails);
    world.source.changes();
    // Its time to live is 60 s in the far tier.
    world.advance(61);
    let entry = runtime.get_entry(Guarded(1)).await?;
    assert!(entry.is_stale());
    assert_eq!((*entry.value(), entry.age().as_secs()), (1, 61));
    assert_eq!(entry.source(), &Source::Tier("near".into()));
    assert_eq!(world.stats::<Guarded>().stale(), 1);
    assert_eq!(world.stats::<Guarded>().failed_loads(), 1);
    assert!(world.runtime.stats().to_string().contains("1 stale"));
    // The near tier's was over after 10 s, so that of the far one is the later limit.
    world.advance(60 * 60 - 2);
    let entry = runtime.get_entry(Guarded(1)).await?;
    assert_eq!((*entry.value(), entry.is_stale()), (1, true));
    assert_eq!(entry.source(), &Source::Tier("far".into()));
    world.advance(2);
    let error = runtime.get(Guarded(1)).await;
    assert!(error.expect_err("it is too old").is_load());
    world.source.gate.set_mode(Mode::Works);
    let entry = runtime.get_entry(Guarded(1)).await?;
    assert_eq!((*entry.value(), entry.is_stale()), (1001, false));
    Ok(())
}

#[tokio::test]
async fn promise_8_without_the_option_no_old_value_is_returned() -> cacheme::Result<()> {
    let world = World::new().await;
    world.runtime.get(Unguarded(1)).await?;
    world.source.gate.set_mode(Mode::Fails);
    world.advance(10);
    let error = world.runtime.get(Unguarded(1)).await;
    assert!(error.expect_err("the source fails").is_load());
    Ok(())
}

#[tokio::test]
async fn a_source_that_fails_is_asked_once_in_a_while() -> cacheme::Result<()> {
    let world = World::new().await;
    world.runtime.get(Guarded(1)).await?;
    world.source.gate.set_mode(Mode::Fails);
    world.advance(61);
    for _ in 0..10 {
        let entry = world.runtime.get_entry(Guarded(1)).await?;
        assert!(entry.is_stale());
    }
    assert_eq!(world.loads(), 2);
    world.advance(1);
    world.runtime.get_all([Guarded(1), Guarded(1)]).await?;
    assert_eq!(world.loads(), 3);
    world.source.gate.set_mode(Mode::Works);
    world.source.changes();
    assert_eq!(world.runtime.get(Guarded(1)).await?, 1);
    world.advance(1);
    assert_eq!(world.runtime.get(Guarded(1)).await?, 1001);
    Ok(())
}

#[tokio::test]
async fn other_processes_have_the_old_value_from_a_remote_tier() -> cacheme::Result<()> {
    let world = World::new().await;
    world.runtime.get_all([Guarded(1), Guarded(2)]).await?;
    world.advance(61);
    let other = world.other().await;
    for mode in [Mode::Fails, Mode::Panics] {
        world.source.gate.set_mode(mode);
        let entry = other.get_entry(Guarded(1)).await?;
        assert_eq!((*entry.value(), entry.is_stale()), (1, true));
        world.advance(1);
    }
    // Those of a batch that have none fail alone.
    let outcomes = other.get_many([Guarded(2), Guarded(3), Guarded(1)]).await?;
    let values: Vec<_> = outcomes.into_iter().map(Result::ok).collect();
    assert_eq!(values, [Some(2), None, Some(1)]);
    Ok(())
}

#[tokio::test]
async fn an_old_value_goes_into_no_remote_tier() -> cacheme::Result<()> {
    let world = World::new().await;
    let runtime = &world.runtime;
    runtime.get(Reversed(1)).await?;
    world.source.gate.set_mode(Mode::Fails);
    world.advance(61);
    world.far.entries().clear();
    for _ in 0..3 {
        let entry = runtime.get_entry(Reversed(1)).await?;
        assert!(entry.is_stale());
        // A refill goes on beside who was answered.
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(world.loads(), 2);
    assert!(world.far.entries().is_empty());
    Ok(())
}

#[tokio::test]
async fn what_was_invalidated_is_no_old_value() -> cacheme::Result<()> {
    let world = World::new().await;
    let runtime = &world.runtime;
    runtime.get_all([Guarded(1), Guarded(2)]).await?;
    world.source.gate.set_mode(Mode::Fails);
    world.advance(61);
    assert_eq!(runtime.get(Guarded(1)).await?, 1);
    runtime.invalidate(Guarded(1)).await?;
    runtime.get(Guarded(1)).await.expect_err("there is none");
    assert_eq!(runtime.get(Guarded(2)).await?, 2);
    runtime.invalidate_tag("guarded").await?;
    runtime.get(Guarded(2)).await.expect_err("there is none");
    Ok(())
}

#[tokio::test]
async fn who_only_looks_and_who_refreshes_sees_no_old_value() -> cacheme::Result<()> {
    let world = World::new().await;
    let runtime = &world.runtime;
    runtime.get(Guarded(1)).await?;
    world.source.gate.set_mode(Mode::Fails);
    world.advance(61);
    assert_eq!(runtime.peek(Guarded(1)).await?, None);
    assert_eq!(runtime.get_if_present(Guarded(1)).await?, None);
    runtime.refresh(Guarded(1)).await.expect_err("it fails");
    // It is there still.
    assert_eq!(runtime.get(Guarded(1)).await?, 1);
    runtime.disable();
    runtime.get(Guarded(1)).await.expect_err("caching is off");
    Ok(())
}

#[tokio::test]
async fn a_load_finds_the_old_value_unchanged() -> cacheme::Result<()> {
    let world = World::new().await;
    let runtime = &world.runtime;
    runtime.get(Guarded(1)).await?;
    world.advance(61);
    let renew = |cx: LoadContext| async move {
        let previous = cx.previous(&Guarded(1)).await?;
        Ok(previous.ok_or("there is one")?)
    };
    let renewed = runtime.get_with(Guarded(1), renew).await?;
    assert_eq!(renewed, 1);
    let entry = runtime.get_entry(Guarded(1)).await?;
    assert_eq!((entry.is_stale(), entry.age()), (false, Duration::ZERO));
    Ok(())
}

#[tokio::test]
async fn a_renewal_that_fails_returns_no_old_value() -> cacheme::Result<()> {
    let world = World::new().await;
    let runtime = &world.runtime;
    runtime.get(Eager(1)).await?;
    world.source.gate.set_mode(Mode::Fails);
    world.advance(9);
    for _ in 0..3 {
        let entry = runtime.get_entry(Eager(1)).await?;
        assert_eq!((*entry.value(), entry.is_stale()), (1, false));
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }
    let node = world.stats::<Eager>();
    assert_eq!((node.failed_loads(), node.stale()), (1, 0));
    assert_eq!(node.requests(), node.hits() + node.joined() + node.misses());
    Ok(())
}
