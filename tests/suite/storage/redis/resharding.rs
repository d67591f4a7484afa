//! Slots move from node to node under load: nothing is lost, and no value is a wrong one.

use std::time::Duration;

use cacheme::storage::RedisStorage;
use cacheme::{Entry, Key, Storage, StorageFuture};
use cacheme_tests::redis::{RedisCluster, slot};
use cacheme_tests::server::Server;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::connect;

/// All keys are in the slots of these.
const TAGS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// Nobody waits for longer for what is only for a moment.
const PATIENCE: Duration = Duration::from_secs(15);

/// While a slot is on its way, what is new goes to the node to come.
#[tokio::test]
async fn a_slot_on_its_way_is_served_by_both_nodes() {
    let cluster = RedisCluster::start();
    let storage = connect(&cluster.url()).await;
    let keys: Vec<_> = (0..6).map(|n| Key::new(format!("{{a}}:{n}"))).collect();
    let entry = |key: &Key| Entry::new(key.clone(), key.as_str().to_owned());
    let entries: Vec<_> = keys.iter().map(entry).collect();
    let (old, new) = entries.split_at(3);
    storage.put_many(old).await.expect("put succeeds");
    let from = (usize::from(slot("{a}")) / 5461).min(2);
    cluster.begin_to_move(slot("{a}"), from, (from + 1) % 3);

    storage.put_many(new).await.expect("put succeeds");
    storage.put_many(&entries[5..]).await.expect("put succeeds");
    for (number, count) in [(from, 3), ((from + 1) % 3, 3)] {
        let node = &cluster.nodes()[number];
        assert_eq!(node.command(&["DBSIZE"]).integer(), count);
    }
    let found = storage.get_many(&keys).await.expect("get succeeds");
    let values = entries.iter().map(|entry| Some(entry.value().clone()));
    assert!(found.into_iter().eq(values));
    let one = storage.get_many(&keys[4..5]).await.expect("get succeeds");
    assert!(one[0].is_some());
    storage.remove_many(&keys).await.expect("remove succeeds");
    let found = storage.get_many(&keys).await.expect("get succeeds");
    assert!(found.iter().all(Option::is_none));
}

/// Does it until it succeeds.
async fn until_done<'a, T>(operation: impl Fn() -> StorageFuture<'a, T>) -> T {
    let trying = async {
        loop {
            match operation().await {
                Ok(done) => return done,
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    };
    let done = tokio::time::timeout(PATIENCE, trying).await;
    done.expect("errors pass")
}

/// Puts and gets keys of its own, alone and in batches, until it is told to end. Says how often.
async fn work(storage: RedisStorage, task: u32, end: watch::Receiver<bool>) -> u32 {
    let keys: Vec<_> = TAGS
        .iter()
        .flat_map(|tag| (0..3).map(move |n| Key::new(format!("{{{tag}}}:{task}:{n}"))))
        .collect();
    for round in 1.. {
        let value = format!("{task}:{round}");
        let entry = |key: &Key| Entry::new(key.clone(), format!("{}={value}", key.as_str()));
        let entries: Vec<_> = keys.iter().map(entry).collect();
        if round % 2 == 0 {
            until_done(|| storage.put_many(&entries)).await;
        } else {
            for entry in &entries {
                let entry = std::slice::from_ref(entry);
                until_done(|| storage.put_many(entry)).await;
            }
        }
        let batch = until_done(|| storage.get_many(&keys)).await;
        for (entry, mut found) in entries.iter().zip(batch) {
            // A batch may leave out what a node didn't answer; a single key is told as it is.
            if found.is_none() {
                let key = std::slice::from_ref(entry.key());
                found = until_done(|| storage.get_many(key)).await.remove(0);
            }
            assert_eq!(found.as_ref(), Some(entry.value()), "{:?}", entry.key());
        }
        if *end.borrow() {
            return round;
        }
    }
    unreachable!("there is no end of rounds");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slots_that_move_under_load_lose_nothing() {
    let cluster = RedisCluster::start();
    let storage = connect(&cluster.url()).await;
    let end = watch::Sender::new(false);
    let mut tasks = JoinSet::new();
    for task in 0..6 {
        tasks.spawn(work(storage.clone(), task, end.subscribe()));
    }
    let moved = tokio::task::spawn_blocking(move || {
        let mut owners = TAGS
            .map(|tag| usize::from(slot(tag)) / 5461)
            .map(|owner| owner.min(2));
        for _ in 0..3 {
            for (tag, owner) in TAGS.iter().zip(&mut owners) {
                let next = (*owner + 1) % 3;
                cluster.move_slot(slot(tag), *owner, next);
                *owner = next;
            }
        }
        cluster
    });
    let cluster = moved.await.expect("the nodes do as they are told");
    end.send_replace(true);
    while let Some(rounds) = tasks.join_next().await {
        assert!(rounds.expect("nothing is lost") > 1);
    }
    // Who comes later finds it where it is now.
    let later = connect(&cluster.url()).await;
    for tag in TAGS {
        let key = Key::new(format!("{{{tag}}}:0:0"));
        let found = later.get_many(&[key]).await.expect("get succeeds");
        assert!(found[0].is_some());
    }
}
