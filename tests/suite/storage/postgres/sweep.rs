//! Expired rows leave by themselves.

use std::time::Duration;

use cacheme::{Entry, Key, Storage};
use cacheme_tests::postgres::PostgresServer;
use cacheme_tests::wait::eventually;

use super::{PATIENCE, open};

const ROWS: &str = "SELECT count(*) FROM cacheme";

/// Expired rows, some that never expire, and some that do in an hour.
const MIXTURE: &str = "\
    INSERT INTO cacheme SELECT ('old:' || n)::bytea, 'x', now() - n * interval '1 ms' FROM generate_series(1, 2500) n; \
    INSERT INTO cacheme SELECT ('for ever:' || n)::bytea, 'x', NULL FROM generate_series(1, 100) n; \
    INSERT INTO cacheme SELECT ('hour:' || n)::bytea, 'x', now() + interval '1 h' FROM generate_series(1, 10) n";

#[tokio::test]
async fn expired_rows_leave_and_others_stay() {
    let server = PostgresServer::start_with(&["log_statement=all"]);
    let storage = open(&server, "sweep=100ms").await;
    server.run(MIXTURE).await;
    eventually("expired rows are gone", PATIENCE, async || {
        server.number(ROWS).await == 110
    })
    .await;
    let entry = Entry::new(Key::new("brief"), "x").with_ttl(Duration::from_millis(1));
    storage.put_many(&[entry]).await.expect("put succeeds");
    eventually("it is gone", PATIENCE, async || {
        server.number(ROWS).await == 110
    })
    .await;
    assert!(sweeps(&server) > 3);
}

/// How often the server was asked to sweep.
fn sweeps(server: &PostgresServer) -> usize {
    let log = server.log();
    log.lines()
        .filter(|line| line.contains("SKIP LOCKED"))
        .count()
}

#[tokio::test]
async fn one_process_sweeps_at_a_time_and_passes_over_what_is_in_use() {
    let server = PostgresServer::start_with(&["log_statement=all"]);
    let storages = [
        open(&server, "sweep=20ms").await,
        open(&server, "sweep=20ms").await,
    ];
    let other = server.client().await;
    let lock = "(1667326824, hashtext('\"cacheme\"'))";
    let locked = other
        .batch_execute(&format!("SELECT pg_advisory_lock{lock}"))
        .await;
    locked.expect("nobody sweeps for long");
    server.run(MIXTURE).await;
    let before = sweeps(&server);
    eventually("both come by", PATIENCE, async || {
        sweeps(&server) > before + 6
    })
    .await;
    assert_eq!(server.number(ROWS).await, 2610, "another one is at it");

    let in_use = "BEGIN; SELECT FROM cacheme WHERE key = 'old:7' FOR UPDATE";
    other.batch_execute(in_use).await.expect("the row is free");
    let unlocked = server_unlock(&other, lock).await;
    assert!(unlocked);
    eventually("the others are gone", PATIENCE, async || {
        server.number(ROWS).await == 111
    })
    .await;
    other
        .batch_execute("COMMIT")
        .await
        .expect("nothing is in the way");
    eventually("it is gone", PATIENCE, async || {
        server.number(ROWS).await == 110
    })
    .await;
    drop(storages);
}

async fn server_unlock(client: &tokio_postgres::Client, lock: &str) -> bool {
    let unlocked = client
        .query_one(&format!("SELECT pg_advisory_unlock{lock}"), &[])
        .await;
    unlocked.expect("it can be unlocked").get(0)
}

#[tokio::test]
async fn nothing_is_swept_where_that_is_off() {
    let server = PostgresServer::start_with(&["log_statement=all"]);
    let storage = open(&server, "sweep=off").await;
    server.run(MIXTURE).await;
    let found = storage
        .get_many(&[Key::new("old:1"), Key::new("hour:1")])
        .await;
    assert_eq!(found.expect("get succeeds"), [None, Some("x".into())]);
    assert_eq!((sweeps(&server), server.number(ROWS).await), (0, 2610));
}
