//! What others than cacheme do to keys in Redis, heard by who has them in its local tiers.

use std::time::Duration;

use cacheme::storage::RedisStorage;
use cacheme::{Cacheme, Load, LoadContext, LoadResult, LocalStorage, NodeStats, TierStats};
use cacheme_tests::redis::{RedisSentinel, RedisServer};
use cacheme_tests::server::Server;
use cacheme_tests::wait::eventually;
use tokio::sync::oneshot;

use super::super::server::with;
use super::PATIENCE;

#[cacheme::node(
    caches(cache(storage = "near"), cache(storage = "far", ttl = "1h")),
    key = "tracked:{number}"
)]
struct Tracked {
    number: u64,
}

#[cacheme::node(
    caches(cache(storage = "near"), cache(storage = "far", ttl = "1h")),
    key = "other:{number}"
)]
struct Other {
    number: u64,
}

#[cacheme::node(
    caches(cache(storage = "near"), cache(storage = "far", ttl = "1h")),
    key = "tracked:leased:{number}",
    lease = "5s"
)]
struct Leased {
    number: u64,
}

/// For `put`: what is loaded is given with `get_with`.
impl Load for Tracked {
    type Value = u64;

    async fn load(&self, _cx: &LoadContext) -> LoadResult<u64> {
        Err("nobody loads it by itself".into())
    }
}

/// A process that tracks keys of these servers.
async fn tracking(url: &str, parameters: &str) -> Cacheme {
    let builder = Cacheme::builder()
        .storage("near", LocalStorage::lru(1000))
        .storage("far", with(url, &format!("deadline=5s&{parameters}")))
        .bus("far");
    builder.build().await.expect("the server tracks keys")
}

async fn get(runtime: &Cacheme, number: u64, loaded: u64) -> u64 {
    let value = runtime.get_with(Tracked { number }, move |_| async move { Ok(loaded) });
    value.await.expect("hit or loaded")
}

fn figures(runtime: &Cacheme) -> NodeStats {
    let stats = runtime.stats();
    stats.node::<Tracked>().expect("it was asked for").clone()
}

/// Waits until a value is loaded anew.
async fn ended(runtime: &Cacheme, number: u64, loaded: u64) {
    eventually("another value", PATIENCE, async || {
        get(runtime, number, loaded).await == loaded
    })
    .await;
}

/// Whether a value is found near.
async fn is_near(runtime: &Cacheme, number: u64) -> bool {
    let hits = || figures(runtime).tiers()[0].hits();
    let before = hits();
    get(runtime, number, 0).await;
    hits() > before
}

#[tokio::test]
async fn what_others_do_to_a_key_ends_what_is_near() {
    let server = RedisServer::start();
    let runtime = tracking(&server.url(), "tracking=tracked:*").await;
    for number in 0..3 {
        assert_eq!(get(&runtime, number, 1).await, 1);
    }
    server.command(&["DEL", "tracked:0"]);
    ended(&runtime, 0, 2).await;
    server.command(&["SET", "tracked:1", "by hand"]);
    ended(&runtime, 1, 3).await;
    assert!(is_near(&runtime, 2).await);
    server.command(&["FLUSHALL"]);
    ended(&runtime, 2, 4).await;
}

#[tokio::test]
async fn what_a_process_does_itself_ends_nothing() {
    let server = RedisServer::start();
    let runtime = tracking(&server.url(), "tracking=tracked:*").await;
    for number in 0..60 {
        assert_eq!(get(&runtime, number, 1).await, 1);
    }
    for number in 0..20 {
        let put = runtime.put(Tracked { number }, 2);
        put.await.expect("the server answers");
    }
    // Heard after all of its own.
    for number in 40..60 {
        server.command(&["DEL", &format!("tracked:{number}")]);
        ended(&runtime, number, 3).await;
    }
    for number in 0..60 {
        assert!(is_near(&runtime, number).await, "{number}");
    }
    let far = figures(&runtime).tiers()[1].clone();
    assert_eq!((far.hits(), far.writes()), (0, 100));
}

#[tokio::test]
async fn one_runtime_tracks_by_a_storage() {
    let server = RedisServer::start();
    let storage = RedisStorage::builder(&server.url())
        .tracking("tracked:")
        .deadline(Duration::from_secs(5))
        .connect()
        .await
        .expect("the server can be reached");
    let runtime = |storage: RedisStorage| {
        Cacheme::builder()
            .storage("near", LocalStorage::lru(10))
            .storage("far", storage)
            .bus("far")
            .build()
    };
    let one = runtime(storage.clone()).await.expect("the first one");
    let error = runtime(storage.clone()).await.expect_err("it is taken");
    assert!(
        format!("{error:#}").contains("connect another one"),
        "{error:#}"
    );
    // The first one hears as before.
    assert_eq!(get(&one, 1, 1).await, 1);
    server.command(&["DEL", "tracked:1"]);
    ended(&one, 1, 2).await;
    drop(one);
    eventually("another one may", PATIENCE, async || {
        runtime(storage.clone()).await.is_ok()
    })
    .await;
}

#[tokio::test]
async fn a_user_who_may_not_listen_is_refused() {
    let server = RedisServer::start();
    let user = [
        "ACL",
        "SETUSER",
        "deaf",
        "on",
        ">word",
        "~*",
        "+@all",
        "resetchannels",
        "&cacheme:*",
    ];
    server.command(&user);
    let url = with(
        &server.url_with("deaf:word@"),
        "tracking=*&connect_timeout=2s",
    );
    let built = Cacheme::builder()
        .storage("near", LocalStorage::lru(10))
        .storage("far", url)
        .bus("far")
        .build();
    let error = format!("{:#}", built.await.expect_err("it would hear nothing"));
    assert!(error.contains("needs `&__redis__:invalidate`"), "{error}");
}

