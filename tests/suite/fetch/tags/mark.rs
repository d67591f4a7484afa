//! What remote tiers know of tags, and what that costs.

use super::*;

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
