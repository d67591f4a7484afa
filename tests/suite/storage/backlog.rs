//! What a storage missed while it failed: nobody here reads it, and it is made up for.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cacheme::testing::Mode::{Fails, Waits, Works};
use cacheme::testing::{Call, Operation};
use cacheme::{Cacheme, Entry, Key, Load, LocalStorage, ManualClock, Miss, Storage, StorageFuture};
use cacheme_tests::memory::MemoryStorage;
use cacheme_tests::source::Source;
use tokio::time::sleep;

use crate::fetch::until;

#[cacheme::node(storage = "far", ttl = "1h", tags("all"))]
#[derive(Clone, Copy)]
struct Remote(u64);

#[cacheme::node(storage = "far", ttl = "1h", lease = "5s")]
#[derive(Clone, Copy)]
struct Leased(u64);

#[cacheme::node(storage = "far", ttl = "1h")]
#[derive(Clone, Copy)]
struct Plain(u64);

cacheme_tests::loads!(Remote Leased Plain);

/// So many missed removals are the end of everything.
const MOST: u64 = 20_000;

/// Longer than between two attempts.
const LATER: Duration = Duration::from_secs(2);

/// A storage with the processes that use it.
struct World {
    clock: Arc<ManualClock>,
    far: MemoryStorage,
    source: Source,
    here: Cacheme,
    there: Cacheme,
}

impl World {
    async fn new() -> Self {
        let (far, source) = (MemoryStorage::new(), Source::default());
        let clock = Arc::new(ManualClock::new());
        let process = async || {
            let builder = Cacheme::builder()
                .storage("near", LocalStorage::lru(1000))
                .storage("far", far.clone())
                .storage_timeout(Duration::from_secs(1))
                .clock(Arc::<ManualClock>::clone(&clock))
                .state(source.clone());
            builder.build().await.expect("the set-up is right")
        };
        let (here, there) = (process().await, process().await);
        Self {
            clock,
            far,
            source,
            here,
            there,
        }
    }

    /// What a process has, once the source has something new.
    async fn old<N: Load<Value = u64>>(&self, node: fn(u64) -> N) -> u64 {
        let old = self.here.get(node(1)).await.expect("it is loaded");
        self.source.changes();
        old
    }

    async fn get<N: Load<Value = u64>>(&self, node: N) -> u64 {
        self.here.get(node).await.expect("found or loaded")
    }

    /// The same of the other process.
    async fn get_there<N: Load<Value = u64>>(&self, node: N) -> u64 {
        self.there.get(node).await.expect("found or loaded")
    }

    async fn is_made_up_for(&self) {
        for _ in 0..100 {
            if self.here.pending().is_empty() {
                // Others look for ends once a second.
                self.clock.advance(LATER);
                return;
            }
            sleep(Duration::from_millis(100)).await;
        }
        panic!("it never is: {:?}", self.here.pending());
    }
}

#[tokio::test(start_paused = true)]
async fn promise_4_what_was_not_removed_is_not_read() {
    let world = World::new().await;
    let old = world.old(Remote).await;
    world.far.set_mode_of(Operation::Remove, Fails);
    world.far.take_calls();
    let error = world.here.invalidate(Remote(1)).await;
    assert!(error.expect_err("it failed").is_storage());
    assert_eq!(world.here.pending().removals(), 1);
    // Somebody else doesn't know.
    assert_eq!(world.get_there(Remote(1)).await, old);
    assert_eq!(world.get(Remote(1)).await, old + 1000);
    let stats = world.here.stats();
    let tier = &stats.node::<Remote>().expect("it was used").tiers()[0];
    assert_eq!(tier.missed(Miss::Invalidated), 1);
    // It was written over.
    assert!(world.here.pending().is_empty());
    assert_eq!(world.get_there(Remote(1)).await, old + 1000);
    sleep(LATER).await;
    world.source.changes();
    assert_eq!(world.get(Remote(1)).await, old + 1000);
}

#[tokio::test(start_paused = true)]
async fn promise_4_what_was_not_removed_is_removed_later() {
    let world = World::new().await;
    let old = world.old(Remote).await;
    for mode in [Fails, Waits] {
        world.far.set_mode_of(Operation::Remove, mode);
        world
            .here
            .invalidate(Remote(1))
            .await
            .expect_err("it fails");
    }
    sleep(10 * LATER).await;
    assert_eq!(world.get_there(Remote(1)).await, old);
    // At growing intervals.
    let tries = world.far.count(Operation::Remove);
    assert!((10..30).contains(&tries), "{tries}");
    world.far.set_mode(Works);
    sleep(LATER).await;
    assert!(world.here.pending().is_empty());
    assert_eq!(world.get_there(Remote(1)).await, old + 1000);
}

