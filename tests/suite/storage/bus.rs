//! Invalidations between processes by way of the servers that carry them.

use cacheme::{Cacheme, LocalStorage};
use cacheme_tests::mongodb::MongodbServer;
use cacheme_tests::postgres::PostgresServer;
use cacheme_tests::proxy::{Flow, Proxy};
use cacheme_tests::redis::{RedisCluster, RedisSentinel, RedisServer};
use cacheme_tests::server::Server;
use cacheme_tests::wait::eventually;

use super::server::{PATIENCE, with};

/// Tests of those that carry invalidations.
macro_rules! buses {
    ($($name:ident: $server:ident;)*) => {
        $(
            mod $name {
                #[tokio::test]
                async fn what_one_process_changes_leaves_the_others() {
                    super::carries_invalidations::<super::$server>().await;
                }

                #[tokio::test]
                async fn promise_3_what_a_lost_connection_missed_is_dropped() {
                    super::drops_what_it_missed::<super::$server>().await;
                }
            }
        )*
    };
}

buses! {
    mongodb: MongodbServer;
    postgres: PostgresServer;
    redis: RedisServer;
    redis_cluster: RedisCluster;
    redis_sentinel: RedisSentinel;
}

/// In local tiers only.
#[cacheme::node(storage = "near", tags("near: é"))]
struct Near {
    number: u64,
}

/// A process whose local tiers hear of what others change.
async fn listening(url: &str) -> Cacheme {
    let builder = Cacheme::builder()
        .storage("near", LocalStorage::lru(10))
        .storage("far", with(url, "deadline=5s"))
        .bus("far");
    builder.build().await.expect("the server can be reached")
}

/// What a process has of a node, or loads.
async fn near(runtime: &Cacheme, number: u64, loaded: u64) -> u64 {
    let value = runtime.get_with(Near { number }, move |_| async move { Ok(loaded) });
    value.await.expect("hit or loaded")
}

async fn carries_invalidations<S: Server>() {
    let server = S::start();
    let (one, two) = (
        listening(&server.url()).await,
        listening(&server.url()).await,
    );
    for runtime in [&one, &two] {
        for number in 0..3 {
            assert_eq!(near(runtime, number, number).await, number);
        }
    }
    one.invalidate(Near { number: 0 })
        .await
        .expect("it is carried");
    eventually("another value", PATIENCE, async || {
        near(&two, 0, 10).await == 10
    })
    .await;
    one.invalidate_tag("near: é").await.expect("it is carried");
    eventually("another value", PATIENCE, async || {
        near(&two, 1, 11).await == 11
    })
    .await;
    assert_eq!(near(&one, 1, 12).await, 12, "its own is gone as well");
    assert_eq!(
        near(&two, 1, 13).await,
        11,
        "and that of the other one stays then"
    );
}

async fn drops_what_it_missed<S: Server>() {
    let mut server = S::start();
    let (one, two) = (
        listening(&server.url()).await,
        listening(&server.url()).await,
    );
    assert_eq!(near(&two, 1, 1).await, 1);
    server.kill();
    server.restart();
    // What it has is dropped once it listens again, whatever else may have become of the server.
    eventually("another value", PATIENCE, async || {
        near(&two, 1, 2).await == 2
    })
    .await;
    eventually("a message", PATIENCE, async || {
        let told = one.invalidate(Near { number: 1 }).await;
        told.is_ok() && near(&two, 1, 3).await == 3
    })
    .await;
}

/// The driver's own change stream would go on where it was, and nobody would hear of it where that isn't so.
#[tokio::test]
async fn promise_3_a_change_stream_that_was_cut_drops_what_it_may_have_missed() {
    let server = MongodbServer::start();
    let (proxy, url) = Proxy::before(&server.url());
    let runtime = listening(&with(&url, "directConnection=true")).await;
    assert_eq!(near(&runtime, 1, 1).await, 1);
    proxy.set(Flow::Refuse);
    eventually("a cut", PATIENCE, async || proxy.injected() > 0).await;
    proxy.set(Flow::Pass);
    eventually("another value", PATIENCE, async || {
        near(&runtime, 1, 2).await == 2
    })
    .await;
}
