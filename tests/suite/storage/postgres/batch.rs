//! Batches: one statement each, by good plans, in an order in which they don't block each other.

use cacheme::{Entry, Key, Storage};
use cacheme_tests::postgres::PostgresServer;
use cacheme_tests::server::Server;
use cacheme_tests::wait::eventually;

use super::{PATIENCE, open};

fn keys(numbers: impl Iterator<Item = usize>) -> Vec<Key> {
    numbers
        .map(|number| Key::new(format!("key:{number}")))
        .collect()
}

fn entries(keys: &[Key], value: &bytes::Bytes) -> Vec<Entry> {
    let entry = |key: &Key| Entry::new(key.clone(), value.clone());
    keys.iter().map(entry).collect()
}

/// How many statements of each kind the log has.
fn statements(server: &PostgresServer) -> [usize; 3] {
    let log = server.log();
    ["SELECT key, value FROM", "INSERT INTO", "DELETE FROM"].map(|statement| {
        let of_that_kind = |line: &&str| line.contains("execute s") && line.contains(statement);
        log.lines().filter(of_that_kind).count()
    })
}

#[tokio::test]
async fn a_batch_is_one_statement_within_the_limits() {
    let server = PostgresServer::start_with(&["log_statement=all", "log_parameter_max_length=0"]);
    let storage = open(&server, "deadline=1m&sweep=off").await;
    // So many statements of each kind for a batch of so many keys with values so long.
    for (count, length, expected) in [
        (2, 1, [1; 3]),
        (10_000, 100, [1; 3]),
        (50_001, 1, [2; 3]),
        (5, 8 << 20, [1, 2, 1]),
    ] {
        let before = statements(&server);
        let keys = keys(0..count);
        let value = bytes::Bytes::from(vec![7; length]);
        storage
            .put_many(&entries(&keys, &value))
            .await
            .expect("put succeeds");
        let found = storage.get_many(&keys).await.expect("get succeeds");
        assert!(found.iter().all(|found| found.as_ref() == Some(&value)));
        storage.remove_many(&keys).await.expect("remove succeeds");
        let after = statements(&server);
        let more = [0, 1, 2].map(|kind| after[kind] - before[kind]);
        assert_eq!(more, expected, "{count} values of {length} bytes");
        assert_eq!(server.number("SELECT count(*) FROM cacheme").await, 0);
    }
}

#[tokio::test]
async fn empty_batches_and_duplicates_cost_nothing() {
    let server = PostgresServer::start_with(&["log_statement=all"]);
    let storage = open(&server, "sweep=off").await;
    storage.put_many(&[]).await.expect("put succeeds");
    storage.remove_many(&[]).await.expect("remove succeeds");
    assert!(
        storage
            .get_many(&[])
            .await
            .expect("get succeeds")
            .is_empty()
    );
    assert_eq!(statements(&server), [0; 3]);
    let twice = keys([1, 2, 1].into_iter());
    storage
        .put_many(&entries(&twice, &"x".into()))
        .await
        .expect("put succeeds");
    assert_eq!(server.number("SELECT count(*) FROM cacheme").await, 2);
    assert_eq!(statements(&server), [0, 1, 0]);
}

/// Batches of the same keys in opposite orders: none waits for another in a circle.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn overlapping_batches_dont_deadlock() {
    let server = PostgresServer::start();
    let storage = open(&server, "deadline=20s").await;
    let tasks = (0..6).map(|task| {
        let storage = storage.clone();
        tokio::spawn(async move {
            let mut keys = keys(0..300);
            if task % 2 == 0 {
                keys.reverse();
            }
            for round in 0..15 {
                if (round + task) % 3 == 0 {
                    storage.remove_many(&keys).await.expect("remove succeeds");
                } else {
                    let entries = entries(&keys, &"value".into());
                    storage.put_many(&entries).await.expect("put succeeds");
                }
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.expect("nothing fails");
    }
    assert!(
        !server.log().contains("deadlock detected"),
        "{}",
        server.log()
    );
}

/// Rows lie in the opposite order of their keys, and are still locked in that of the keys.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn removing_and_putting_the_same_keys_doesnt_deadlock() {
    let server = PostgresServer::start();
    let storage = open(&server, "sweep=off").await;
    let keys = keys(0..300);
    let entries = entries(&keys, &vec![7; 1024].into());
    let client = server.client().await;
    for _ in 0..30 {
        let reversed = "TRUNCATE cacheme; INSERT INTO cacheme SELECT key, 'x' FROM \
                        (SELECT ('key:' || n)::bytea AS key FROM generate_series(0, 299) n \
                        ORDER BY key DESC) k";
        let laid = client.batch_execute(reversed).await;
        laid.expect("the rows can be laid");
        let (put, removed) = tokio::join!(storage.put_many(&entries), storage.remove_many(&keys));
        put.expect("put succeeds");
        removed.expect("remove succeeds");
    }
    assert!(!server.log().contains("deadlock detected"));
}

/// Though nothing was analyzed, since autovacuum is off.
#[tokio::test]
async fn statements_find_rows_by_the_primary_key() {
    let server = PostgresServer::start_with(&["autovacuum=off"]);
    let storage = open(&server, "deadline=1m&sweep=off").await;
    let all = keys(0..20_000);
    let value = "value".into();
    let scans = async |kind| {
        let query =
            format!("SELECT {kind}_scan FROM pg_stat_user_tables WHERE relname = 'cacheme'");
        server.number(&query).await
    };
    // The indexes were made by some.
    eventually("the server counts", PATIENCE, async || {
        scans("seq").await > 0
    })
    .await;
    let made = scans("seq").await;
    // Plans are made while the table is small.
    for _ in 0..10 {
        storage
            .put_many(&entries(&all[..10], &value))
            .await
            .expect("put succeeds");
        storage.get_many(&all[..10]).await.expect("get succeeds");
        storage.get_many(&all[..1]).await.expect("get succeeds");
        storage
            .remove_many(&all[..10])
            .await
            .expect("remove succeeds");
    }
    storage
        .put_many(&entries(&all, &value))
        .await
        .expect("put succeeds");
    eventually("the server counts", PATIENCE, async || {
        scans("idx").await >= 30
    })
    .await;
    let before = scans("idx").await;
    for place in 0..20 {
        storage
            .get_many(&all[place * 10..][..10])
            .await
            .expect("get succeeds");
        storage
            .get_many(&all[place..=place])
            .await
            .expect("get succeeds");
        storage
            .remove_many(&all[place * 10..][..5])
            .await
            .expect("remove succeeds");
    }
    eventually("the server counts", PATIENCE, async || {
        scans("idx").await >= before + 60
    })
    .await;
    assert_eq!(scans("seq").await, made);
}
