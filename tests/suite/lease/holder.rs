//! One process loads, and the others wait for it.

use cacheme::testing::Mode::{FailsNext, Waits, Works};
use cacheme::testing::Operation;

use super::{Kept, Leased, SECOND, Tagged, World, get, value};
use crate::fetch::{promptly, until};

#[tokio::test(start_paused = true)]
async fn promise_1_a_fleet_loads_once() -> cacheme::Result<()> {
    let world = World::new();
    world.source.gate.set_mode(Waits);
    let mut requests = Vec::new();
    for _ in 0..5 {
        let process = world.process().await;
        requests.extend((0..10).map(|_| get(&process, Leased(1))));
    }
    world.pass(SECOND).await;
    assert_eq!(world.source.loads(), 1);
    world.source.gate.set_mode(Works);
    for request in requests {
        assert_eq!(value(request).await?, 1);
    }
    assert_eq!(world.source.loads(), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn promise_1_batches_that_overlap_load_each_once_and_wait_for_nobody_in_a_circle()
-> cacheme::Result<()> {
    let world = World::new();
    let (one, two) = world.processes().await;
    let up = one.get_all((0..20).map(Leased));
    let down = two.get_all((0..20).rev().map(Leased));
    let (up, down) = promptly(Box::pin(async { tokio::join!(up, down) })).await;
    assert!(up?.into_iter().eq(0..20) && down?.into_iter().rev().eq(0..20));
    let mut loaded = world.source.gate.calls().concat();
    loaded.sort_unstable();
    assert!(loaded.into_iter().eq(0..20));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn promise_1_values_with_tags_are_loaded_once() -> cacheme::Result<()> {
    let world = World::new();
    let mut requests = Vec::new();
    world.source.gate.set_mode(Waits);
    for _ in 0..3 {
        requests.push(get(&world.process().await, Tagged(1)));
    }
    world.pass(SECOND).await;
    world.source.gate.set_mode(Works);
    for request in requests {
        assert_eq!(value(request).await?, 1);
    }
    assert_eq!(world.source.loads(), 1);
    Ok(())
}
#[tokio::test(start_paused = true)]
async fn promise_2_a_holder_that_is_gone_is_waited_for_as_long_as_its_lease() -> cacheme::Result<()>
{
    let world = World::new();
    let (one, two) = world.processes().await;
    world.source.gate.set_mode(Waits);
    let gone = std::thread::spawn({
        let (one, source) = (one.clone(), world.source.clone());
        move || {
            let tokio = tokio::runtime::Runtime::new().expect("it starts");
            let load = one.get(Leased(1));
            tokio.block_on(async {
                tokio::select! {
                    _ = load => unreachable!("its load waits"),
                    () = source.gate.passed(1) => {}
                }
            });
            // With what is under way.
            drop(tokio);
        }
    });
    gone.join().expect("it doesn't panic");
    world.source.gate.set_mode(Works);
    let other = get(&two, Leased(1));
    world.pass(4 * SECOND).await;
    assert!(!other.is_finished());
    world.pass(2 * SECOND).await;
    assert_eq!(value(other).await?, 1);
    // The one that takes over keeps it.
    assert_eq!(two.get(Leased(1)).await?, 1);
    assert_eq!(world.source.loads(), 2);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_load_that_takes_longer_keeps_its_lease() -> cacheme::Result<()> {
    let world = World::new();
    let (one, two) = world.processes().await;
    let first = world.begins(&one, Leased(1)).await;
    let second = get(&two, Leased(1));
    world.pass(20 * SECOND).await;
    assert_eq!(world.source.loads(), 1);
    world.source.gate.set_mode(Works);
    assert_eq!((value(first).await?, value(second).await?), (1, 1));
    assert_eq!(world.source.loads(), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn who_waits_longer_than_a_load_may_take_loads_by_itself() -> cacheme::Result<()> {
    let world = World::new();
    let (one, two) = world.processes().await;
    let first = world.begins(&one, Leased(1)).await;
    let second = get(&two, Leased(1));
    world.pass(29 * SECOND).await;
    // The holder's load is over its deadline, and it gives its lease up.
    world.source.gate.set_mode(Works);
    world.pass(2 * SECOND).await;
    drop(first);
    assert_eq!(value(second).await?, 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_load_that_fails_gives_its_lease_up() -> cacheme::Result<()> {
    let world = World::new();
    let (one, two) = world.processes().await;
    world.source.gate.set_mode(FailsNext(1));
    let (first, second) = (get(&one, Leased(1)), get(&two, Leased(1)));
    let outcomes = [value(first).await, value(second).await];
    let failed = outcomes.iter().filter(|outcome| outcome.is_err()).count();
    assert_eq!((failed, world.source.loads()), (1, 2));
    // Without the time of a lease passing.
    assert_eq!(one.get(Leased(1)).await?, 1);
    assert_eq!(world.source.loads(), 2);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn one_process_renews() -> cacheme::Result<()> {
    let world = World::new();
    let (one, two) = world.processes().await;
    one.get(Kept(1)).await?;
    world.pass(59 * SECOND).await;
    world.source.changes();
    world.source.gate.set_mode(Waits);
    // Both have it from the far tier, where its time has come.
    for process in [&two, &world.process().await] {
        assert_eq!(process.get(Kept(1)).await?, 1);
    }
    world.pass(SECOND / 10).await;
    assert_eq!(world.source.loads(), 2);
    world.source.gate.set_mode(Works);
    until(|| world.far.count(Operation::Swap) >= 4).await;
    assert_eq!(world.process().await.get(Kept(1)).await?, 1001);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_refresh_takes_over() -> cacheme::Result<()> {
    let world = World::new();
    let (one, two) = world.processes().await;
    let first = world.begins(&one, Leased(1)).await;
    world.source.changes();
    let refresh = tokio::spawn({
        let two = two.clone();
        async move { two.refresh(Leased(1)).await }
    });
    until(|| world.source.loads() == 2).await;
    world.source.gate.set_mode(Works);
    assert_eq!((value(first).await?, value(refresh).await?), (1, 1001));
    assert_eq!(one.get(Leased(1)).await?, 1001);
    assert_eq!(world.source.loads(), 2);
    Ok(())
}
