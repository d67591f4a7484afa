//! `xfetch`: values that are renewed as long before their end as a load takes.

use std::time::Duration;

use cacheme::{Load, LoadContext, LoadResult};
use cacheme_tests::source::Source;

use super::World;

#[cacheme::node(storage = "near", ttl = "10s", xfetch = 1.0)]
struct Timed(u64);

impl Load for Timed {
    type Value = u64;

    async fn load(&self, cx: &LoadContext) -> LoadResult<u64> {
        tokio::time::sleep(Duration::from_millis(10)).await;
        cx.state::<Source>()?.load(self.0).await
    }
}

#[tokio::test]
async fn xfetch_renews_as_long_before_the_end_as_a_load_takes() -> cacheme::Result<()> {
    const NODES: u64 = 40;
    let world = World::new().await;
    let runtime = &world.runtime;
    // What a load takes is known after the first one.
    for number in 0..=NODES {
        runtime.get(Timed(number)).await?;
    }
    let stats = runtime.stats();
    let node = stats.node::<Timed>().expect("it was used");
    let load = node.mean_load_time();
    assert!(load >= Duration::from_millis(10));
    let renewed = async || {
        for number in 1..=NODES {
            runtime.get(Timed(number)).await?;
        }
        // Renewals are loads beside their callers.
        assert!(runtime.shutdown(Duration::from_secs(60)).await.is_empty());
        Ok::<_, cacheme::Error>(world.loads() - 1)
    };
    world
        .clock
        .advance(Duration::from_secs(5) - Duration::from_millis(1));
    assert_eq!(renewed().await?, 40);
    let left = Duration::from_millis(5001);
    world.clock.advance(left.saturating_sub(load));
    // Of those one out of e is due by then.
    let renewed = renewed().await? - 40;
    assert!((3..32).contains(&renewed), "{renewed}");
    Ok(())
}

#[tokio::test]
async fn there_is_one_rule_of_renewal() {
    #[cacheme::node(storage = "near", ttl = "10s", xfetch = 1.0, refresh_at = 0.5)]
    struct Both;

    let world = World::new().await;
    let error = world.runtime.register_node::<Both>();
    let error = error.expect_err("there are two").to_string();
    assert!(error.contains("leave out one of them"), "{error}");
}
