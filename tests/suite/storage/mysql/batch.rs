//! Batches: statements as the server counts them, its limits, its locks, its modes.

use cacheme::storage::MysqlStorage;
use cacheme::{Entry, Key, Storage};
use cacheme_tests::mysql::MysqlServer;
use cacheme_tests::server::Server;
use cacheme_tests::wait::eventually;
use mysql_async::prelude::Queryable;
use tokio::task::JoinSet;

use super::{PATIENCE, entry, get, put, storage};

/// What was asked of the table since the last call, as kind and beginning.
async fn asked(server: &MysqlServer) -> Vec<String> {
    let rows: Vec<(String, String)> = server
        .query(
            "SELECT command_type, LEFT(argument, 6) FROM mysql.general_log
             WHERE user_host LIKE 'cacheme%' AND argument REGEXP '(FROM|INTO) `cacheme`'
             ORDER BY event_time",
        )
        .await;
    server.query::<u8>("TRUNCATE mysql.general_log").await;
    let asked = rows.into_iter().map(|(kind, sql)| format!("{kind} {sql}"));
    asked.collect()
}

async fn logging() -> MysqlServer {
    let server = MysqlServer::start();
    server.query::<u8>("SET GLOBAL log_output = 'TABLE'").await;
    server.query::<u8>("SET GLOBAL general_log = 1").await;
    server
}

fn entries(count: usize) -> Vec<Entry> {
    let entry = |n| entry(format!("batch:{n}"), format!("value {n}"));
    (0..count).map(entry).collect()
}

fn keys(entries: &[Entry]) -> Vec<Key> {
    entries.iter().map(|entry| entry.key().clone()).collect()
}

#[tokio::test]
async fn a_batch_is_one_statement() {
    let server = logging().await;
    let storage = storage(&server, "?sweep=off").await;
    let entries = [entries(100), entries(50)].concat();
    let keys = keys(&entries);
    asked(&server).await;
    put(&storage, &entries).await;
    assert_eq!(asked(&server).await, ["Query INSERT"]);
    let found = storage.get_many(&keys).await.expect("get succeeds");
    assert!(found.iter().all(Option::is_some));
    assert_eq!(asked(&server).await, ["Query SELECT"]);
    storage.remove_many(&keys).await.expect("remove succeeds");
    assert_eq!(asked(&server).await, ["Query DELETE"]);
    storage.put_many(&[]).await.expect("put succeeds");
    storage.get_many(&[]).await.expect("get succeeds");
    storage.remove_many(&[]).await.expect("remove succeeds");
    assert!(asked(&server).await.is_empty());
}

#[tokio::test]
async fn a_single_entry_is_prepared_once() {
    let server = logging().await;
    let storage = storage(&server, "?sweep=off&pool=1").await;
    let round = async || {
        put(&storage, &[entry("one", "1")]).await;
        assert_eq!(get(&storage, "one").await.as_deref(), Some("1"));
        storage
            .remove_many(&[Key::new("one")])
            .await
            .expect("remove succeeds");
        asked(&server).await
    };
    asked(&server).await;
    let kinds = ["INSERT", "SELECT", "DELETE"];
    let prepared = kinds.map(|kind| [format!("Prepare {kind}"), format!("Execute {kind}")]);
    assert_eq!(round().await, prepared.concat());
    for _ in 0..3 {
        assert_eq!(round().await, kinds.map(|kind| format!("Execute {kind}")));
    }
    assert_eq!(server.figure("Prepared_stmt_count").await, 3);
}

#[tokio::test]
async fn batches_are_cut_at_the_limits() {
    let server = logging().await;
    let storage = storage(&server, "?sweep=off&deadline=10s").await;
    let many = entries(10_000);
    asked(&server).await;
    storage.get_many(&keys(&many)).await.expect("get succeeds");
    assert_eq!(asked(&server).await.len(), 2);
    // 100 of them are 6.5 MB in hexadecimal.
    let large: Vec<_> = (0..100)
        .map(|n| entry(format!("{n}"), vec![n; 32 << 10]))
        .collect();
    put(&storage, &large).await;
    assert_eq!(asked(&server).await, ["Query INSERT"; 2]);
    let found = storage.get_many(&keys(&large)).await.expect("get succeeds");
    let expected = large.iter().map(|entry| Some(entry.value().clone()));
    assert!(found.into_iter().eq(expected));
}