#[tokio::test]
async fn what_other_processes_load_is_read_again() {
    let server = RedisServer::start();
    let [one, two] = [
        tracking(&server.url(), "tracking=tracked:*").await,
        tracking(&server.url(), "tracking=tracked:*").await,
    ];
    assert_eq!(get(&one, 1, 1).await, 1);
    assert_eq!(get(&two, 1, 2).await, 1);
    // Whatever it was that the other one wrote.
    two.put(Tracked { number: 1 }, 3).await.expect("it is kept");
    ended(&one, 1, 3).await;
    assert!(is_near(&two, 1).await);
}

#[tokio::test]
async fn what_is_being_loaded_while_others_load_it_is_kept() {
    let server = RedisServer::start();
    let [one, two] = [
        tracking(&server.url(), "tracking=tracked:*").await,
        tracking(&server.url(), "tracking=tracked:*").await,
    ];
    assert_eq!(get(&two, 2, 1).await, 1);
    let (begin, begun) = oneshot::channel();
    let (release, released) = oneshot::channel();
    let loading = two.get_with(Tracked { number: 1 }, |_| async {
        begin.send(()).map_err(|()| "nobody waits for it")?;
        released.await?;
        Ok(2_u64)
    });
    let meanwhile = async {
        begun.await.expect("it is loaded");
        assert_eq!(get(&one, 1, 1).await, 1);
        // Heard after that.
        server.command(&["DEL", "tracked:2"]);
        ended(&two, 2, 3).await;
        release.send(()).expect("it is waited for");
    };
    let (loaded, ()) = tokio::join!(loading, meanwhile);
    assert_eq!(loaded.expect("it is loaded"), 2);
    assert_eq!(figures(&two).tiers()[1].writes(), 3, "it isn't taken back");
    assert_eq!(get(&two, 1, 0).await, 2);
}

#[tokio::test]
async fn keys_that_begin_otherwise_are_left_alone() {
    let server = RedisServer::start();
    let runtime = tracking(&server.url(), "tracking=tracked:*").await;
    let other = async |loaded: u64| {
        let value = runtime.get_with(Other { number: 1 }, move |_| async move { Ok(loaded) });
        value.await.expect("hit or loaded")
    };
    assert_eq!((other(1).await, get(&runtime, 1, 1).await), (1, 1));
    server.command(&["DEL", "other:1"]);
    server.command(&["DEL", "tracked:1"]);
    ended(&runtime, 1, 2).await;
    assert_eq!(other(2).await, 1);
}

#[tokio::test]
async fn promise_3_what_an_untracked_connection_missed_is_dropped() {
    let server = RedisServer::start();
    let runtime = tracking(&server.url(), "tracking=*").await;
    assert_eq!(get(&runtime, 1, 1).await, 1);
    // The connection for commands, which tracks, and not the one that listens.
    let killed = server.command(&["CLIENT", "KILL", "TYPE", "normal"]);
    assert!(killed.integer() > 0);
    server.command(&["DEL", "tracked:1"]);
    ended(&runtime, 1, 2).await;
    // It tracks again: what it has stays, but for what others change. The first time may be for what was missed.
    for number in 4..7 {
        eventually("near again", PATIENCE, async || is_near(&runtime, 1).await).await;
        server.command(&["DEL", "tracked:1"]);
        ended(&runtime, 1, number).await;
    }
}

#[tokio::test]
async fn keys_of_a_new_master_are_tracked() {
    let sentinel = RedisSentinel::start();
    let runtime = tracking(&sentinel.url(), "tracking=tracked:*").await;
    assert_eq!(get(&runtime, 1, 1).await, 1);
    sentinel.fail_over();
    // Sentinels leave the old one a master for some time.
    eventually("the old master follows", 4 * PATIENCE, async || {
        sentinel.is_first_demoted()
    })
    .await;
    eventually("heard", PATIENCE, async || {
        sentinel.master().command(&["DEL", "tracked:1"]);
        let before = figures(&runtime).loads();
        get(&runtime, 1, 2).await;
        let is_kept = sentinel
            .master()
            .command(&["EXISTS", "tracked:1"])
            .integer()
            == 1;
        is_kept && figures(&runtime).loads() > before
    })
    .await;
    // What it has now stays until others change it.
    for number in 3..6 {
        eventually("near again", PATIENCE, async || is_near(&runtime, 1).await).await;
        sentinel.master().command(&["DEL", "tracked:1"]);
        ended(&runtime, 1, number).await;
    }
}

#[tokio::test]
async fn what_is_loaded_under_a_lease_is_read_once_more() {
    let server = RedisServer::start();
    let runtime = tracking(&server.url(), "tracking=tracked:*").await;
    let get = async || {
        let value = runtime.get_with(Leased { number: 1 }, |_| async { Ok(1_u64) });
        value.await.expect("hit or loaded")
    };
    assert_eq!(self::get(&runtime, 9, 1).await, 1);
    for number in 2..5 {
        assert_eq!(get().await, 1);
        // Heard after what it wrote under the lease.
        server.command(&["DEL", "tracked:9"]);
        ended(&runtime, 9, number).await;
    }
    let stats = runtime.stats();
    let node = stats.node::<Leased>().expect("it was asked for");
    let hits: Vec<_> = node.tiers().iter().map(TierStats::hits).collect();
    assert_eq!((node.loads(), hits), (1, vec![1, 1]));
}
