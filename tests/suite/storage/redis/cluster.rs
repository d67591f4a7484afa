//! A cluster: every key lands on its node, in one pipeline for each, and a master may die.

use std::collections::BTreeMap;
use std::time::Duration;

use cacheme::storage::RedisStorage;
use cacheme::{Entry, Key, Miss, Storage};
use cacheme_tests::loader::{Acts, Remote, Script};
use cacheme_tests::redis::{RedisCluster, Reply, SLOTS, slot, sockets};
use cacheme_tests::server::Server;
use cacheme_tests::wait::eventually;

use super::outage::{far, get, runtime};
use super::{PATIENCE, connect};

/// A key in every slot, and the same slots again by hash tags.
fn keys() -> Vec<Key> {
    let mut names = BTreeMap::new();
    for number in 0.. {
        let name = format!("key:{number}");
        names.entry(slot(&name)).or_insert(name);
        if names.len() == usize::from(SLOTS) {
            break;
        }
    }
    let tagged = names
        .values()
        .step_by(50)
        .map(|name| format!("tagged:{{{name}}}:x"));
    let tagged: Vec<_> = tagged.collect();
    names.into_values().chain(tagged).map(Key::new).collect()
}

#[tokio::test]
async fn a_batch_over_all_slots_lands_on_the_right_nodes() {
    let cluster = RedisCluster::start();
    let storage = RedisStorage::builder(&cluster.url())
        .deadline(Duration::from_secs(20))
        .connect()
        .await
        .expect("the cluster can be reached");
    let keys = keys();
    let entry = |key: &Key| Entry::new(key.clone(), key.as_str().to_owned());
    let entries: Vec<_> = keys.iter().map(entry).collect();
    storage.put_many(&entries).await.expect("put succeeds");

    for node in &cluster.nodes()[..3] {
        let mut connection = node.connection();
        let slots = connection.command(&["CLUSTER", "SLOTS"]).array();
        let ours = slots
            .into_iter()
            .map(Reply::array)
            .find(|range| range[2].clone().array()[1].integer() == i64::from(node.port()));
        let [first, last] =
            [0, 1].map(|place| ours.as_ref().expect("it has slots")[place].integer());
        let here = |key: &&Key| (first..=last).contains(&i64::from(slot(key.as_str())));
        let expected = keys.iter().filter(here).count();
        let size = connection.command(&["DBSIZE"]).integer();
        assert_eq!(usize::try_from(size), Ok(expected));
        for slot in (first..=last).step_by(333) {
            let of_slot = |key: &&Key| i64::from(super::cluster::slot(key.as_str())) == slot;
            let expected = keys.iter().filter(of_slot).count();
            let count = connection.command(&["CLUSTER", "COUNTKEYSINSLOT", &slot.to_string()]);
            assert_eq!(usize::try_from(count.integer()), Ok(expected));
        }
    }

    let backwards: Vec<_> = keys.iter().rev().cloned().collect();
    let found = storage.get_many(&backwards).await.expect("get succeeds");
    let names = backwards
        .iter()
        .map(|key| Some(key.as_str().as_bytes().to_vec()));
    assert!(
        found
            .into_iter()
            .map(|value| value.map(Vec::from))
            .eq(names)
    );
    storage.remove_many(&keys).await.expect("remove succeeds");
    for node in &cluster.nodes()[..3] {
        assert_eq!(node.command(&["DBSIZE"]).integer(), 0);
    }
}

/// No node answers, and yet each receives all of its commands.
#[tokio::test]
async fn a_batch_is_one_pipeline_to_each_node() {
    let cluster = RedisCluster::start();
    let storage = RedisStorage::builder(&cluster.url())
        .deadline(Duration::from_secs(20))
        .connect()
        .await
        .expect("the cluster can be reached");
    let keys: Vec<_> = (0..300).map(|n| Key::new(format!("key:{n:06}"))).collect();
    let entries: Vec<_> = keys
        .iter()
        .map(|key| Entry::new(key.clone(), "x"))
        .collect();
    let gets = "*2\r\n$3\r\nGET\r\n$10\r\nkey:000000\r\n".len();
    let sets = "*3\r\n$3\r\nSET\r\n$10\r\nkey:000000\r\n$1\r\nx\r\n".len();
    let dels = gets;
    for (operation, length) in [(0, sets), (1, gets), (2, dels)] {
        cluster.freeze();
        let (storage, keys, entries) = (storage.clone(), keys.clone(), entries.clone());
        let running = tokio::spawn(async move {
            match operation {
                0 => storage.put_many(&entries).await,
                1 => storage.get_many(&keys).await.map(drop),
                _ => storage.remove_many(&keys).await,
            }
        });
        for node in &cluster.nodes()[..3] {
            // A third of the keys, about; they are spread evenly.
            let expected = u64::try_from(80 * length).expect("it is small");
            eventually("the commands wait to be read", PATIENCE, async || {
                sockets(node.port())
                    .iter()
                    .any(|socket| socket.unread >= expected)
            })
            .await;
        }
        cluster.thaw();
        running.await.expect("no panic").expect("the nodes answer");
    }
}

