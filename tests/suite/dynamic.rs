//! Nodes that come at run time.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cacheme::codec::Json;
use cacheme::{Cacheme, DynamicNode, LocalStorage, Tier};
use cacheme_tests::memory::MemoryStorage;
use serde::Serialize;
use tokio::sync::Notify;

use crate::fetch::{promptly, until};

async fn runtime(far: &MemoryStorage) -> Cacheme {
    let built = Cacheme::builder()
        .storage("near", LocalStorage::lru(100))
        .storage("far", far.clone())
        .build()
        .await;
    built.expect("the set-up is right")
}

/// A node in the storage `far` only.
fn far_node(runtime: &Cacheme, name: &str) -> DynamicNode<u64> {
    let node = runtime.dynamic(name).tier(Tier::new("far")).build();
    node.expect("the definition is right")
}

#[tokio::test]
async fn a_chain_is_read_filled_and_emptied() {
    let far = MemoryStorage::new();
    let runtime = runtime(&far).await;
    let node: DynamicNode<u64> = runtime
        .dynamic("prices")
        .version("v2")
        .tier(Tier::new("near").with_ttl(Duration::from_secs(30)))
        .tier(Tier::new("far"))
        .build()
        .expect("the definition is right");
    let get = |value| node.get(("tea", 2), move |_cx| async move { Ok(value) });
    assert_eq!(get(1).await.expect("a value"), 1);
    assert_eq!(get(2).await.expect("a value"), 1, "it is kept");
    assert_eq!(
        node.key(("tea", 2)).expect("a key").as_str(),
        "prices:(tea,2,):v2"
    );
    let keys: Vec<_> = far.entries().keys().map(ToString::to_string).collect();
    assert_eq!(keys, ["prices:(tea,2,):v2"]);

    let renewed = node.refresh(("tea", 2), |_cx| async { Ok(3) });
    assert_eq!(renewed.await.expect("a value"), 3);
    assert_eq!(get(4).await.expect("a value"), 3);
    node.invalidate(("tea", 2)).await.expect("it is removed");
    assert!(far.entries().is_empty());
    assert_eq!(get(5).await.expect("a value"), 5);

    let stats = node.stats();
    assert_eq!((stats.requests(), stats.hits(), stats.loads()), (4, 2, 3));
    assert_eq!(runtime.stats().nodes(), [stats]);
    assert_eq!(runtime.nodes(), [node.meta().clone()]);
}

