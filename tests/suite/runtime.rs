//! The runtime: set-up, prefix, state, figures.

use cacheme::{Cacheme, Load, LoadContext, LoadResult, LocalStorage};
use cacheme_tests::loader::{Acts, Numbered, Remote, Script};
use cacheme_tests::memory::MemoryStorage;
use serde::{Deserialize, Serialize};

async fn runtime(script: &Script) -> Cacheme {
    let built = Cacheme::builder()
        .storage("near", LocalStorage::tlfu(100))
        .storage("far", MemoryStorage::new())
        .state(script.clone())
        .build()
        .await;
    built.expect("the set-up is right")
}

#[tokio::test]
async fn a_storage_that_is_not_registered_is_named() {
    let runtime = Cacheme::default();
    let error = runtime
        .get(Remote { number: 1 })
        .await
        .expect_err("there is no storage");
    assert_eq!(
        error.to_string(),
        "`Remote` names the storage \"far\", which is not registered; none is"
    );
    runtime
        .register_storage("near", LocalStorage::lru(1))
        .await
        .expect("the name is free");
    let error = runtime
        .register_node::<Remote>()
        .expect_err("there is no such storage");
    assert!(error.is_config());
    assert!(
        error.to_string().ends_with("; these are: \"near\""),
        "{error}"
    );
    // What was missing can still come.
    runtime
        .register_storage("far", MemoryStorage::new())
        .await
        .expect("the name is free");
    runtime
        .register_node::<Remote>()
        .expect("the storage is there now");
    let again = runtime.register_storage("far", LocalStorage::lru(1)).await;
    let error = again.expect_err("the name is taken");
    assert_eq!(error.to_string(), "a storage \"far\" is registered already");
}

#[tokio::test]
async fn state_that_is_missing_or_there_twice_is_named() {
    let build = Cacheme::builder()
        .storage("far", MemoryStorage::new())
        .build();
    let runtime = build.await.expect("the set-up is right");
    let error = runtime
        .get(Remote { number: 1 })
        .await
        .expect_err("there is no script");
    let source = std::error::Error::source(&error).expect("what `state` returned");
    assert!(source.to_string().contains("loader::Script"), "{source}");
    runtime
        .set_state(Script::new(Acts::Load))
        .expect("there is none yet");
    assert_eq!(runtime.get(Remote { number: 1 }).await.expect("a value"), 1);
    assert!(runtime.set_state(Script::new(Acts::Load)).is_err());
    let twice = Cacheme::builder().state(1_u8).state(2_u8).build().await;
    assert!(twice.expect_err("there are two").is_config());
}

#[tokio::test]
async fn a_prefix_sets_entries_apart_in_every_tier() {
    let script = Script::new(Acts::Load);
    let runtime = runtime(&script).await;
    let get = || runtime.get(Numbered { number: 7 });
    assert_eq!(get().await.expect("a value"), 7);
    runtime.set_prefix("tenant");
    script.set_source(1);
    assert_eq!(get().await.expect("a value"), 1007);
    assert_eq!(get().await.expect("a value"), 1007);
    runtime.set_prefix("");
    assert_eq!(get().await.expect("a value"), 7);
    assert_eq!(script.calls().len(), 2);
}

mod other {
    #[cacheme::node(storage = "far")]
    pub(super) struct Remote {
        pub(super) number: u64,
    }
}

#[tokio::test]
async fn promise_6_two_node_types_with_one_key_are_refused() {
    let runtime = runtime(&Script::new(Acts::Load)).await;
    runtime
        .register_node::<Remote>()
        .expect("the first one is fine");
    let node = other::Remote { number: 1 };
    let error = runtime.get_with(node, |_cx| async { Ok(1_u8) }).await;
    let message = error.expect_err("the second one is not").to_string();
    for part in ["loader::Remote", "other::Remote", "`Remote:{}`", "key = "] {
        assert!(message.contains(part), "{message}");
    }
}

