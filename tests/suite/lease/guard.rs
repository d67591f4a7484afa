//! What was ended while it was loaded.

use cacheme::testing::Mode::{AnswersLate, Fails, Waits, Works};
use cacheme::testing::{Call, Operation};

use super::{Chained, Kept, Leased, SECOND, World, get, value};
use crate::fetch::{promptly, until};

#[tokio::test(start_paused = true)]
async fn promise_3_what_another_process_invalidates_or_puts_is_not_filled_over()
-> cacheme::Result<()> {
    let world = World::new();
    let (one, two) = world.processes().await;
    for (round, puts) in [false, true].into_iter().enumerate() {
        let node = Leased(round as u64);
        let first = world.begins(&one, node).await;
        world.source.changes();
        if puts {
            two.put(node, 7).await?;
        } else {
            two.invalidate(node).await?;
        }
        world.source.gate.set_mode(Works);
        let old = value(first).await?;
        let new = two.get(node).await?;
        assert_ne!(new, old);
        assert_eq!(one.get(node).await?, new);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn promise_3_who_asks_after_an_invalidation_elsewhere_gets_nothing_from_before_it()
-> cacheme::Result<()> {
    let world = World::new();
    let (one, two) = world.processes().await;
    let before = world.begins(&one, Leased(1)).await;
    world.source.changes();
    two.invalidate(Leased(1)).await?;
    let after = [get(&one, Leased(1)), get(&one, Leased(1))];
    let all = tokio::spawn({
        let one = one.clone();
        async move { one.get_all([Leased(1), Leased(2)]).await }
    });
    world.pass(SECOND).await;
    world.source.gate.set_mode(Works);
    assert_eq!(value(before).await?, 1);
    for after in after {
        assert_eq!(value(after).await?, 1001);
    }
    assert_eq!(value(all).await?, [1001, 1002]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn promise_3_a_put_beside_an_invalidation_leaves_nothing_old() -> cacheme::Result<()> {
    let world = World::new();
    let (one, two) = world.processes().await;
    // It is done, and the process hasn't heard of it.
    world.far.set_mode_of(Operation::Remove, AnswersLate);
    let invalidates = tokio::spawn({
        let one = one.clone();
        async move { one.invalidate(Leased(1)).await }
    });
    until(|| world.far.has_begun(Call::Remove(1))).await;
    let old = two.get(Leased(1)).await?;
    let puts = tokio::spawn({
        let one = one.clone();
        async move { one.put(Leased(1), 7).await }
    });
    world.pass(SECOND).await;
    world.far.set_mode(Works);
    value(invalidates).await?;
    value(puts).await?;
    world.source.changes();
    assert_ne!(two.get(Leased(1)).await?, old);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn promise_3_without_a_lease_nobody_gets_what_began_before_he_asked() -> cacheme::Result<()> {
    let world = World::new();
    let (one, two) = world.processes().await;
    world.far.set_mode(Fails);
    let before = world.begins(&one, Leased(1)).await;
    // One doesn't see it, as its connection is gone.
    world.far.set_mode(Works);
    world.source.changes();
    two.invalidate(Leased(1)).await?;
    let after = [get(&one, Leased(1)), get(&one, Leased(1))];
    world.pass(SECOND).await;
    world.source.gate.set_mode(Works);
    assert_eq!(value(before).await?, 1);
    for after in after {
        assert_eq!(value(after).await?, 1001);
    }
    assert_eq!(world.source.loads(), 2);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn promise_3_what_another_process_ends_in_a_long_load_is_kept_nowhere() -> cacheme::Result<()>
{
    let world = World::new();
    let (one, two) = world.processes().await;
    let before = world.begins(&one, Kept(1)).await;
    world.source.changes();
    two.invalidate(Kept(1)).await?;
    // Meanwhile the lease was to be extended.
    world.pass(4 * SECOND).await;
    let after = get(&one, Kept(1));
    world.pass(SECOND / 10).await;
    world.source.gate.set_mode(Works);
    assert_eq!(value(before).await?, 1);
    assert_eq!(value(after).await?, 1001);
    assert_eq!(one.get(Kept(1)).await?, 1001);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn each_remote_tier_has_its_lease() -> cacheme::Result<()> {
    let world = World::new();
    let (one, two) = world.processes().await;
    one.get(Chained(1)).await?;
    let calls = [Call::Get(1), Call::Swap(1), Call::Swap(1)];
    assert_eq!(world.far.take_calls(), calls);
    assert_eq!(world.farther.take_calls(), calls);
    // A copy is refused like a load.
    world.clock.advance(100 * SECOND);
    world.farther.set_mode_of(Operation::Get, Waits);
    let copies = get(&one, Chained(1));
    until(|| world.farther.has_begun(Call::Get(1))).await;
    world.source.changes();
    world.farther.set_mode_of(Operation::Get, AnswersLate);
    tokio::time::sleep(SECOND / 100).await;
    two.invalidate(Chained(1)).await?;
    world.farther.set_mode_of(Operation::Get, Works);
    assert_eq!(value(copies).await?, 1);
    assert_eq!(one.get(Chained(1)).await?, 1001);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_old_value_stays_behind_a_lease() -> cacheme::Result<()> {
    let world = World::new();
    let (one, two) = world.processes().await;
    one.get(Kept(1)).await?;
    world.pass(100 * SECOND).await;
    let first = world.begins(&one, Kept(1)).await;
    // While the lease is there, and when it was given up.
    world.source.gate.set_mode(Fails);
    for process in [&two, &one] {
        let entry = promptly(process.get_entry(Kept(1))).await?;
        assert_eq!((*entry.value(), entry.is_stale()), (1, true));
    }
    assert_eq!(value(first).await?, 1);
    Ok(())
}
