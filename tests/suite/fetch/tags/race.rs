//! Tags that are invalidated while something is under way.

use super::*;

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