#[tokio::test(start_paused = true)]
async fn an_invalidation_that_is_given_up_is_done_later() {
    let world = World::new().await;
    let old = world.old(Remote).await;
    world.far.set_mode_of(Operation::Remove, Waits);
    let patience = Duration::from_millis(1);
    let given_up = tokio::time::timeout(patience, world.here.invalidate(Remote(1)));
    given_up.await.expect_err("it waits");
    assert_eq!(world.here.pending().removals(), 1);
    world.far.set_mode(Works);
    world.is_made_up_for().await;
    assert_eq!(world.get_there(Remote(1)).await, old + 1000);
}

#[tokio::test(start_paused = true)]
async fn an_old_value_that_could_not_be_replaced_goes() {
    let world = World::new().await;
    for is_put in [true, false] {
        let old = world.old(Remote).await;
        world.far.set_mode_of(Operation::Put, Fails);
        if is_put {
            let put = world.here.put(Remote(1), old + 1000).await;
            put.expect_err("it isn't written");
        } else {
            world.here.refresh(Remote(1)).await.expect("it is loaded");
        }
        assert_eq!(world.here.pending().removals(), 1);
        assert_eq!(world.get(Remote(1)).await, old + 1000);
        world.far.set_mode(Works);
        world.is_made_up_for().await;
        assert_eq!(world.get_there(Remote(1)).await, old + 1000);
    }
}

