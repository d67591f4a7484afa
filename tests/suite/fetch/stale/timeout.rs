//! How long a request waits, and how long a load may take.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_request_waits_no_longer_than_that_where_there_is_an_old_value() -> cacheme::Result<()> {
    let world = World::new().await;
    let runtime = &world.runtime;
    runtime.get_all([Soft(1), Soft(2)]).await?;
    world.source.gate.set_mode(Mode::Waits);
    world.source.changes();
    world.advance(10);
    let begun = Instant::now();
    let entry = runtime.get_entry(Soft(1)).await?;
    assert_eq!((*entry.value(), entry.is_stale()), (1, true));
    assert_eq!(begun.elapsed(), Duration::from_millis(50));
    // A batch, of which one is being loaded already.
    assert_eq!(runtime.get_all([Soft(1), Soft(2)]).await?, [1, 2]);
    assert_eq!(begun.elapsed(), Duration::from_millis(100));
    assert_eq!(world.stats::<Soft>().stale(), 3);
    // What has none is waited for.
    let all = tokio::spawn({
        let runtime = runtime.clone();
        async move { runtime.get_all([Soft(2), Soft(3)]).await }
    });
    world.source.gate.passed(5).await;
    // The loads have gone on.
    world.source.gate.set_mode(Mode::Works);
    promptly(all).await.expect("no panic")?;
    assert_eq!(
        runtime.get_all([Soft(1), Soft(2), Soft(3)]).await?,
        [1001, 1002, 1003]
    );
    assert_eq!(world.loads(), 5);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_old_value_is_returned_at_once_and_revalidated() -> cacheme::Result<()> {
    let world = World::new().await;
    let runtime = &world.runtime;
    runtime.get(AtOnce(1)).await?;
    world.source.changes();
    world.source.gate.set_mode(Mode::Waits);
    world.advance(10);
    let begun = Instant::now();
    for _ in 0..3 {
        assert_eq!(runtime.get(AtOnce(1)).await?, 1);
    }
    assert_eq!(begun.elapsed(), Duration::ZERO);
    world.source.gate.passed(2).await;
    world.source.gate.set_mode(Mode::Works);
    let other = world.other().await;
    promptly(async {
        while runtime
            .peek(AtOnce(1))
            .await
            .is_ok_and(|value| value.is_none())
        {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(other.get(AtOnce(1)).await?, 1001);
    assert_eq!(world.loads(), 2);
    Ok(())
}

/// Says when it is dropped.
struct Dropped(Arc<AtomicBool>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_load_that_takes_too_long_stops() -> cacheme::Result<()> {
    let world = World::new().await;
    let begun = Instant::now();
    let is_dropped = Arc::<AtomicBool>::default();
    let dropped = Dropped(Arc::clone(&is_dropped));
    let load = |_cx: LoadContext| async move {
        let _dropped = dropped;
        std::future::pending().await
    };
    let error: cacheme::Result<u64> = world.runtime.get_with(Hard(1), load).await;
    let error = error.expect_err("it takes for ever");
    assert!(error.is_timeout());
    assert_eq!(
        error.to_string(),
        "loading `Hard` took longer than its deadline of 2s"
    );
    assert_eq!(begun.elapsed(), Duration::from_secs(2));
    assert!(is_dropped.load(Ordering::Relaxed));
    // Each of a batch, and an old value is a value.
    world.runtime.get(Hard(1)).await?;
    world.source.gate.set_mode(Mode::Waits);
    world.advance(10);
    let outcomes = world.runtime.get_many([Hard(1), Hard(2)]).await?;
    let values: Vec<_> = outcomes.into_iter().map(Result::ok).collect();
    assert_eq!(values, [Some(1), None]);
    assert_eq!(begun.elapsed(), Duration::from_secs(4));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_load_goes_on_while_the_old_value_is_looked_for() -> cacheme::Result<()> {
    let world = World::new().await;
    let (runtime, gate) = (&world.runtime, &world.source.gate);
    runtime.get(Slow(1)).await?;
    world.advance(61);
    world.source.changes();
    let begun = Instant::now();
    let load = |_cx: LoadContext| async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        Ok(7_u64)
    };
    // The storage hangs when it is asked for the old value.
    let get = runtime.get_with(Slow(1), load);
    let hang = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        world.far.set_mode_of(Operation::Get, Mode::Waits);
        tokio::time::sleep(Duration::from_millis(200)).await;
        world.far.set_mode(Mode::Works);
    };
    let (value, ()) = tokio::join!(async { (get.await, begun.elapsed()) }, hang);
    assert_eq!((value.0?, value.1), (7, Duration::from_millis(100)));
    assert_eq!(gate.calls().len(), 1);
    assert_eq!(world.stats::<Slow>().stale(), 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn promise_2_who_waits_for_no_load_may_be_dropped_at_every_await() -> cacheme::Result<()> {
    for polls in 0..30 {
        let world = World::new().await;
        let runtime = &world.runtime;
        runtime.get_all([AtOnce(1), AtOnce(2)]).await?;
        world.advance(61);
        world.source.changes();
        poll_and_drop(runtime.get(AtOnce(1)), polls).await;
        poll_and_drop(runtime.get_all([AtOnce(1), AtOnce(2)]), polls).await;
        for number in 1..3 {
            promptly(async {
                while runtime
                    .get(AtOnce(number))
                    .await
                    .is_ok_and(|value| value < 1000)
                {
                    tokio::task::yield_now().await;
                }
            })
            .await;
        }
        assert!(world.loads() <= 4, "after {polls} polls");
    }
    Ok(())
}

/// By hand, since the macro sees it.
struct Impatient;

impl Node for Impatient {
    type Codec = cacheme::codec::Default;

    fn meta() -> Meta {
        let meta = Meta::new("Impatient", "stale::Impatient", "impatient");
        let meta = meta.with_tier(cacheme::Tier::new("near"));
        meta.with_soft_timeout(Duration::from_secs(1))
    }

    fn write_key(&self, key: &mut cacheme::KeyWriter) {
        key.literal("impatient");
    }

    fn same(&self, _other: &Self) -> bool {
        true
    }

    fn hash_into<H: std::hash::Hasher>(&self, _state: &mut H) {}

    fn duplicate(&self) -> Self {
        Self
    }
}

#[tokio::test]
async fn a_soft_timeout_without_old_values_is_refused() {
    let world = World::new().await;
    let error = world.runtime.register_node::<Impatient>();
    let error = error.expect_err("there is no `stale`").to_string();
    assert!(
        error.starts_with("`soft_timeout` of `Impatient`"),
        "{error}"
    );
}