#[tokio::test]
async fn simultaneous_requests_load_once() {
    let runtime = runtime(&MemoryStorage::new()).await;
    let (loads, release) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..50 {
        // A handle of its own: the same name is the same node.
        let node = far_node(&runtime, "flags");
        let (loads, release) = (Arc::clone(&loads), Arc::clone(&release));
        tasks.spawn(async move {
            let load = |_cx| async move {
                loads.fetch_add(1, Ordering::SeqCst);
                release.notified().await;
                Ok(7)
            };
            node.get("dark", load).await
        });
    }
    let node = far_node(&runtime, "flags");
    until(|| node.stats().requests() == 50).await;
    release.notify_one();
    for outcome in promptly(tasks.join_all()).await {
        assert_eq!(outcome.expect("a value"), 7);
    }
    assert_eq!(loads.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_batch_keeps_order_and_loads_each_missing_key_once() {
    let runtime = runtime(&MemoryStorage::new()).await;
    let node = far_node(&runtime, "squares");
    node.get("2", |_cx| async { Ok(4) }).await.expect("a value");
    let load = |keys: Vec<String>, _cx| async move {
        let unique: HashSet<_> = keys.iter().collect();
        assert_eq!((unique.len(), keys.len()), (2, 2), "{keys:?}");
        let square = |key: String| key.parse().map(|number: u64| (key, number * number));
        let squares: Result<Vec<_>, _> = keys.into_iter().rev().map(square).collect();
        Ok(squares?)
    };
    let keys = ["3", "2", "1", "3"].map(str::to_owned);
    let squares = node.get_all(keys, load).await.expect("values");
    assert_eq!(squares, [9, 4, 1, 9]);
    let none = |_keys: Vec<&str>, _cx| async { Ok([]) };
    let error = node.get_all(["3", "4"], none).await;
    let error = error.expect_err("one key is left out");
    assert_eq!((error.node(), error.is_load()), (Some("squares"), true));
}

#[derive(Serialize)]
#[serde(untagged)]
enum Either {
    Number(u8),
    Text(&'static str),
}

#[tokio::test]
async fn promise_6_keys_that_show_something_else_are_others() {
    for tier in ["near", "far"] {
        let runtime = runtime(&MemoryStorage::new()).await;
        let node: DynamicNode<String> = runtime
            .dynamic("any")
            .tier(Tier::new(tier))
            .build()
            .expect("the definition is right");
        macro_rules! all_differ {
            ($($key:expr),+ $(,)?) => {$(
                let mark = stringify!($key);
                let own = node.get($key, move |_cx| async move { Ok(mark.to_owned()) });
                assert_eq!(own.await.expect("a value"), mark, "in {tier}");
            )+};
        }
        all_differ!(
            7,
            "7",
            ("a", "b"),
            ("a:b",),
            "a:b",
            "(a,b,)",
            ["a:b", ""],
            Either::Number(9),
            Either::Text("9"),
            None::<u8>,
            Some(None::<u8>),
            "~",
            (),
            "",
        );
        // The widths of numbers don't count.
        let wide = node.get((7_u64, -1_i64), |_cx| async { Ok("one".to_owned()) });
        assert_eq!(wide.await.expect("a value"), "one");
        let narrow = node.get((7_i8, -1_i8), |_cx| async { Ok("two".to_owned()) });
        assert_eq!(narrow.await.expect("a value"), "one", "in {tier}");
    }
}

#[tokio::test]
async fn promise_6_nodes_whose_keys_meet_never_read_each_other() {
    #[cacheme::node(storage = "far", key = "shop:a:{number}:b")]
    struct Typed {
        number: u64,
    }
    let far = MemoryStorage::new();
    let runtime = runtime(&far).await;
    let (one, two) = (far_node(&runtime, "a"), far_node(&runtime, "a:1"));
    let three = far_node(&runtime, "shop");
    for (node, value) in [(&one, 1), (&two, 2), (&three, 3)] {
        for key in ["1:b", "b", "a:1:b"] {
            let got = node.get(key, move |_cx| async move { Ok(value) });
            assert_eq!(got.await.expect("a value"), value);
        }
    }
    let typed = runtime.get_with(Typed { number: 1 }, |_cx| async { Ok(4_u64) });
    assert_eq!(typed.await.expect("a value"), 4);
    assert_eq!(far.entries().len(), 10);

    for name in ["c", "d"] {
        let near = runtime.dynamic(name).tier(Tier::new("near")).build();
        let near: DynamicNode<String> = near.expect("the definition is right");
        let got = near.get("b", move |_cx| async move { Ok(name.to_owned()) });
        assert_eq!(got.await.expect("a value"), name, "in process");
    }

    // Bytes under the key of another node are foreign to it.
    let key = |node: &DynamicNode<u64>| node.key("b").expect("a key");
    let stolen = far.entries()[&key(&one)].clone();
    far.entries().insert(key(&two), stolen);
    let got = two.get("b", |_cx| async { Ok(20) });
    assert_eq!(got.await.expect("a value"), 20);
    assert_eq!(two.stats().tiers()[0].missed(cacheme::Miss::Foreign), 1);
}

#[tokio::test]
async fn promise_6_a_node_type_with_the_same_key_is_refused() {
    #[cacheme::node(storage = "far", key = "flags:{name}")]
    struct Flag {
        name: String,
    }
    let runtime = runtime(&MemoryStorage::new()).await;
    far_node(&runtime, "flags");
    let flag = Flag {
        name: String::new(),
    };
    let error = runtime.get_with(flag, |_cx| async { Ok(1_u8) }).await;
    let message = error.expect_err("the key is taken").to_string();
    assert!(
        message.contains("`dynamic:flags` have the same key `flags:{}`"),
        "{message}"
    );
}

#[tokio::test]
async fn another_definition_is_refused_and_says_what_differs() {
    let runtime = runtime(&MemoryStorage::new()).await;
    let _first = far_node(&runtime, "flags");
    let flags = || runtime.dynamic("flags");
    let (far, near) = (Tier::new("far"), Tier::new("near"));
    let version = flags().version("v2").tier(far.clone()).build::<u64>();
    let tiers = flags().tier(near).build::<u64>();
    let codec = flags().tier(far.clone()).codec::<Json>().build::<u64>();
    let value = flags().tier(far.clone()).build::<String>();
    let refused = [
        (version.err(), vec!["version \"\", not \"v2\""]),
        (tiers.err(), vec!["tiers", "\"far\"", "not", "\"near\""]),
        (codec.err(), vec!["codec", "Bincode", "not", "Json"]),
        (value.err(), vec!["holds `u64`", "String"]),
        (
            flags().build::<u64>().err(),
            vec!["`flags` has no tier: add one by `tier`"],
        ),
        (
            runtime.dynamic("").tier(far.clone()).build::<u64>().err(),
            vec!["is empty"],
        ),
        (
            runtime
                .dynamic("new")
                .tier(Tier::new("else"))
                .build::<u64>()
                .err(),
            vec!["`new` names the storage \"else\""],
        ),
    ];
    for (error, parts) in refused {
        let error = error.expect("it is refused");
        assert!(error.is_config());
        for part in parts {
            assert!(error.to_string().contains(part), "{error}: {part}");
        }
    }
    assert_eq!(runtime.nodes().len(), 1, "what was refused isn't listed");
}

#[tokio::test]
async fn a_failed_load_and_key_name_the_node() {
    struct Unwritable;
    impl Serialize for Unwritable {
        fn serialize<S: serde::Serializer>(&self, _serializer: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("no key"))
        }
    }
    let runtime = runtime(&MemoryStorage::new()).await;
    let node = far_node(&runtime, "flags");
    let error = node.get("dark", |_cx| async { Err("gone".into()) }).await;
    let error = error.expect_err("the load fails");
    assert_eq!(format!("{error:#}"), "loading `flags` failed: gone");
    let error = node.get(Unwritable, |_cx| async { Ok(1) }).await;
    let error = error.expect_err("there is no key");
    assert_eq!(
        format!("{error:#}"),
        "no key can be written for `flags`: no key"
    );
    let error = node.get("dark", |_cx| async { panic!("oh") }).await;
    assert_eq!(error.expect_err("it panics").node(), Some("flags"));
}