#[tokio::test]
async fn a_cluster_is_found_by_any_node_that_is_up() {
    let mut cluster = RedisCluster::start();
    let replica = cluster.nodes()[5].port();
    let dead = cluster.nodes()[4].port();
    cluster.kill_node(4);
    let storage = connect(&format!(
        "redis-cluster://127.0.0.1:{dead}?node=127.0.0.1:{replica}"
    ))
    .await;
    let key = Key::new("key");
    let entry = Entry::new(key.clone(), "x");
    storage.put_many(&[entry]).await.expect("put succeeds");
    let found = storage.get_many(&[key]).await.expect("get succeeds");
    assert_eq!(found, [Some("x".into())]);
    let debug = format!("{storage:?}");
    assert!(debug.contains(&replica.to_string()), "{debug}");
}

/// Only what was on the node that died is missing.
#[tokio::test]
async fn a_batch_finds_what_the_other_nodes_have() {
    let mut cluster = RedisCluster::start();
    let storage = connect(&cluster.url()).await;
    let keys: Vec<_> = (0..90).map(|n| Key::new(format!("key:{n}"))).collect();
    let entries: Vec<_> = keys
        .iter()
        .map(|key| Entry::new(key.clone(), "x"))
        .collect();
    storage.put_many(&entries).await.expect("put succeeds");
    // Its replica first: nobody takes over.
    cluster.kill_node(3);
    cluster.kill_node(0);
    let found = storage.get_many(&keys).await.expect("two nodes answer");
    for (key, value) in keys.iter().zip(&found) {
        let lost = slot(key.as_str()) < SLOTS / 3;
        assert_eq!(value.is_none(), lost, "{key:?}");
    }
    assert!(found.iter().any(Option::is_none) && found.iter().any(Option::is_some));
    let lost: Vec<_> = keys
        .iter()
        .filter(|key| slot(key.as_str()) < SLOTS / 3)
        .cloned()
        .collect();
    storage
        .get_many(&lost)
        .await
        .expect_err("nobody has any of them");
    storage
        .put_many(&entries)
        .await
        .expect_err("not all are written");
    storage
        .remove_many(&keys)
        .await
        .expect_err("not all are removed");
}

#[tokio::test]
async fn a_master_that_dies_is_missed_until_its_replica_takes_over() {
    const NUMBERS: u64 = 30;
    let mut cluster = RedisCluster::start();
    let script = Script::new(Acts::Load);
    let runtime = runtime(&cluster, &script).await;
    let node = |number| Remote { number };
    for number in 0..NUMBERS {
        get(&runtime, node, number).await;
    }
    cluster.kill_node(0);
    // Every request in between is answered, by the loader if need be, in time.
    let all_hit = async || {
        let before = far::<Remote>(&runtime).hits();
        for number in 0..NUMBERS {
            get(&runtime, node, number).await;
        }
        far::<Remote>(&runtime).hits() == before + NUMBERS
    };
    assert!(!all_hit().await, "some were on the dead master");
    assert!(far::<Remote>(&runtime).missed(Miss::Unavailable) > 0);
    eventually("the replica has taken over", PATIENCE, all_hit).await;

    // Writes included, over all nodes.
    let storage = connect(&cluster.url()).await;
    let keys: Vec<_> = (0..90).map(|n| Key::new(format!("key:{n}"))).collect();
    let entries: Vec<_> = keys
        .iter()
        .map(|key| Entry::new(key.clone(), "x"))
        .collect();
    storage.put_many(&entries).await.expect("put succeeds");
    let found = storage.get_many(&keys).await.expect("get succeeds");
    assert!(found.iter().all(Option::is_some));
}