#[tokio::test]
async fn what_the_server_does_not_take_is_named_and_the_rest_is_written() {
    // 16 MiB, by default.
    let server = MysqlServer::start_with(&[]);
    let storage = storage(&server, "?deadline=20s").await;
    let full = (16 << 20) - 2048;
    put(
        &storage,
        &[entry("full", vec![1; full]), entry("grown", "old")],
    )
    .await;
    let batch = [
        entry("small", "x"),
        entry("grown", vec![2; 16 << 20]),
        entry("half", vec![3; 9 << 20]),
        entry("other", vec![4; 5 << 20]),
    ];
    let error = storage
        .put_many(&batch)
        .await
        .expect_err("one is too large");
    assert_eq!(
        error.to_string(),
        "a value of 16777216 bytes is too large for the server, whose `max_allowed_packet` is \
         16777216 bytes; the batch's other entries were written"
    );
    let names = ["full", "small", "half", "other", "grown"].map(Key::new);
    let found = storage.get_many(&names).await.expect("get succeeds");
    let lengths = found
        .iter()
        .map(|value| value.as_ref().map(bytes::Bytes::len));
    let expected = [Some(full), Some(1), Some(9 << 20), Some(5 << 20), None];
    assert!(lengths.eq(expected), "nothing out of date is left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn overlapping_batches_in_opposite_orders_all_succeed() {
    let server = MysqlServer::start();
    let storage = storage(&server, "?deadline=20s&sweep=5ms").await;
    let mut tasks = JoinSet::new();
    for task in 0..8_usize {
        let storage = storage.clone();
        tasks.spawn(async move {
            for round in 0..40 {
                let ttl = std::time::Duration::from_millis(1 + round % 20);
                let mut batch = entries(60);
                batch.rotate_left(task * 7);
                if task % 2 == 1 {
                    batch.reverse();
                }
                if task % 3 == 0 {
                    batch = batch.into_iter().map(|entry| entry.with_ttl(ttl)).collect();
                }
                put(&storage, &batch).await;
                let removed = storage.remove_many(&keys(&batch[..20])).await;
                removed.expect("remove succeeds");
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.expect("every batch succeeds");
    }
}

/// The server ends the one of two that changed less, and that is ours.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_lost_a_deadlock_is_sent_again() {
    let server = MysqlServer::start();
    let storage = storage(&server, "?deadline=20s&sweep=off").await;
    put(&storage, &[entry("a", "1"), entry("z", "1")]).await;
    put(&storage, &entries(500)).await;
    let mut other = server.connection().await;
    for sql in [
        "BEGIN",
        "UPDATE cacheme SET `value` = 'x' WHERE `key` > 'b'",
    ] {
        other.query_drop(sql).await.expect("the statement succeeds");
    }
    let ours = tokio::spawn({
        let storage = storage.clone();
        async move { storage.put_many(&[entry("a", "2"), entry("z", "2")]).await }
    });
    eventually("ours waits for theirs", PATIENCE, async || {
        server.figure("Innodb_row_lock_current_waits").await == 1
    })
    .await;
    let sql = "SELECT 1 FROM cacheme WHERE `key` = 'a' FOR UPDATE";
    other.query_drop(sql).await.expect("theirs goes on");
    assert_eq!(server.figure("Innodb_deadlocks").await, 1);
    other.query_drop("ROLLBACK").await.expect("it ends");
    let outcome = ours.await.expect("it doesn't panic");
    outcome.expect("put succeeds");
    assert_eq!(get(&storage, "z").await.as_deref(), Some("2"));
}

async fn keeps_all(storage: &MysqlStorage) {
    let all: Vec<u8> = (0..=u8::MAX).collect();
    let texts = ["", "it's", "back\\slash\\", "\0\"`\r\n", "x "];
    let mut batch: Vec<_> = texts.map(|text| entry(text, text.to_owned())).into();
    batch.push(entry("bytes", all));
    for batch in [&batch[..], &batch[..1], &batch[5..]] {
        put(storage, batch).await;
        let found = storage.get_many(&keys(batch)).await.expect("get succeeds");
        let expected = batch.iter().map(|entry| Some(entry.value().clone()));
        assert!(found.into_iter().eq(expected));
        storage
            .remove_many(&keys(batch))
            .await
            .expect("remove succeeds");
        let found = storage.get_many(&keys(batch)).await.expect("get succeeds");
        assert!(found.iter().all(Option::is_none));
    }
}

#[tokio::test]
async fn settings_of_the_server_change_nothing() {
    let modes = [
        "",
        "TRADITIONAL",
        "ANSI,NO_BACKSLASH_ESCAPES,EMPTY_STRING_IS_NULL",
        "ORACLE",
    ];
    let server = MysqlServer::start_with(&["--autocommit=0", "--character-set-server=latin1"]);
    for mode in modes {
        server
            .query::<u8>(&format!("SET GLOBAL sql_mode = '{mode}'"))
            .await;
        let one = storage(&server, "").await;
        keeps_all(&one).await;
        put(&one, &[entry("seen", mode)]).await;
        let other = storage(&server, "").await;
        assert_eq!(
            get(&other, "seen").await.as_deref(),
            Some(mode),
            "it is committed"
        );
    }
}
