//! Redis, through a real server.

mod astray;
mod cluster;
mod damage;
mod history;
mod outage;
mod place;
mod queue;
mod refill;
mod refusal;
mod resharding;
mod sentinel;
mod tls;
mod tracking;
mod trip;

use std::time::Duration;

use bytes::Bytes;
use cacheme::storage::RedisStorage;
use cacheme::{Entry, Key, Storage, StorageFuture};
use cacheme_tests::redis::RedisServer;
use cacheme_tests::server::{Server, assert_left};
use cacheme_tests::wait::eventually;

/// For what comes about by itself; never reached when all is well.
const PATIENCE: Duration = Duration::from_secs(10);

async fn connect(url: &str) -> RedisStorage {
    RedisStorage::connect(url)
        .await
        .expect("the server can be reached")
}

async fn storage(server: &RedisServer) -> RedisStorage {
    connect(&server.url()).await
}

/// A storage without its server's time, so that the runtime's clock counts.
#[derive(Debug)]
struct Timeless(RedisStorage);

impl Storage for Timeless {
    fn get_many<'a>(&'a self, keys: &'a [Key]) -> StorageFuture<'a, Vec<Option<Bytes>>> {
        self.0.get_many(keys)
    }

    fn put_many<'a>(&'a self, entries: &'a [Entry]) -> StorageFuture<'a, ()> {
        self.0.put_many(entries)
    }

    fn remove_many<'a>(&'a self, keys: &'a [Key]) -> StorageFuture<'a, ()> {
        self.0.remove_many(keys)
    }

    fn now(&self) -> Option<Duration> {
        None
    }
}

#[tokio::test]
async fn gives_the_server_the_ttl_in_milliseconds() {
    let server = RedisServer::start();
    let storage = storage(&server).await;
    let entry = |key, ttl| Entry::new(Key::new(key), "x").with_ttl(ttl);
    let odd = Duration::from_micros(7_200_123_456);
    let entries = [
        entry("odd", odd),
        entry("zero", Duration::ZERO),
        Entry::new(Key::new("ever"), "x"),
    ];
    storage.put_many(&entries).await.expect("put succeeds");
    let expires = server.command(&["PEXPIRETIME", "odd"]).integer();
    assert!(expires > 0);
    assert_left(server.command(&["PTTL", "odd"]).integer(), odd);
    assert_eq!(server.command(&["PTTL", "ever"]).integer(), -1);
    // Redis refuses `PX 0`; a ttl of nothing is a millisecond.
    eventually("the shortest ttl passes", PATIENCE, async || {
        server.command(&["EXISTS", "zero"]).integer() == 0
    })
    .await;
}

#[tokio::test]
async fn uses_the_database_of_the_url() {
    let server = RedisServer::start();
    let storage = RedisStorage::connect(&format!("{}/3", server.url()))
        .await
        .expect("database 3");
    storage
        .put_many(&[Entry::new(Key::new("key"), "x")])
        .await
        .expect("put succeeds");
    let mut connection = server.connection();
    assert_eq!(connection.command(&["EXISTS", "key"]).integer(), 0);
    connection.command(&["SELECT", "3"]);
    assert_eq!(connection.command(&["EXISTS", "key"]).integer(), 1);
}

#[tokio::test]
async fn closes_the_connection_with_the_last_clone() {
    let server = RedisServer::start();
    let mut connection = server.connection();
    let mut connected = || {
        connection
            .command(&["INFO", "clients"])
            .figure("connected_clients")
    };
    assert_eq!(connected(), Some(1));
    let storage = storage(&server).await;
    let clone = storage.clone();
    assert_eq!(connected(), Some(2));
    drop(storage);
    clone
        .get_many(&[Key::new("key")])
        .await
        .expect("the connection is open");
    drop(clone);
    eventually("the connection is closed", PATIENCE, async || {
        connected() == Some(1)
    })
    .await;
}

#[tokio::test]
async fn dropping_an_attempt_to_connect_gives_it_up() {
    let server = RedisServer::start();
    let mut connection = server.connection();
    let mut figure = |name| connection.command(&["INFO"]).figure(name);
    let before = figure("total_connections_received").expect("INFO has it");
    server.freeze();
    let url = server.url();
    let connecting = RedisStorage::connect(&url);
    let dropped = tokio::time::timeout(Duration::from_millis(200), connecting).await;
    assert!(dropped.is_err(), "a frozen server lets nobody in");
    server.thaw();
    eventually("the connection came and went", PATIENCE, async || {
        figure("total_connections_received") > Some(before)
            && figure("connected_clients") == Some(1)
    })
    .await;
}
