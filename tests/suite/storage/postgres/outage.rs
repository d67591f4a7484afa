//! Connections that are lost, stuck, slow or given up.

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cacheme::{Key, Storage};
use cacheme_tests::postgres::PostgresServer;
use cacheme_tests::server::Server;
use cacheme_tests::wait::eventually;
use tokio::time::timeout;

use super::{CONNECTIONS, PATIENCE, closes_all, get, open, put, works};

/// Connections of storages on which a statement is under way.
const ACTIVE: &str = "SELECT count(*) FROM pg_stat_activity \
                      WHERE application_name = 'cacheme' AND state = 'active'";

#[tokio::test]
async fn there_are_no_more_connections_than_the_pool_has_and_none_at_the_end() {
    let server = PostgresServer::start();
    let storage = open(&server, "pool=3").await;
    let tasks = (0..32).map(|_| {
        let storage = storage.clone();
        tokio::spawn(async move {
            for _ in 0..20 {
                get(&storage, "key").await.expect("get succeeds");
            }
        })
    });
    let tasks: Vec<_> = tasks.collect();
    let mut most = 0;
    while !tasks.iter().all(tokio::task::JoinHandle::is_finished) {
        most = most.max(server.number(CONNECTIONS).await);
    }
    for task in tasks {
        task.await.expect("nothing fails");
    }
    assert_eq!(most, 3);
    let clone = storage.clone();
    drop(storage);
    works(&clone).await;
    drop(clone);
    closes_all(&server, CONNECTIONS).await;
}

#[tokio::test]
async fn connections_that_the_server_ended_are_replaced() {
    let server = PostgresServer::start();
    let storage = open(&server, "pool=4").await;
    for _ in 0..3 {
        let end = CONNECTIONS.replace("count(*)", "count(pg_terminate_backend(pid))");
        assert!(server.number(&end).await >= 1);
        eventually("the storage works", PATIENCE, async || {
            for _ in 0..8 {
                if get(&storage, "key").await.is_err() {
                    return false;
                }
            }
            true
        })
        .await;
        works(&storage).await;
    }
}

/// A connection is made however long it takes, though every operation gives up before.
#[tokio::test]
async fn a_deadline_may_be_shorter_than_connecting_takes() {
    let server = PostgresServer::start_with(&["pre_auth_delay=1"]);
    let storage = open(&server, "pool=1&deadline=200ms").await;
    works(&storage).await;
    let end = CONNECTIONS.replace("count(*)", "count(pg_terminate_backend(pid))");
    assert_eq!(server.number(&end).await, 1);
    eventually("the end is seen", PATIENCE, async || {
        get(&storage, "key").await.is_err()
    })
    .await;
    eventually("the storage works", PATIENCE, async || {
        get(&storage, "key").await.is_ok()
    })
    .await;
    works(&storage).await;
}

/// One row is locked by somebody else: whoever writes it gives up, and takes nothing with him.
#[tokio::test]
async fn a_write_that_is_stuck_is_cancelled_and_others_go_on() {
    let server = PostgresServer::start();
    let storage = open(&server, "pool=2&deadline=500ms&sweep=off").await;
    put(&storage, "locked", "first")
        .await
        .expect("put succeeds");
    let other = server.client().await;
    let lock = "BEGIN; UPDATE cacheme SET value = 'theirs' WHERE key = 'locked'";
    other.batch_execute(lock).await.expect("the row is free");
    for _ in 0..4 {
        let error = put(&storage, "locked", "second").await;
        let error = error.expect_err("it is locked").to_string();
        assert_eq!(error, "no answer within 500ms");
        assert_eq!(get(&storage, "free").await.expect("get succeeds"), None);
        works(&storage).await;
        closes_all(&server, ACTIVE).await;
    }
    assert!(server.number(CONNECTIONS).await <= 2);
    other
        .batch_execute("COMMIT")
        .await
        .expect("nothing is in the way");
    let found = get(&storage, "locked").await.expect("get succeeds");
    assert_eq!(found.as_deref(), Some("theirs"));
    put(&storage, "locked", "third")
        .await
        .expect("put succeeds");
}

/// Reads that nobody waits for any more don't hold up the next ones, nor cost connections.
#[tokio::test]
async fn dropped_reads_leave_the_connection_to_others() {
    let server = PostgresServer::start();
    let storage = open(&server, "pool=1").await;
    let process = "SELECT pid::bigint FROM pg_stat_activity WHERE application_name = 'cacheme'";
    let before = server.number(process).await;
    for _ in 0..100 {
        let _ = timeout(Duration::from_micros(300), get(&storage, "key")).await;
    }
    works(&storage).await;
    assert_eq!(server.number(process).await, before);
}

/// The process that serves the storage's first connection is stopped with a removal in its socket.
#[tokio::test]
async fn what_was_given_up_doesnt_undo_what_is_written_later() {
    let server = PostgresServer::start();
    let storage = Arc::new(open(&server, "pool=2&deadline=10s&sweep=off").await);
    put(&*storage, "key", "first").await.expect("put succeeds");
    // Prepared on both connections, so that a removal is one message.
    let keys = [Key::new("key")];
    for _ in 0..2 {
        storage.remove_many(&keys).await.expect("remove succeeds");
    }
    // The connection that has rested longest, whose turn it should be.
    let resting = "SELECT pid::bigint FROM pg_stat_activity WHERE application_name = 'cacheme' \
                   ORDER BY state_change LIMIT 1";
    let signal = |signal: &str, process: i64| {
        let process = process.to_string();
        let sent = Command::new("kill").args([signal, &*process]).status();
        assert!(sent.expect("`kill` can be run").success());
    };
    let mut stopped = None;
    for _ in 0..20 {
        let process = server.number(resting).await;
        signal("-STOP", process);
        let removal = timeout(Duration::from_millis(50), storage.remove_many(&keys)).await;
        if removal.is_err() {
            stopped = Some(process);
            break;
        }
        // It was another one's.
        signal("-CONT", process);
    }
    let stopped = stopped.expect("the removal went to the one that is stopped");
    let started = Instant::now();
    let mut later = {
        let storage = Arc::clone(&storage);
        tokio::spawn(async move { put(&*storage, "key", "later").await })
    };
    let early = timeout(Duration::from_millis(300), &mut later).await;
    signal("-CONT", stopped);
    match early {
        Ok(ended) => ended.expect("it doesn't panic").expect("put succeeds"),
        Err(_) => later
            .await
            .expect("it doesn't panic")
            .expect("put succeeds"),
    }
    assert!(started.elapsed() < PATIENCE);
    closes_all(&server, ACTIVE).await;
    let found = get(&*storage, "key").await.expect("get succeeds");
    assert_eq!(found.as_deref(), Some("later"));
}

#[tokio::test]
async fn a_server_that_has_no_room_says_so() {
    let settings = [
        "max_connections=4",
        "superuser_reserved_connections=0",
        "max_wal_senders=0",
    ];
    let server = PostgresServer::start_with(&settings);
    let full = [(); 4];
    let mut others = Vec::new();
    for () in full {
        others.push(server.client().await);
    }
    let error = super::refused(&server, "").await;
    assert!(
        error.contains("too many clients already (SQLSTATE 53300)"),
        "{error}"
    );
}
