//! A database that others hold the lock of.

use std::time::{Duration, Instant};

use cacheme::storage::SqliteStorage;
use cacheme::{Entry, Key, Storage};
use cacheme_tests::wait::eventually;
use tokio::task::JoinSet;

use super::{count, raw, run};
use crate::storage::embedded::{PATIENCE, folder, get, open_files, put};

/// A write that waited, and was given up before another process wrote.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_given_up_does_not_undo_what_others_wrote() {
    let folder = folder();
    let path = folder.path().join("cache.db");
    let storage = SqliteStorage::builder(&path).deadline(PATIENCE);
    let storage = storage.open().expect("the file can be opened");
    let other = raw(&path);
    run(&other, "PRAGMA synchronous = OFF");
    for _ in 0..50 {
        put(&storage, "key", "first").await;
        run(&other, "BEGIN IMMEDIATE");
        let waiting = storage.clone();
        let task = tokio::spawn(async move { put(&waiting, "key", "given up").await });
        // Until it is with the thread that waits for the lock.
        tokio::time::sleep(Duration::from_millis(2)).await;
        run(&other, "UPDATE cacheme SET value = CAST('other' AS BLOB)");
        task.abort();
        assert!(task.await.is_err_and(|ended| ended.is_cancelled()));
        run(&other, "COMMIT");
        put(&storage, "later", "x").await;
        assert_eq!(get(&storage, "key").await, Some("other".into()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_database_costs_the_deadline_and_works_afterwards() {
    const DEADLINE: Duration = Duration::from_millis(300);

    let folder = folder();
    let path = folder.path().join("cache.db");
    let storage = SqliteStorage::builder(&path).deadline(DEADLINE);
    let storage = storage.open().expect("the file can be opened");
    put(&storage, "key", "before").await;
    let other = raw(&path);
    run(&other, "BEGIN EXCLUSIVE");
    let mut tasks = JoinSet::new();
    for task in 0..100 {
        let storage = storage.clone();
        tasks.spawn(async move {
            let started = Instant::now();
            // More than the queue has room for.
            let entry = Entry::new(Key::new(format!("{task}")), vec![0; 1 << 20]);
            let outcome = storage.put_many(&[entry]).await;
            (outcome, started.elapsed())
        });
    }
    assert_eq!(
        get(&storage, "key").await,
        Some("before".into()),
        "reads go on"
    );
    let mut errors = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        let (outcome, took) = ended.expect("the task doesn't panic");
        errors.push(outcome.expect_err("it is locked").to_string());
        // Generous, for busy machines.
        assert!(took < 10 * DEADLINE, "it took {took:?}");
    }
    let locked = |error: &String| error == "another process has it locked";
    assert!(errors.iter().any(locked), "{errors:?}");
    let late = |error: &String| error == "no answer within 300ms";
    assert!(
        errors.iter().all(|error| locked(error) || late(error)),
        "{errors:?}"
    );
    run(&other, "COMMIT");
    eventually("it works again", PATIENCE, async || {
        let entry = Entry::new(Key::new("key"), "after");
        storage.put_many(&[entry]).await.is_ok()
    })
    .await;
    assert_eq!(get(&storage, "key").await, Some("after".into()));
    let given_up = "SELECT count(*) FROM cacheme WHERE key <> 'key'";
    assert_eq!(count(&other, given_up), 0, "what failed wasn't written");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_does_not_wait_for_a_lock() {
    let folder = folder();
    let path = folder.path().join("cache.db");
    let storage = SqliteStorage::builder(&path).deadline(PATIENCE);
    let storage = storage.open().expect("the file can be opened");
    let other = raw(&path);
    run(&other, "BEGIN EXCLUSIVE");
    let waiting = storage.clone();
    let task = tokio::spawn(async move { put(&waiting, "key", "x").await });
    eventually("the write waits", PATIENCE, async || {
        // The connections of the storage and the other one.
        open_files(folder.path()) > 2 && !task.is_finished()
    })
    .await;
    task.abort();
    assert!(task.await.is_err_and(|ended| ended.is_cancelled()));
    let started = Instant::now();
    tokio::task::spawn_blocking(move || drop(storage))
        .await
        .expect("it closes");
    assert!(started.elapsed() < PATIENCE / 2);
    run(&other, "COMMIT");
    assert_eq!(count(&other, "SELECT count(*) FROM cacheme"), 0);
}
