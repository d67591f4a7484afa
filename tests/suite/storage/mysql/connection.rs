//! Connections: how many there are, and what becomes of those that break.

use std::fs;
use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use cacheme::storage::MysqlStorage;
use cacheme::{Key, Storage};
use cacheme_tests::mysql::MysqlServer;
use cacheme_tests::server::Server;
use cacheme_tests::wait::eventually;
use mysql_async::prelude::Queryable;
use tokio::task::JoinSet;

use super::{PATIENCE, entry, get, put, storage};

/// The ids of the storages' connections.
async fn connections(server: &MysqlServer) -> Vec<u64> {
    let sql = "SELECT id FROM information_schema.processlist WHERE user = 'cacheme' ORDER BY id";
    server.query(sql).await
}

/// Many requests at once.
async fn load(storage: &MysqlStorage) {
    let mut tasks = JoinSet::new();
    for task in 0..64 {
        let storage = storage.clone();
        tasks.spawn(async move {
            for round in 0..20 {
                let key = format!("{task}:{round}");
                put(&storage, &[entry(&key, "x")]).await;
                assert_eq!(get(&storage, &key).await.as_deref(), Some("x"));
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.expect("all requests succeed");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_are_no_more_than_the_pool_has_and_none_after_the_last_clone() {
    let server = MysqlServer::start();
    let before = server.figure("Connections").await;
    let storage = storage(&server, "?pool=3&deadline=20s&sweep=off").await;
    load(&storage).await;
    // One of them is the question itself.
    assert_eq!(server.figure("Connections").await, before + 3 + 1);
    assert_eq!(connections(&server).await.len(), 3);
    let clone = storage.clone();
    drop(storage);
    assert_eq!(get(&clone, "1:1").await.as_deref(), Some("x"));
    drop(clone);
    eventually("the connections are closed", PATIENCE, async || {
        connections(&server).await.is_empty()
    })
    .await;
    assert_eq!(
        server.figure("Aborted_clients").await,
        0,
        "all said goodbye"
    );
}

#[tokio::test]
async fn one_that_was_killed_is_replaced_at_once() {
    let server = MysqlServer::start();
    let storage = storage(&server, "?pool=1&sweep=off&deadline=10s").await;
    put(&storage, &[entry("a", "1")]).await;
    for _ in 0..3 {
        let before = connections(&server).await;
        assert_eq!(before.len(), 1);
        server.query::<u8>(&format!("KILL {}", before[0])).await;
        assert_eq!(
            get(&storage, "a").await.as_deref(),
            Some("1"),
            "no error is seen"
        );
        assert_ne!(connections(&server).await, before);
    }
}

#[tokio::test]
async fn a_server_that_was_started_again_has_what_was_written() {
    let mut server = MysqlServer::start();
    let storage = storage(&server, "?deadline=10s").await;
    load(&storage).await;
    server.kill();
    let error = storage.get_many(&[Key::new("1:1")]).await;
    let message = error.expect_err("nobody is there").to_string();
    assert!(
        message.starts_with("no connection to 127.0.0.1:"),
        "{message}"
    );
    server.restart();
    assert_eq!(get(&storage, "1:1").await.as_deref(), Some("x"));
    load(&storage).await;
}

#[tokio::test]
async fn waiting_for_a_connection_ends_at_the_deadline() {
    let server = MysqlServer::start();
    let storage = storage(&server, "?pool=1&sweep=off&deadline=2s").await;
    put(&storage, &[entry("a", "1")]).await;
    let mut holder = server.connection().await;
    holder.query_drop("BEGIN").await.expect("it begins");
    let sql = "SELECT 1 FROM cacheme FOR UPDATE";
    holder.query_drop(sql).await.expect("the row is locked");
    let put_entry = [entry("a", "2")];
    let keys = [Key::new("b")];
    let (put, got) = tokio::join!(storage.put_many(&put_entry), storage.get_many(&keys));
    for error in [
        put.expect_err("the row is locked"),
        got.expect_err("no connection is free"),
    ] {
        assert_eq!(error.to_string(), "no answer within 2s");
    }
    holder.query_drop("ROLLBACK").await.expect("it ends");
    eventually("it works again", PATIENCE, async || {
        storage.get_many(&keys).await.is_ok()
    })
    .await;
}

/// The abandoned put waits for a lock, and the later one doesn't need it.
#[tokio::test]
async fn a_put_that_was_abandoned_does_not_undo_a_later_one() {
    let server = MysqlServer::start();
    let storage = storage(&server, "?sweep=off&deadline=20s").await;
    put(&storage, &[entry("a", "first"), entry("z", "first")]).await;
    let mut holder = server.connection().await;
    holder.query_drop("BEGIN").await.expect("it begins");
    let sql = "SELECT 1 FROM cacheme WHERE `key` = 'a' FOR UPDATE";
    holder.query_drop(sql).await.expect("the row is locked");
    let abandoned = [entry("a", "abandoned"), entry("z", "abandoned")];
    {
        let mut abandoned = pin!(storage.put_many(&abandoned));
        eventually("the put waits at the server", PATIENCE, async || {
            assert!(!poll_some(&mut abandoned, 1).await);
            server.figure("Innodb_row_lock_current_waits").await == 1
        })
        .await;
    }
    let later = [entry("z", "later")];
    {
        let mut later = pin!(storage.put_many(&later));
        // Time to overtake, if it could.
        assert!(!poll_some(&mut later, 50).await, "it waits");
        holder.query_drop("ROLLBACK").await.expect("it ends");
        later.await.expect("put succeeds");
    }
    eventually("the first is done", PATIENCE, async || {
        get(&storage, "a").await.as_deref() == Some("abandoned")
    })
    .await;
    assert_eq!(get(&storage, "z").await.as_deref(), Some("later"));
}

/// Connections of this process to a port, which are open.
fn open_to(port: u16) -> usize {
    let table = fs::read_to_string("/proc/self/net/tcp").expect("there is /proc");
    let remote = format!(":{port:04X}");
    let open = |line: &&str| {
        let columns: Vec<_> = line.split_whitespace().collect();
        columns[2].ends_with(&remote) && columns[3] == "01"
    };
    table.lines().skip(1).filter(open).count()
}

/// Polls a future some times, with time for answers between; whether it ended.
async fn poll_some<F: Future + Unpin>(future: &mut F, polls: u32) -> bool {
    for _ in 0..polls {
        let poll = |cx: &mut Context<'_>| Poll::Ready(pin!(&mut *future).poll(cx).is_ready());
        if poll_fn(poll).await {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    false
}

/// However much of a large answer has come when it is frozen.
#[tokio::test]
async fn what_was_cut_off_is_closed_though_the_server_is_frozen() {
    let server = MysqlServer::start();
    let storage = storage(&server, "?sweep=off&pool=1&deadline=20s").await;
    put(&storage, &[entry("large", vec![7; 16 << 20])]).await;
    let keys = [Key::new("large")];
    for polls in 0..12 {
        eventually("it works", PATIENCE, async || {
            storage.get_many(&[Key::new("none")]).await.is_ok()
        })
        .await;
        let mut reading = storage.get_many(&keys);
        let ended = poll_some(&mut reading, polls).await;
        server.freeze();
        drop(reading);
        // One that was never asked for, or came to its end, is kept.
        let most = usize::from(polls == 0 || ended);
        eventually("it is closed", Duration::from_secs(5), async || {
            open_to(server.port()) <= most
        })
        .await;
        server.thaw();
    }
    assert!(storage.get_many(&keys).await.is_ok());
}