#[tokio::test]
async fn a_node_holds_one_type_of_value() {
    let runtime = runtime(&Script::new(Acts::Load)).await;
    let number = runtime.get_with(other::Remote { number: 1 }, |_cx| async { Ok(1_u8) });
    assert_eq!(number.await.expect("a value"), 1);
    let text = runtime.get_with(other::Remote { number: 1 }, |_cx| async {
        Ok(String::new())
    });
    let error = text.await.expect_err("it holds numbers");
    assert_eq!(
        error.to_string(),
        "`Remote` holds `u8` in this runtime, so it can't hold `alloc::string::String` as well"
    );
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(u8),
}

#[cacheme::node(storage = "far")]
struct Needy;

impl Load for Needy {
    type Value = Untagged;

    async fn load(&self, _cx: &LoadContext) -> LoadResult<Untagged> {
        Ok(Untagged::Number(1))
    }
}

#[tokio::test]
async fn a_value_that_bincode_cannot_read_back_is_refused_at_once() {
    let runtime = runtime(&Script::new(Acts::Load)).await;
    let error = runtime
        .get(Needy)
        .await
        .err()
        .expect("bincode can't read it");
    assert!(error.is_config());
    assert!(error.to_string().contains("self-describing"), "{error}");
}

#[tokio::test]
async fn figures_add_up() {
    let script = Script::new(Acts::Load);
    let runtime = runtime(&script).await;
    for number in [1, 2, 1, 1] {
        runtime.get(Numbered { number }).await.expect("a value");
    }
    let batch = [1, 2, 3, 3].map(|number| Numbered { number });
    runtime.get_all(batch).await.expect("values");
    script.set(Acts::Fail);
    runtime
        .get(Numbered { number: 4 })
        .await
        .expect_err("the load fails");
    let stats = runtime.stats();
    let node = stats.node::<Numbered>().expect("the node is known");
    assert_eq!(
        (node.requests(), node.hits(), node.joined(), node.misses()),
        (9, 4, 1, 4)
    );
    assert_eq!(
        (node.loads(), node.failed_loads(), node.load_calls()),
        (3, 1, 4)
    );
    assert!((node.hit_ratio() - 5.0 / 9.0).abs() < 1e-9);
    let [near, far] = node.tiers() else {
        panic!("the node has two tiers");
    };
    assert_eq!(
        (near.storage(), near.hits(), near.misses(), near.writes()),
        ("near", 4, 5, 3)
    );
    assert_eq!(
        (far.storage(), far.hits(), far.misses(), far.writes()),
        ("far", 0, 4, 3)
    );
    assert_eq!(far.missed(cacheme::Miss::Absent), 4);
    let shown = stats.to_string();
    assert!(
        shown.starts_with("Numbered: 9 requests, 55.6 % hit"),
        "{shown}"
    );
    assert!(
        shown.contains("\n  far: 0 hits, 4 misses (4 absent), 3 written\n"),
        "{shown}"
    );
    assert!(stats.node::<Remote>().is_none());
    assert_eq!(runtime.nodes().len(), 1);
}

#[test]
fn outside_of_tokio_a_miss_is_an_error_and_a_hit_is_not() {
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let tokio = tokio.expect("a runtime");
    let cache = tokio.block_on(runtime(&Script::new(Acts::Load)));
    let value = tokio.block_on(cache.get(Numbered { number: 1 }));
    assert_eq!(value.expect("a value"), 1);
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let mut poll = |number| {
        let get = std::pin::pin!(cache.get(Numbered { number }));
        get.poll(&mut cx)
    };
    assert!(matches!(poll(1), std::task::Poll::Ready(Ok(1))));
    let std::task::Poll::Ready(Err(error)) = poll(2) else {
        panic!("a miss has to be an error");
    };
    assert!(error.is_config());
    assert!(error.to_string().contains("tokio"), "{error}");
}
