//! The kit for users' tests.

use std::sync::Arc;
use std::time::Duration;

use cacheme::codec::InProcess;
use cacheme::testing::{Call, Conformance, Gate, Kit, MemoryStorage, Mode, Operation};
use cacheme::{
    Cacheable, Cacheme, Entry, Key, Load, LoadContext, LoadResult, LocalStorage, ManualClock, Miss,
    Node, Result, Storage, Tier,
};
use tokio::time::Instant;

use crate::fetch::promptly;

#[cacheme::node(caches(cache(storage = "one", ttl = "1m"), cache(storage = "two")))]
struct Number(u64);

#[cacheme::node(storage = "one", codec = InProcess)]
struct Kept;

/// What only local storages can do.
#[cacheme::node(storage = "one", idle = "1m", weight = String::len)]
struct Page(u64);

impl Load for Page {
    type Value = String;

    async fn load(&self, _cx: &LoadContext) -> LoadResult<String> {
        Ok(format!("page {}", self.0))
    }
}

async fn value<N: Node, V: Cacheable<N::Codec>>(runtime: &Cacheme, node: N, value: V) -> Result<V> {
    promptly(runtime.get_with(node, |_cx| async { Ok(value) })).await
}

#[tokio::test]
async fn a_kit_has_every_storage_that_a_node_names() {
    let kit = Kit::new();
    let build = async || kit.builder().build().await.expect("the set-up is right");
    let (one, other) = (build().await, build().await);
    assert_eq!(value(&one, Number(1), 1).await.expect("a value"), 1);
    assert_eq!(value(&other, Number(1), 2).await.expect("a value"), 1);
    let calls = [Call::Get(1), Call::Put(1), Call::Get(1)];
    assert_eq!(kit.storage("one").take_calls(), calls);

    kit.advance(Duration::from_secs(60));
    assert_eq!(value(&other, Number(1), 3).await.expect("a value"), 1);
    let stats = other.stats();
    let node = stats.node::<Number>().expect("the node is known");
    assert_eq!(node.tiers()[0].missed(Miss::Expired), 1);
    assert_eq!(node.tiers()[1].hits(), 1);

    // A dynamic node's, too.
    let dynamic = one.dynamic("names").tier(Tier::new("three")).build();
    let dynamic = dynamic.expect("the definition is right");
    let got = dynamic.get("key", |_cx| async { Ok(1_u8) }).await;
    assert_eq!(got.expect("a value"), 1);
    assert_eq!(kit.storage("three").entries().len(), 1);
}

#[tokio::test]
async fn a_kit_stands_for_a_local_storage_that_a_node_needs() {
    let kit = Kit::new();
    let runtime = kit.builder().build().await.expect("the set-up is right");
    for _ in 0..2 {
        let page = promptly(runtime.get(Page(1))).await;
        assert_eq!(page.expect("a value"), "page 1");
    }
    assert_eq!(kit.storage("one").entries().len(), 1);
}

#[tokio::test]
async fn a_kit_finds_what_a_codec_cannot_write_unless_a_local_storage_is_registered() {
    let kit = Kit::new();
    let runtime = kit.builder().build().await.expect("the set-up is right");
    let error = value(&runtime, Kept, 1).await;
    assert!(error.expect_err("it needs a codec").is_config());
    let local = kit.builder().storage("one", LocalStorage::lru(10));
    let runtime = local.build().await.expect("the set-up is right");
    assert_eq!(value(&runtime, Kept, 1).await.expect("a value"), 1);
    assert_eq!(value(&runtime, Kept, 2).await.expect("a value"), 1);
    assert!(kit.storage("one").entries().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_storage_that_waits_costs_its_deadline_by_the_paused_clock() {
    let kit = Kit::new();
    let timeout = Duration::from_secs(2);
    let builder = kit.builder().storage_timeout(timeout);
    let runtime = builder.build().await.expect("the set-up is right");
    kit.storage("two").set_mode_of(Operation::Get, Mode::Waits);
    let start = Instant::now();
    let got = runtime.get_with(Number(1), |_cx| async { Ok(1_u8) }).await;
    assert_eq!(got.expect("a value"), 1);
    assert_eq!(start.elapsed(), timeout);
}

#[tokio::test]
async fn operations_fail_as_often_as_they_are_told_to() {
    let storage = MemoryStorage::new();
    let key = [Key::new("a")];
    let entry = [Entry::new(key[0].clone(), "x")];
    storage.set_mode_of(Operation::Put, Mode::FailsNext(2));
    for _ in 0..2 {
        let error = storage.put_many(&entry).await.expect_err("told to");
        assert_eq!(error.to_string(), "told to fail");
        assert_eq!(storage.get_many(&key).await.expect("it works"), [None]);
    }
    storage.put_many(&entry).await.expect("it works again");
    assert_eq!(storage.entries()[&key[0]], "x");
    assert_eq!(storage.count(Operation::Put), 3);
    assert_eq!(
        (
            storage.count(Operation::Get),
            storage.count(Operation::Remove)
        ),
        (2, 0)
    );
}

#[tokio::test]
async fn loads_are_counted_by_key_and_fail_as_often_as_they_are_told_to() {
    let kit = Kit::new();
    let runtime = kit.builder().build().await.expect("the set-up is right");
    let gate = Gate::new();
    gate.set_mode(Mode::FailsNext(1));
    let get = |number| {
        let gate = gate.clone();
        runtime.get_with(Number(number), move |_cx| async move {
            gate.pass([number]).await?;
            Ok(number)
        })
    };
    let error = get(1).await.expect_err("told to fail");
    assert_eq!(
        format!("{error:#}"),
        "loading `Number` failed: told to fail"
    );
    for number in [1, 2, 2, 1] {
        assert_eq!(get(number).await.expect("a value"), number);
    }
    assert_eq!(gate.calls(), [[1], [1], [2]]);
    assert_eq!((gate.count(&1), gate.count(&2), gate.count(&3)), (2, 1, 0));
    promptly(gate.passed(3)).await;
    gate.set_mode(Mode::Panics);
    assert!(get(3).await.expect_err("told to panic").is_panic());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_with_a_clock_does_what_every_storage_has_to() {
    let clock = Arc::new(ManualClock::new());
    let storage = MemoryStorage::new().with_clock(Arc::<ManualClock>::clone(&clock));
    Conformance::of(storage)
        .run(async |_key, ttl| clock.advance(ttl))
        .await;
}
