//! What holds for the storage of every server: one line in [`servers!`] runs all of it.

use std::sync::Arc;
use std::time::Duration;

use cacheme::testing::Conformance;
use cacheme::{Cacheme, Clock, Entry, Key, LocalStorage, ManualClock, Miss, Storage};
use cacheme_tests::mongodb::MongodbServer;
use cacheme_tests::mysql::MysqlServer;
use cacheme_tests::postgres::PostgresServer;
use cacheme_tests::redis::{RedisCluster, RedisSentinel, RedisServer};
use cacheme_tests::server::Server;
use cacheme_tests::skewed::Skewed;
use cacheme_tests::wait::eventually;

/// For what comes about by itself; never reached when all is well.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// Tests of every server, in a module for each.
macro_rules! servers {
    ($($name:ident: $server:ident;)*) => {
        $(mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn conforms_to_the_contract() {
                super::conforms_to_the_contract::<super::$server>().await;
            }

            #[tokio::test]
            async fn clients_whose_clocks_differ_agree() {
                super::clients_whose_clocks_differ_agree::<super::$server>().await;
            }

            #[tokio::test]
            async fn a_tag_ends_values_of_all_clients() {
                super::a_tag_ends_values_of_all_clients::<super::$server>().await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn leases_are_those_of_all_clients() {
                crate::storage::lease::are_those_of_all_clients::<super::$server>().await;
            }

            #[tokio::test]
            async fn comes_back_with_a_server_that_was_killed() {
                super::comes_back_with_a_server_that_was_killed::<super::$server>().await;
            }

            #[tokio::test]
            async fn starts_before_its_server() {
                super::starts_before_its_server::<super::$server>().await;
            }

            #[tokio::test]
            async fn promise_4_a_frozen_server_costs_deadlines_and_no_memory() {
                crate::storage::frozen::costs_deadlines_and_no_memory::<super::$server>();
            }
        })*
    };
}

servers! {
    mongodb: MongodbServer;
    mysql: MysqlServer;
    postgres: PostgresServer;
    redis: RedisServer;
    redis_cluster: RedisCluster;
    redis_sentinel: RedisSentinel;
}

async fn open(url: &str) -> Arc<dyn Storage> {
    cacheme::storage::open(url)
        .await
        .expect("the server can be reached")
}

/// The URL with one more parameter.
pub(super) fn with(url: &str, parameter: &str) -> String {
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}{parameter}")
}

async fn conforms_to_the_contract<S: Server>() {
    let server = S::start();
    // The largest values take a busy machine longer than a second.
    let storage = open(&with(&server.url(), "deadline=60s")).await;
    let conformance = Conformance::of(storage).largest_value(S::LARGEST);
    let pass = async |key: &Key, ttl| server.expire(key, ttl).await;
    conformance.run(pass).await;
}

#[cacheme::node(storage = "far", ttl = "30m", key = "skewed:{number}")]
struct Skew {
    number: u64,
}

#[cacheme::node(
    caches(cache(storage = "near"), cache(storage = "far", ttl = "30m")),
    key = "near:{number}"
)]
struct SkewNear {
    number: u64,
}

#[cacheme::node(storage = "far", ttl = "30m", tags("tenant:{tenant}"))]
struct Tagged {
    tenant: u64,
    number: u64,
}

const HOUR: Duration = Duration::from_secs(3600);

async fn runtime(url: String, clock: Arc<dyn Clock>) -> Cacheme {
    let builder = Cacheme::builder()
        .clock(clock)
        .storage("near", LocalStorage::lru(10))
        // It isn't about time: a busy machine may take more than a second.
        .storage("far", with(&url, "deadline=30s"));
    builder.build().await.expect("the server can be reached")
}

async fn skewed(url: String, clock: Skewed) -> Cacheme {
    runtime(url, Arc::new(clock)).await
}

async fn value(runtime: &Cacheme, number: u64, loaded: &'static str) -> String {
    let value = runtime.get_with(
        Skew { number },
        move |_| async move { Ok(loaded.to_owned()) },
    );
    value.await.expect("hit or loaded")
}

