//! What is read from Redis and kept nearer lives no longer than it would have there.

use std::sync::Arc;
use std::time::Duration;

use cacheme::{Cacheme, LocalStorage, ManualClock, Miss, NodeStats};
use cacheme_tests::redis::RedisServer;
use cacheme_tests::server::Server;

use super::{Timeless, assert_left, storage};

/// Kept nearer for longer than farther away.
#[cacheme::node(
    caches(
        cache(storage = "near", ttl = "1h"),
        cache(storage = "far", ttl = "10m")
    ),
    key = "refilled:{number}"
)]
struct Refilled {
    number: u64,
}

const MINUTE: Duration = Duration::from_secs(60);

async fn chained(server: &RedisServer, clock: &Arc<ManualClock>) -> Cacheme {
    let builder = Cacheme::builder()
        .storage("near", LocalStorage::lru(100))
        .storage("far", Timeless(storage(server).await))
        .clock(Arc::<ManualClock>::clone(clock));
    builder.build().await.expect("the runtime can be built")
}

async fn get(runtime: &Cacheme, load: &'static str) -> String {
    let got = runtime.get_with(Refilled { number: 1 }, move |_| async move {
        Ok(load.to_owned())
    });
    got.await.expect("loaded or found")
}

fn figures(runtime: &Cacheme) -> NodeStats {
    runtime
        .stats()
        .node::<Refilled>()
        .expect("the node was used")
        .clone()
}

#[tokio::test]
async fn a_refilled_entry_keeps_the_life_that_is_left() {
    let server = RedisServer::start();
    let clock = Arc::new(ManualClock::new());
    let [first, second] = [
        chained(&server, &clock).await,
        chained(&server, &clock).await,
    ];
    assert_eq!(get(&first, "old").await, "old");
    assert_left(
        server.command(&["PTTL", "refilled:1"]).integer(),
        10 * MINUTE,
    );

    // Four of its ten minutes are gone when the second runtime copies it.
    clock.advance(4 * MINUTE);
    assert_eq!(get(&second, "new").await, "old");
    assert_eq!(figures(&second).tiers()[1].hits(), 1);
    clock.advance(5 * MINUTE + 59 * MINUTE / 60);
    assert_eq!(get(&second, "new").await, "old");
    assert_eq!(
        figures(&second).tiers()[0].hits(),
        1,
        "the copy is used to the last second"
    );

    // The server still has it, since no time has passed there, but by its envelope it is over.
    clock.advance(MINUTE / 60);
    assert_eq!(server.command(&["EXISTS", "refilled:1"]).integer(), 1);
    assert_eq!(get(&second, "new").await, "new");
    let [near, far] = [0, 1].map(|tier| figures(&second).tiers()[tier].missed(Miss::Expired));
    assert_eq!((near, far), (1, 1));

    // The first runtime's own entry was loaded, not copied: it has an hour.
    assert_eq!(get(&first, "new").await, "old");
    clock.advance(50 * MINUTE);
    assert_eq!(get(&first, "newest").await, "newest");
}

#[tokio::test]
async fn a_refill_does_not_write_back_to_where_it_was_read() {
    let server = RedisServer::start();
    let clock = Arc::new(ManualClock::new());
    let [first, second] = [
        chained(&server, &clock).await,
        chained(&server, &clock).await,
    ];
    get(&first, "value").await;
    get(&second, "other").await;
    let writes = figures(&second)
        .tiers()
        .iter()
        .map(cacheme::TierStats::writes)
        .collect::<Vec<_>>();
    assert_eq!(writes, [1, 0]);
    assert_eq!(
        server
            .command(&["INFO", "commandstats"])
            .figure("cmdstat_set.calls"),
        Some(1)
    );
}
