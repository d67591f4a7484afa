//! `peek` and `contains`.

use cacheme::{Cacheme, Load, LoadContext, LoadResult, LocalStorage};
use cacheme_tests::loader::{Acts, Numbered};
use cacheme_tests::memory::{Call, Mode};

use super::{Bench, promptly, until};

const NODE: Numbered = Numbered { number: 7 };

impl Bench {
    async fn peek(&self) -> Option<u64> {
        promptly(self.runtime.peek(NODE)).await.expect("a look")
    }

    async fn contains(&self) -> bool {
        promptly(self.runtime.contains(NODE)).await.expect("a look")
    }
}

#[tokio::test]
async fn a_look_leaves_no_trace() {
    let bench = Bench::new(Acts::Load).await;
    assert_eq!(bench.peek().await, None);
    assert!(!bench.contains().await);
    let full = Bench::new(Acts::Load).await;
    promptly(full.runtime.get(NODE)).await.expect("a value");
    bench.far.entries().extend(full.far.entries().clone());
    let before = bench.runtime.stats();
    bench.far.take_calls();
    for _ in 0..2 {
        assert_eq!(bench.peek().await, Some(7));
        assert!(bench.contains().await);
    }
    assert_eq!(
        bench.far.take_calls(),
        [Call::Get(1); 4],
        "near is not filled"
    );
    assert_eq!(bench.runtime.stats(), before);
    assert_eq!(bench.requests(), 0);
    assert!(bench.script.calls().is_empty());
}

#[tokio::test]
async fn the_nearest_tier_answers() {
    let bench = Bench::new(Acts::Load).await;
    promptly(bench.runtime.get(NODE)).await.expect("a value");
    bench.far.take_calls();
    assert_eq!(bench.peek().await, Some(7));
    assert!(bench.contains().await);
    assert_eq!(bench.far.take_calls(), []);
}

#[tokio::test]
async fn a_load_under_way_is_not_waited_for() {
    let bench = Bench::new(Acts::Wait).await;
    let get = tokio::spawn({
        let runtime = bench.runtime.clone();
        async move { runtime.get(NODE).await }
    });
    until(|| bench.script.calls().len() == 1).await;
    assert_eq!(bench.peek().await, None);
    assert!(!bench.contains().await);
    bench.script.set(Acts::Load);
    promptly(get).await.expect("no panic").expect("a value");
    assert_eq!(bench.peek().await, Some(7));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_not_there() {
    let full = Bench::new(Acts::Load).await;
    promptly(full.runtime.get(NODE)).await.expect("a value");
    let filled = async || {
        let bench = Bench::new(Acts::Load).await;
        bench.far.entries().extend(full.far.entries().clone());
        bench
    };
    for mode in [Mode::Fails, Mode::Waits, Mode::Panics] {
        let bench = filled().await;
        bench.far.set_mode(mode);
        assert_eq!(bench.peek().await, None);
        assert!(!bench.contains().await);
    }
    let bench = filled().await;
    assert!(bench.contains().await);
    for entry in bench.far.entries().values_mut() {
        *entry = entry.slice(..entry.len() - 1);
    }
    assert_eq!(bench.peek().await, None);
    assert!(!bench.contains().await);
}

#[cacheme::node(storage = "two")]
struct Number(u64);

impl Load for Number {
    type Value = u64;

    async fn load(&self, _cx: &LoadContext) -> LoadResult<u64> {
        Ok(self.0)
    }
}

#[tokio::test]
async fn a_policy_of_eviction_notices_nothing() {
    let runtime = Cacheme::builder()
        .storage("two", LocalStorage::lru(2))
        .build()
        .await
        .expect("the set-up is right");
    let get = async |number| runtime.get(Number(number)).await.expect("a value");
    let contains = async |number| runtime.contains(Number(number)).await.expect("a look");
    get(1).await;
    get(2).await;
    assert_eq!(runtime.peek(Number(1)).await.expect("a look"), Some(1));
    assert!(contains(1).await);
    get(3).await;
    assert!(
        !contains(1).await,
        "it is still the one that was used first"
    );
    assert!(contains(2).await && contains(3).await);
}