#[tokio::test(start_paused = true)]
async fn a_value_that_is_only_copied_takes_nothing_away() {
    let world = World::new().await;
    world.far.set_mode_of(Operation::Put, Fails);
    world.get(Remote(1)).await;
    assert!(world.here.pending().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_was_not_forgotten_is_forgotten_later() {
    let world = World::new().await;
    let old = world.old(Remote).await;
    world.far.set_mode_of(Operation::Remove, Fails);
    let error = world.here.invalidate_tag("all").await;
    error.expect_err("it isn't forgotten");
    assert_eq!(world.get(Remote(1)).await, old + 1000);
    world.far.set_mode(Works);
    world.is_made_up_for().await;
    assert_eq!(world.get_there(Remote(1)).await, old + 1000);
}

#[tokio::test(start_paused = true)]
async fn an_end_of_a_node_that_was_not_marked_is_marked_later() {
    let world = World::new().await;
    let old = world.old(Remote).await;
    for operation in [Operation::Put, Operation::Get] {
        world.far.set_mode_of(operation, Fails);
    }
    let error = world.here.invalidate_node::<Remote>().await;
    error.expect_err("it isn't marked");
    world.far.set_mode_of(Operation::Get, Works);
    sleep(LATER).await;
    assert_eq!(world.get(Remote(1)).await, old + 1000);
    assert_eq!(world.get_there(Remote(1)).await, old);
    world.far.set_mode(Works);
    world.is_made_up_for().await;
    assert_eq!(world.get_there(Remote(1)).await, old + 1000);
}

#[tokio::test(start_paused = true)]
async fn too_much_that_was_missed_is_the_end_of_everything() {
    let world = World::new().await;
    let old = world.old(Remote).await;
    world.far.set_mode_of(Operation::Remove, Fails);
    for number in 2..=MOST {
        let error = world.here.invalidate(Remote(number)).await;
        error.expect_err("it isn't removed");
    }
    assert_eq!(world.get(Remote(1)).await, old);
    for number in [0, MOST + 1] {
        let error = world.here.invalidate(Remote(number)).await;
        error.expect_err("it isn't removed");
    }
    // One mark for all of them.
    assert_eq!(world.here.pending().removals(), 1);
    assert_eq!(world.get(Remote(1)).await, old + 1000);
    world.is_made_up_for().await;
    world.source.changes();
    // What was loaded since is as good as ever.
    assert_eq!(world.get(Remote(1)).await, old + 1000);
    assert_eq!(world.get_there(Remote(1)).await, old + 1000);
}

#[tokio::test(start_paused = true)]
async fn promise_3_a_stale_fill_that_could_not_be_taken_back_is_not_read() {
    let world = World::new().await;
    world.far.set_mode_of(Operation::Put, Waits);
    let here = world.here.clone();
    let old = tokio::spawn(async move { here.get(Plain(1)).await });
    until(|| world.far.has_begun(Call::Put(1))).await;
    world.source.changes();
    world
        .here
        .invalidate(Plain(1))
        .await
        .expect("it is removed");
    world.far.set_mode_of(Operation::Remove, Fails);
    world.far.set_mode_of(Operation::Put, Works);
    let old = old.await.expect("no panic").expect("it was loaded");
    until(|| world.here.pending().removals() == 1).await;
    assert!(!world.far.entries().is_empty());
    assert_eq!(world.get(Plain(1)).await, old + 1000);
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_taken_in_place_of_what_was_not_removed() {
    let world = World::new().await;
    let old = world.old(Leased).await;
    world.far.set_mode_of(Operation::Remove, Fails);
    world
        .here
        .invalidate(Leased(1))
        .await
        .expect_err("it fails");
    assert_eq!(world.get(Leased(1)).await, old + 1000);
    assert_eq!(world.get_there(Leased(1)).await, old + 1000);
    // It was written over.
    assert!(world.here.pending().is_empty());
    world.source.changes();
    assert_eq!(world.get(Leased(1)).await, old + 1000);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_used_later_knows_what_was_not_marked() {
    let world = World::new().await;
    let old = world.get_there(Plain(1)).await;
    world.source.changes();
    world.far.set_mode_of(Operation::Put, Fails);
    let error = world.here.invalidate_all().await;
    error.expect_err("it isn't marked");
    assert_eq!(world.get(Plain(1)).await, old + 1000);
    world.here.set_prefix("other");
    world.get(Plain(1)).await;
    world.here.set_prefix("");
    assert_eq!(world.get(Plain(1)).await, old + 1000);
}

#[tokio::test(start_paused = true)]
async fn an_end_that_is_given_up_is_marked_later() {
    let world = World::new().await;
    let old = world.old(Plain).await;
    world.far.set_mode_of(Operation::Put, Waits);
    let patience = Duration::from_millis(1);
    let given_up = tokio::time::timeout(patience, world.here.invalidate_node::<Plain>());
    given_up.await.expect_err("it waits");
    assert_eq!(world.here.pending().removals(), 1);
    world.far.set_mode(Works);
    world.is_made_up_for().await;
    assert_eq!(world.get(Plain(1)).await, old + 1000);
}

#[tokio::test(start_paused = true)]
async fn nobody_keeps_a_storage_for_what_it_missed() {
    let (world, weak) = {
        let mut world = World::new().await;
        let held = Arc::new(());
        let weak = Arc::downgrade(&held);
        let builder = Cacheme::builder().storage("far", Holding(world.far.clone(), held));
        world.here = builder
            .state(world.source.clone())
            .build()
            .await
            .expect("it is right");
        (world, weak)
    };
    world.far.set_mode(Fails);
    world.here.invalidate(Plain(1)).await.expect_err("it fails");
    sleep(LATER).await;
    assert!(weak.upgrade().is_some());
    drop(world.here);
    sleep(LATER).await;
    assert!(weak.upgrade().is_none());
}

/// A storage with something that goes with it.
#[derive(Debug)]
struct Holding(
    MemoryStorage,
    #[expect(dead_code, reason = "it is held")] Arc<()>,
);

impl Storage for Holding {
    fn get_many<'a>(&'a self, keys: &'a [Key]) -> StorageFuture<'a, Vec<Option<Bytes>>> {
        self.0.get_many(keys)
    }

    fn put_many<'a>(&'a self, entries: &'a [Entry]) -> StorageFuture<'a, ()> {
        self.0.put_many(entries)
    }

    fn remove_many<'a>(&'a self, keys: &'a [Key]) -> StorageFuture<'a, ()> {
        self.0.remove_many(keys)
    }
}

#[test]
fn what_was_missed_outlives_the_tokio_runtime() {
    let tokio = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let builder = builder.enable_all().start_paused(true);
        builder.build().expect("it can be made")
    };
    let (world, old) = tokio().block_on(async {
        let world = World::new().await;
        let old = world.old(Remote).await;
        world.far.set_mode_of(Operation::Remove, Fails);
        world
            .here
            .invalidate(Remote(1))
            .await
            .expect_err("it fails");
        (world, old)
    });
    world.far.set_mode(Works);
    tokio().block_on(async {
        // Any look has somebody see to it.
        assert_eq!(world.get(Remote(2)).await, 1002);
        world.is_made_up_for().await;
        assert_eq!(world.get_there(Remote(1)).await, old + 1000);
    });
}
