//! Leases: who of several processes loads a value.

mod guard;
mod holder;

use std::sync::Arc;
use std::time::Duration;

use cacheme::testing::Mode::{Fails, Waits, Works};
use cacheme::testing::{Call, Operation};
use cacheme::{Cacheme, Error, Load, LocalStorage, ManualClock, Miss, Storage};
use cacheme_tests::memory::MemoryStorage;
use cacheme_tests::source::Source;
use tokio::task::JoinHandle;

use crate::fetch::{promptly, until};

#[cacheme::node(storage = "far", ttl = "1h", lease = "5s")]
#[derive(Clone, Copy)]
struct Leased(u64);

#[cacheme::node(
    caches(
        cache(storage = "near", ttl = "1m"),
        cache(storage = "far", ttl = "1m")
    ),
    lease = "5s",
    stale = "1h",
    refresh_at = 0.5
)]
#[derive(Clone, Copy)]
struct Kept(u64);

#[cacheme::node(
    caches(
        cache(storage = "far", ttl = "1m"),
        cache(storage = "farther", ttl = "1h")
    ),
    lease = "5s"
)]
#[derive(Clone, Copy)]
struct Chained(u64);

#[cacheme::node(storage = "far", ttl = "1h", lease = "5s", tags("all"))]
#[derive(Clone, Copy)]
struct Tagged(u64);

cacheme_tests::loads!(Leased Kept Chained Tagged);

/// What several processes have in common.
#[derive(Clone)]
struct World {
    clock: Arc<ManualClock>,
    far: MemoryStorage,
    farther: MemoryStorage,
    source: Source,
}

impl World {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::new());
        let storage = || MemoryStorage::new().with_clock(Arc::<ManualClock>::clone(&clock));
        Self {
            far: storage(),
            farther: storage(),
            source: Source::default(),
            clock,
        }
    }

    async fn process(&self) -> Cacheme {
        let runtime = Cacheme::builder()
            .storage("near", LocalStorage::lru(1000))
            .storage("far", self.far.clone())
            .storage("farther", self.farther.clone())
            .state(self.source.clone())
            .clock(Arc::<ManualClock>::clone(&self.clock))
            .build()
            .await;
        runtime.expect("the set-up is right")
    }

    async fn processes(&self) -> (Cacheme, Cacheme) {
        (self.process().await, self.process().await)
    }

    /// A request whose load has begun, and waits.
    async fn begins<N: Load>(
        &self,
        process: &Cacheme,
        node: N,
    ) -> JoinHandle<cacheme::Result<N::Value>> {
        self.source.gate.set_mode(Waits);
        let begun = self.source.loads();
        let request = get(process, node);
        until(|| self.source.loads() > begun).await;
        request
    }

    /// Lets time pass for entries and for who waits.
    async fn pass(&self, time: Duration) {
        let steps = 20;
        for _ in 0..steps {
            self.clock.advance(time / steps);
            tokio::time::sleep(time / steps).await;
        }
    }
}

fn get<N: Load>(process: &Cacheme, node: N) -> JoinHandle<cacheme::Result<N::Value>> {
    let process = process.clone();
    tokio::spawn(async move { process.get(node).await })
}

async fn value<T>(task: JoinHandle<cacheme::Result<T>>) -> cacheme::Result<T> {
    promptly(task).await.expect("a request doesn't panic")
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn promise_4_a_storage_that_is_down_has_no_leases() -> cacheme::Result<()> {
    let world = World::new();
    let (one, two) = world.processes().await;
    world.far.set_mode(Fails);
    assert_eq!(promptly(one.get(Leased(1))).await?, 1);
    world.far.set_mode(Works);
    world.far.set_mode_of(Operation::Swap, Fails);
    assert_eq!(promptly(two.get(Leased(1))).await?, 1);
    assert!(world.far.entries().is_empty());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_look_takes_none_and_sees_none() -> cacheme::Result<()> {
    let world = World::new();
    let (one, two) = world.processes().await;
    assert_eq!(one.get_if_present(Leased(1)).await?, None);
    assert_eq!(world.far.take_calls(), [Call::Get(1)]);
    let first = world.begins(&one, Leased(1)).await;
    assert_eq!(two.get_if_present(Leased(1)).await?, None);
    assert_eq!(two.peek(Leased(1)).await?, None);
    world.source.gate.set_mode(Works);
    value(first).await?;
    assert_eq!(two.peek(Leased(1)).await?, Some(1));
    let stats = two.stats();
    let tier = stats.node::<Leased>().expect("it was used").tiers()[0].clone();
    assert_eq!(tier.missed(Miss::Absent), 1);
    Ok(())
}

#[derive(Debug)]
struct Plain(MemoryStorage);

impl Storage for Plain {
    fn get_many<'a>(
        &'a self,
        keys: &'a [cacheme::Key],
    ) -> cacheme::StorageFuture<'a, Vec<Option<bytes::Bytes>>> {
        self.0.get_many(keys)
    }

    fn put_many<'a>(&'a self, entries: &'a [cacheme::Entry]) -> cacheme::StorageFuture<'a, ()> {
        self.0.put_many(entries)
    }

    fn remove_many<'a>(&'a self, keys: &'a [cacheme::Key]) -> cacheme::StorageFuture<'a, ()> {
        self.0.remove_many(keys)
    }
}

#[tokio::test]
async fn what_can_have_none_is_refused() {
    #[cacheme::node(storage = "near", lease = "5s")]
    struct Local;

    #[cacheme::node(storage = "far", lease = "1ms")]
    struct Short;

    let runtime = Cacheme::builder()
        .storage("near", LocalStorage::lru(10))
        .storage("far", Plain(MemoryStorage::new()))
        .build()
        .await
        .expect("the set-up is right");
    let refused = |outcome: cacheme::Result<()>| -> String {
        let error: Error = outcome.expect_err("it can't have a lease");
        error.to_string()
    };
    let error = refused(runtime.register_node::<Leased>());
    assert!(
        error.contains("its storage \"far\" has no compare-and-swap"),
        "{error}"
    );
    let error = refused(runtime.register_node::<Local>());
    assert!(error.contains("give it a tier in one"), "{error}");
    let error = refused(runtime.register_node::<Short>());
    assert!(error.contains("less than 10ms"), "{error}");
}