async fn a_tag_ends_values_of_all_clients<S: Server>() {
    let server = S::start();
    let one = skewed(server.url(), Skewed::ahead()).await;
    let two = skewed(server.url(), Skewed::behind()).await;
    let get = async |runtime: &Cacheme, tenant, number, loaded: u64| {
        let load = move |cx: cacheme::LoadContext| async move {
            cx.add_tag(format!("number:{number}"));
            Ok(loaded)
        };
        let value = runtime.get_with(Tagged { tenant, number }, load).await;
        value.expect("hit or loaded")
    };
    let ended = async |runtime: &Cacheme, tag| {
        let ended = runtime.invalidate_tag(tag).await;
        ended.expect("the server can be reached");
    };
    for number in 0..3 {
        assert_eq!(get(&one, 1, number, 1).await, 1);
        assert_eq!(get(&one, 2, number, 2).await, 2);
    }
    assert_eq!(
        get(&two, 1, 0, 10).await,
        1,
        "the other one's value is read"
    );
    ended(&two, "tenant:1").await;
    for runtime in [&one, &two] {
        assert_eq!(get(runtime, 1, 0, 20).await, 20);
        assert_eq!(get(runtime, 2, 0, 30).await, 2, "another tenant's stays");
        ended(runtime, "tenant:1").await;
    }
    ended(&one, "number:1").await;
    assert_eq!(get(&two, 2, 1, 40).await, 40);
    assert_eq!(get(&two, 2, 2, 50).await, 2, "another number's stays");
}

/// One client is an hour ahead and one an hour behind: what one wrote the other reads for as long
/// as it lives, and no longer.
async fn clients_whose_clocks_differ_agree<S: Server>() {
    let server = S::start();
    let ahead = skewed(server.url(), Skewed::ahead()).await;
    let behind = skewed(server.url(), Skewed::behind()).await;
    for (number, writer, reader) in [(1, &ahead, &behind), (2, &behind, &ahead)] {
        assert_eq!(value(writer, number, "first").await, "first");
        assert_eq!(
            value(reader, number, "lost").await,
            "first",
            "nothing is lost"
        );
        let key = Key::new(format!("skewed:{number}"));
        server.expire(&key, HOUR / 2).await;
        assert_eq!(
            value(reader, number, "second").await,
            "second",
            "it is expired"
        );
        assert_eq!(value(writer, number, "lost").await, "second");
    }
    // A refill lives as long as what it was copied from.
    let clock = Arc::new(ManualClock::new());
    let refilled = runtime(server.url(), Arc::<ManualClock>::clone(&clock)).await;
    let get_from = async |runtime: &Cacheme| {
        let node = SkewNear { number: 3 };
        let value = runtime.get_with(node, |_| async { Ok("x".to_owned()) });
        value.await.expect("hit or loaded")
    };
    get_from(&behind).await;
    let get = async || get_from(&refilled).await;
    get().await;
    let missed = || {
        let stats = refilled.stats();
        stats
            .node::<SkewNear>()
            .map_or(0, |node| node.tiers()[0].missed(Miss::Expired))
    };
    clock.advance(28 * Duration::from_secs(60));
    get().await;
    assert_eq!(missed(), 0);
    // Half an hour, and by how much the clients' notions of the server's time may differ.
    clock.advance(Duration::from_secs(130));
    get().await;
    assert_eq!(missed(), 1, "it lived in process no longer than its ttl");
}

async fn put_and_get(storage: &dyn Storage, key: &str) -> bool {
    let put = storage
        .put_many(&[Entry::new(Key::new(key), "value")])
        .await;
    let found = storage.get_many(&[Key::new(key)]).await;
    put.is_ok() && found.is_ok_and(|found| found == [Some("value".into())])
}

async fn comes_back_with_a_server_that_was_killed<S: Server>() {
    let mut server = S::start();
    let storage = open(&server.url()).await;
    assert!(put_and_get(&*storage, "before").await);
    server.kill();
    assert!(storage.get_many(&[Key::new("before")]).await.is_err());
    server.restart();
    eventually("the storage works again", PATIENCE, async || {
        put_and_get(&*storage, "after").await
    })
    .await;
}

async fn starts_before_its_server<S: Server>() {
    let mut server = S::start();
    server.kill();
    let url = server.url();
    let opened = cacheme::storage::open(&url).await;
    let error = opened.expect_err("nobody is there").to_string();
    assert!(!error.is_empty());
    let storage = open(&with(&url, "lazy=true")).await;
    assert!(storage.get_many(&[Key::new("key")]).await.is_err());
    server.restart();
    eventually("the storage works", PATIENCE, async || {
        put_and_get(&*storage, "key").await
    })
    .await;
}
