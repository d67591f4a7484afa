//! A master that sentinels watch: it may die, or change.

use cacheme::{Entry, Key, Miss, Storage};
use cacheme_tests::loader::{Acts, Remote, Script};
use cacheme_tests::redis::RedisSentinel;
use cacheme_tests::server::Server;
use cacheme_tests::wait::eventually;

use super::outage::{far, get, runtime};
use super::{PATIENCE, connect};

async fn put_and_get(storage: &impl Storage, key: &str) -> bool {
    let key = Key::new(key);
    let put = storage.put_many(&[Entry::new(key.clone(), "x")]).await;
    let found = storage.get_many(&[key]).await;
    put.is_ok() && found.is_ok_and(|found| found == [Some("x".into())])
}

#[tokio::test]
async fn a_master_that_dies_is_missed_until_there_is_another() {
    let mut set = RedisSentinel::start();
    let runtime = runtime(&set, &Script::new(Acts::Load)).await;
    let node = |number| Remote { number };
    get(&runtime, node, 1).await;
    get(&runtime, node, 1).await;
    assert_eq!(far::<Remote>(&runtime).hits(), 1);

    set.kill_first();
    get(&runtime, node, 1).await;
    assert!(far::<Remote>(&runtime).missed(Miss::Unavailable) > 0);
    eventually("another master answers", PATIENCE, async || {
        get(&runtime, node, 1).await;
        far::<Remote>(&runtime).hits() >= 10
    })
    .await;

    // The old one comes back, and isn't taken for the master.
    set.restart_first();
    let storage = connect(&set.url()).await;
    assert!(put_and_get(&storage, "key").await);
    assert_eq!(set.master().command(&["EXISTS", "key"]).integer(), 1);
}

#[tokio::test]
async fn a_master_that_becomes_a_replica_is_left() {
    let set = RedisSentinel::start();
    let storage = connect(&set.url()).await;
    assert!(put_and_get(&storage, "before").await);
    set.fail_over();
    // Sentinels leave the old one a master for some time.
    eventually("the new master takes writes", 4 * PATIENCE, async || {
        set.is_first_demoted() && put_and_get(&storage, "after").await
    })
    .await;
    assert_eq!(set.master().command(&["EXISTS", "after"]).integer(), 1);
}

#[tokio::test]
async fn a_sentinel_that_is_frozen_costs_no_time() {
    let mut set = RedisSentinel::start();
    // Longer than the test waits.
    let storage = connect(&(set.url() + "&connect_timeout=1m")).await;
    // The one that the URL names first; two are enough for a failover.
    set.freeze_sentinel(0);
    set.kill_first();
    eventually("another master takes writes", PATIENCE, async || {
        put_and_get(&storage, "after").await
    })
    .await;
}

#[tokio::test]
async fn what_sentinels_do_not_watch_is_refused() {
    let set = RedisSentinel::start();
    let url = set.url().replace("service=main", "service=other");
    let error = cacheme::storage::open(&url).await;
    let error = error.expect_err("there is no such master").to_string();
    assert!(error.contains("it watches no `other`"), "{error}");
}

/// The master wants a password, and the sentinels want none, or another.
#[tokio::test]
async fn sentinels_have_passwords_of_their_own() {
    let set = RedisSentinel::start();
    let set_password = |port: u16, password: &str| {
        let mut connection = cacheme_tests::redis::connection(port);
        connection.command(&["CONFIG", "SET", "requirepass", password]);
    };
    set_password(set.servers()[0].port(), "master's");
    let url = set.url().replace("://", "://:master's@");
    let storage = connect(&url).await;
    assert!(put_and_get(&storage, "key").await);

    for port in set.sentinel_ports() {
        let mut connection = cacheme_tests::redis::connection(port);
        connection.command(&[
            "ACL", "SETUSER", "watcher", "on", ">hunter2", "~*", "&*", "+@all",
        ]);
        connection.command(&["ACL", "SETUSER", "default", "off"]);
    }
    let opened = cacheme::storage::open(&url).await;
    opened.expect_err("the sentinels want a user");
    let url = format!("{url}&sentinel_user=watcher&sentinel_password=hunter2");
    let storage = connect(&url).await;
    assert!(put_and_get(&storage, "key").await);
    let debug = format!(
        "{storage:?} {:?}",
        cacheme::storage::RedisStorage::builder(&url)
    );
    assert!(
        !debug.contains("hunter2") && !debug.contains("master's"),
        "{debug}"
    );
}
