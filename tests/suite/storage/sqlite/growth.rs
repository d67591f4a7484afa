//! What keeps the file and its log from growing.

use std::fs;
use std::time::Duration;

use cacheme::storage::SqliteStorage;
use cacheme::{Entry, Key, Storage};
use tokio::task::JoinSet;

use super::{count, raw};
use crate::storage::embedded::{Embedded, PATIENCE, clock, folder, get, put};

#[tokio::test]
async fn expired_rows_leave_the_table() {
    let (folder, clock) = (folder(), clock());
    let path = folder.path().join("cache.db");
    let storage = <SqliteStorage as Embedded>::open(&path, &clock);
    let put_all = async |name: &str, ttl| {
        let entry = |n| Entry::new(Key::new(format!("{name}:{n}")), "x").with_ttl(ttl);
        let entries: Vec<_> = (0..300).map(entry).collect();
        storage.put_many(&entries).await.expect("put succeeds");
    };
    put_all("short", Duration::from_secs(60)).await;
    put_all("long", Duration::from_secs(120)).await;
    clock.advance(Duration::from_secs(60));
    let raw = raw(&path);
    let rows = || count(&raw, "SELECT count(*) FROM cacheme");
    put(&storage, "a", "x").await;
    assert_eq!(
        rows(),
        601 - 18,
        "a write takes out twice as many as it makes, and 16"
    );
    for _ in 0..20 {
        let key = Key::new("a");
        storage.remove_many(&[key]).await.expect("remove succeeds");
    }
    assert_eq!(rows(), 300);
    let index = "SELECT count(*) FROM pragma_index_list('cacheme') WHERE partial = 1";
    assert_eq!(count(&raw, index), 1);
}

/// Many small commits, each of which is answered before the next.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_that_never_pause_do_not_grow_the_log() {
    let folder = folder();
    let path = folder.path().join("cache.db");
    let storage = SqliteStorage::builder(&path).readers(4).deadline(PATIENCE);
    let storage = storage.open().expect("the file can be opened");
    let mut readers = JoinSet::new();
    for task in 0..16 {
        let storage = storage.clone();
        readers.spawn(async move {
            loop {
                get(&storage, &task.to_string()).await;
            }
        });
    }
    for round in 0..4000_u32 {
        put(&storage, &(round % 100).to_string(), vec![0; 8000]).await;
    }
    let log = fs::metadata(path.with_extension("db-wal")).expect("there is a log");
    // Some 50 MB were written, of at least three pages each time.
    assert!(log.len() < 16 << 20, "{} bytes", log.len());
}
