//! A file that several storages have open.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use cacheme::storage::SqliteStorage;
use cacheme::testing::Conformance;
use cacheme::{Entry, Key, Storage, StorageFuture, Swap};
use tokio::task::JoinSet;

use super::{count, raw};
use crate::storage::embedded::{Embedded, PATIENCE, clock, folder, put};

/// Two storages of one file, each of which gets every other operation.
#[derive(Debug)]
struct Turns([SqliteStorage; 2], AtomicUsize);

impl Turns {
    fn next(&self) -> &SqliteStorage {
        let turn = self.1.fetch_add(1, Ordering::Relaxed);
        &self.0[turn % 2]
    }
}

impl Storage for Turns {
    fn get_many<'a>(&'a self, keys: &'a [Key]) -> StorageFuture<'a, Vec<Option<Bytes>>> {
        self.next().get_many(keys)
    }

    fn put_many<'a>(&'a self, entries: &'a [Entry]) -> StorageFuture<'a, ()> {
        self.next().put_many(entries)
    }

    fn remove_many<'a>(&'a self, keys: &'a [Key]) -> StorageFuture<'a, ()> {
        self.next().remove_many(keys)
    }

    fn swap_many<'a>(&'a self, swaps: &'a [Swap]) -> StorageFuture<'a, Vec<bool>> {
        self.next().swap_many(swaps)
    }

    fn can_swap(&self) -> bool {
        true
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_storages_of_a_file_conform_together() {
    let (folder, clock) = (folder(), clock());
    let path = folder.path().join("cache.db");
    let both = [(); 2].map(|()| <SqliteStorage as Embedded>::open(&path, &clock));
    let pass = async |_: &Key, ttl| clock.advance(ttl);
    let turns = Turns(both, AtomicUsize::new(0));
    Conformance::of(turns).run(pass).await;
}

/// Neither starves, though neither pauses.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_storages_write_to_a_file_at_once() {
    let folder = folder();
    let path = folder.path().join("cache.db");
    let mut tasks = JoinSet::new();
    for writer in 0..2 {
        let storage = SqliteStorage::builder(&path).durable().deadline(PATIENCE);
        let storage = storage.open().expect("the file can be shared");
        for task in 0..4 {
            let storage = storage.clone();
            tasks.spawn(async move {
                for round in 0..50 {
                    put(&storage, &format!("{writer}:{task}:{round}"), "x").await;
                }
            });
        }
    }
    while let Some(ended) = tasks.join_next().await {
        ended.expect("put succeeds");
    }
    assert_eq!(count(&raw(&path), "SELECT count(*) FROM cacheme"), 400);
}

#[test]
fn eight_at_once_open_a_file_that_is_not_there() {
    for _ in 0..100 {
        let folder = folder();
        let path = folder.path().join("cache.db");
        let start = Barrier::new(8);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    start.wait();
                    SqliteStorage::open(&path).expect("the file can be opened");
                });
            }
        });
    }
}
