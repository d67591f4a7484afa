//! A bus that is away or silent, and what is dropped since it was.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use cacheme::testing::{MemoryBus, Mode, Operation};
use cacheme::{Bus, BusFuture, Cacheme, ErrorKind, Listening, LoadContext, LocalStorage};

use super::{ONE, OTHER, Own, Shared, TWO, World, ended, invalidated};
use crate::fetch::until;

#[tokio::test]
async fn what_may_have_been_missed_ends_all_that_is_in_process() -> cacheme::Result<()> {
    let world = World::default();
    let (one, two) = world.processes().await;
    two.get_all([ONE, TWO]).await?;
    two.get(Own(1)).await?;
    world.changes();
    world.bus.disconnect();
    until(|| world.bus.listeners() == 2).await;
    ended(&two, Own(1)).await;
    assert_eq!(two.get(Own(1)).await?, 1001);
    // What the far tier has is as good as it was.
    ended(&two, ONE).await;
    assert_eq!(two.get(ONE).await?, 1);
    // And it hears again.
    one.invalidate(ONE).await?;
    ended(&two, ONE).await;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_sent_is_made_up_for() -> cacheme::Result<()> {
    let world = World::default();
    let (one, two) = world.processes().await;
    two.get_all([ONE, TWO]).await?;
    world.changes();
    world.bus.set_mode(Mode::Fails);
    let error = one.invalidate(ONE).await.expect_err("the bus fails");
    assert_eq!(error.kind(), ErrorKind::Bus);
    assert_eq!(
        format!("{error:#}"),
        "the bus could not carry an invalidation: told to fail"
    );
    // It is done where it could be.
    assert_eq!(one.get(ONE).await?, 1001);
    assert_eq!(two.get(ONE).await?, 1);
    tokio::time::sleep(Duration::from_secs(3)).await;
    world.bus.set_mode(Mode::Works);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(two.get_all([ONE, TWO]).await?, [1001, 2]);
    // The same where whoever sends doesn't wait for it.
    world.changes();
    world.bus.set_mode(Mode::Waits);
    tokio::time::timeout(Duration::from_millis(100), one.invalidate(ONE))
        .await
        .expect_err("the bus waits");
    world.bus.set_mode(Mode::Works);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(two.get(ONE).await?, 2001);
    Ok(())
}

/// A bus that says that it carries everything, and counts who listens. It carries what is sent until it is deaf.
#[derive(Clone, Debug, Default)]
struct Deaf {
    bus: MemoryBus,
    hears_nothing: Arc<AtomicBool>,
    listened: Arc<AtomicU64>,
}

impl Bus for Deaf {
    fn publish<'a>(&'a self, channel: &'a str, text: &'a str) -> BusFuture<'a, ()> {
        Box::pin(async move {
            if self.hears_nothing.load(Ordering::Relaxed) {
                return Ok(());
            }
            self.bus.publish(channel, text).await
        })
    }

    fn listen<'a>(&'a self, channel: &'a str) -> BusFuture<'a, Box<dyn Listening>> {
        self.listened.fetch_add(1, Ordering::Relaxed);
        self.bus.listen(channel)
    }
}

#[tokio::test(start_paused = true)]
async fn a_bus_that_is_silent_is_listened_to_anew() {
    let deaf = Deaf::default();
    let builder = || Cacheme::builder().storage("near", LocalStorage::lru(10));
    let runtime = builder().bus(deaf.clone()).build().await;
    let runtime = runtime.expect("it listens");
    let listened = || deaf.listened.load(Ordering::Relaxed);
    let load = |_cx: LoadContext| async { Ok(1_u64) };
    runtime.get_with(Own(1), load).await.expect("it is loaded");
    // As long as what is sent comes back, silence is nothing.
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(listened(), 1);
    runtime.get_with(Own(1), load).await.expect("it is there");
    assert_eq!(invalidated::<Own>(&runtime), 0);
    deaf.hears_nothing.store(true, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert!(listened() >= 9, "{}", listened());
    runtime.get_with(Own(1), load).await.expect("it is loaded");
    assert_eq!(invalidated::<Own>(&runtime), 1);
    // One that is deaf from the start is none.
    let error = builder().bus(deaf.clone()).build().await;
    assert_eq!(
        format!("{:#}", error.expect_err("it is deaf")),
        "the bus could not be listened to: what is sent doesn't come back"
    );
}

#[tokio::test(start_paused = true)]
async fn promise_2_a_bus_that_fails_or_panics_is_listened_to_anew() -> cacheme::Result<()> {
    for mode in [Mode::Fails, Mode::Panics, Mode::Waits] {
        let world = World::default();
        let (one, two) = world.processes().await;
        assert_eq!(two.get(ONE).await?, 1);
        world.changes();
        world.bus.set_mode(mode);
        world.bus.disconnect();
        assert!(one.invalidate(ONE).await.is_err());
        // Meanwhile it serves what it loads.
        tokio::time::sleep(Duration::from_secs(3)).await;
        two.get(OTHER).await?;
        let before = invalidated::<Shared>(&two);
        tokio::time::sleep(Duration::from_secs(30)).await;
        two.get(OTHER).await?;
        assert_eq!(invalidated::<Shared>(&two), before);
        world.bus.set_mode(Mode::Works);
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert_eq!(two.get(ONE).await?, 1001);
        two.put(TWO, 7).await?;
        // A put that hears of another one may be taken back.
        tokio::time::sleep(Duration::from_secs(1)).await;
        one.put(TWO, 8).await?;
        ended(&two, TWO).await;
        assert_eq!(two.get(TWO).await?, 8);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn promise_3_what_was_loaded_while_nobody_listened_is_dropped() -> cacheme::Result<()> {
    let world = World::default();
    let runtime = world.process().await;
    world.bus.set_mode(Mode::Fails);
    world.bus.disconnect();
    tokio::time::sleep(Duration::from_secs(3)).await;
    // Another process may have changed it since, and told nobody who listened.
    runtime.get(ONE).await?;
    world.bus.set_mode(Mode::Works);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(world.bus.listeners(), 1);
    ended(&runtime, ONE).await;
    Ok(())
}

#[test]
fn a_bus_outlives_the_tokio_runtime_that_it_was_connected_on() {
    let world = World::default();
    let tokio = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().build().expect("a runtime")
    };
    let first = tokio();
    let (one, two) = first.block_on(world.processes());
    first.block_on(async {
        two.get(ONE).await.expect("it is loaded");
    });
    drop(first);
    let second = tokio();
    second.block_on(async {
        // Nobody has listened meanwhile.
        ended(&two, ONE).await;
        two.put(TWO, 7).await.expect("it is put");
        one.put(TWO, 8).await.expect("it is put");
        until(|| world.bus.listeners() == 2).await;
        two.get(ONE).await.expect("it is there");
        one.invalidate(ONE).await.expect("it is removed");
        ended(&two, ONE).await;
    });
}

#[tokio::test(start_paused = true)]
async fn what_others_read_before_it_was_made_up_for_is_dropped() -> cacheme::Result<()> {
    let world = World::default();
    let (one, two) = world.processes().await;
    let old = two.get(ONE).await?;
    world.changes();
    world.far.set_mode_of(Operation::Remove, Mode::Fails);
    one.invalidate(ONE).await.expect_err("it isn't removed");
    ended(&two, ONE).await;
    // Out of the storage that still has it.
    assert_eq!(two.get(ONE).await?, old);
    world.far.set_mode(Mode::Works);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(two.get(ONE).await?, old + 1000);
    // The same of what was written over.
    world.changes();
    world.far.set_mode_of(Operation::Remove, Mode::Fails);
    one.invalidate(ONE).await.expect_err("it isn't removed");
    ended(&two, ONE).await;
    assert_eq!(two.get(ONE).await?, old + 1000);
    assert_eq!(one.get(ONE).await?, old + 2000);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(two.get(ONE).await?, old + 2000);
    Ok(())
}
