//! `put` and `put_all`, and promise 3 for them: nothing older replaces what was put.

use cacheme::{Cacheme, Load, LoadContext, LoadResult, LocalStorage};
use cacheme_tests::loader::{Acts, Numbered, Remote};
use cacheme_tests::memory::{Call, MemoryStorage, Mode, Operation};
use serde::{Deserialize, Serialize, Serializer};
use tokio::task::JoinHandle;

use super::{Bench, promptly, until};

const NODE: Numbered = Numbered { number: 7 };

impl Bench {
    fn spawn_get(&self) -> JoinHandle<cacheme::Result<u64>> {
        let runtime = self.runtime.clone();
        tokio::spawn(async move { runtime.get(NODE).await })
    }

    fn spawn_put(&self, value: u64) -> JoinHandle<cacheme::Result<()>> {
        let runtime = self.runtime.clone();
        tokio::spawn(async move { runtime.put(NODE, value).await })
    }

    async fn put(&self, value: u64) {
        let put = promptly(self.runtime.put(NODE, value)).await;
        put.expect("it is put");
    }

    /// The node's value in the near tier, and in the far one.
    async fn tiers(&self) -> (Option<u64>, Option<u64>) {
        let far = Self::new(Acts::Load).await;
        far.far.entries().extend(self.far.entries().clone());
        self.far.set_mode(Mode::Fails);
        let near = promptly(self.runtime.peek(NODE)).await;
        self.far.set_mode(Mode::Works);
        let far = promptly(far.runtime.peek(NODE)).await;
        (near.expect("a look"), far.expect("a look"))
    }
}

async fn joined<T>(task: JoinHandle<cacheme::Result<T>>) -> T {
    promptly(task).await.expect("no panic").expect("an outcome")
}

#[tokio::test]
async fn is_in_every_tier_and_counts_as_no_load() {
    let bench = Bench::new(Acts::Load).await;
    bench.put(99).await;
    assert_eq!(bench.far.take_calls(), [Call::Put(1)]);
    assert_eq!(bench.tiers().await, (Some(99), Some(99)));
    bench.put(98).await;
    assert_eq!(bench.tiers().await, (Some(98), Some(98)));
    assert_eq!(joined(bench.spawn_get()).await, 98);
    assert!(bench.script.calls().is_empty());
    let stats = bench.runtime.stats();
    let node = stats.node::<Numbered>().expect("the node is known");
    assert_eq!(
        (node.requests(), node.loads(), node.load_calls()),
        (1, 0, 0)
    );
    let writes: Vec<_> = node
        .tiers()
        .iter()
        .map(cacheme::TierStats::writes)
        .collect();
    assert_eq!(writes, [2, 2]);
    bench.figures_add_up();
}

#[tokio::test]
async fn promise_3_a_load_that_began_before_does_not_replace_it() {
    let bench = Bench::new(Acts::Wait).await;
    let old = bench.spawn_get();
    until(|| bench.script.calls().len() == 1).await;
    bench.put(99).await;
    bench.script.set(Acts::Load);
    assert_eq!(joined(old).await, 7, "its waiters get what it found");
    assert_eq!(bench.tiers().await, (Some(99), Some(99)));
    bench.figures_add_up();
}

#[tokio::test]
async fn promise_3_a_read_that_began_before_does_not_replace_it() {
    let bench = Bench::new(Acts::Load).await;
    let full = Bench::new(Acts::Load).await;
    joined(full.spawn_get()).await;
    bench.far.entries().extend(full.far.entries().clone());
    bench.far.set_mode(Mode::Waits);
    let old = bench.spawn_get();
    until(|| bench.far.has_begun(Call::Get(1))).await;
    let put = bench.spawn_put(99);
    until(|| bench.far.has_begun(Call::Put(1))).await;
    bench.far.set_mode(Mode::Works);
    joined(put).await;
    // The read may have come before the put's write, or after it.
    assert!([7, 99].contains(&joined(old).await));
    assert_eq!(bench.tiers().await, (Some(99), Some(99)));
}

#[tokio::test]
async fn promise_3_a_write_under_way_leaves_nothing_old() {
    let bench = Bench::new(Acts::Load).await;
    bench.far.set_mode_of(Operation::Put, Mode::Waits);
    let old = bench.spawn_get();
    until(|| bench.far.has_begun(Call::Put(1))).await;
    bench.far.take_calls();
    let put = bench.spawn_put(99);
    until(|| bench.far.has_begun(Call::Put(1))).await;
    bench.far.set_mode(Mode::Works);
    joined(put).await;
    assert_eq!(joined(old).await, 7);
    // What was put may have gone with it; what was loaded before is nowhere.
    let (near, far) = bench.tiers().await;
    assert!([None, Some(99)].contains(&near), "{near:?}");
    assert!([None, Some(99)].contains(&far), "{far:?}");
}

#[tokio::test]
async fn an_invalidation_that_comes_during_it_wins() {
    let bench = Bench::new(Acts::Load).await;
    bench.far.set_mode_of(Operation::Put, Mode::Waits);
    let put = bench.spawn_put(99);
    until(|| bench.far.has_begun(Call::Put(1))).await;
    promptly(bench.runtime.invalidate(NODE))
        .await
        .expect("removed");
    bench.far.set_mode(Mode::Works);
    joined(put).await;
    assert_eq!(bench.tiers().await, (None, None));
}

#[tokio::test]
async fn whoever_asks_meanwhile_gets_it_without_waiting() {
    let bench = Bench::new(Acts::Load).await;
    bench.far.set_mode(Mode::Waits);
    let put = tokio::spawn({
        let runtime = bench.runtime.clone();
        async move { runtime.put(Remote { number: 7 }, 99).await }
    });
    until(|| bench.far.has_begun(Call::Put(1))).await;
    let get = || bench.runtime.get(Remote { number: 7 });
    assert_eq!(promptly(get()).await.expect("a value"), 99);
    let batch = bench.runtime.get_all([Remote { number: 7 }]);
    assert_eq!(promptly(batch).await.expect("values"), [99]);
    bench.far.set_mode(Mode::Works);
    joined(put).await;
    assert_eq!(promptly(get()).await.expect("a value"), 99);
    assert!(bench.script.calls().is_empty());
    bench.figures_add_up();
}

#[tokio::test]
async fn a_batch_is_one_write_and_the_last_pair_stays() {
    let bench = Bench::new(Acts::Load).await;
    let pairs = [(1, 10), (2, 20), (1, 11), (3, 30)];
    let pairs = pairs.map(|(number, value)| (Numbered { number }, value));
    promptly(bench.runtime.put_all(pairs))
        .await
        .expect("they are put");
    assert_eq!(bench.far.take_calls(), [Call::Put(3)]);
    let nodes = [1, 2, 3].map(|number| Numbered { number });
    let values = promptly(bench.runtime.get_all(nodes)).await;
    assert_eq!(values.expect("values"), [11, 20, 30]);
    assert_eq!(bench.far.take_calls(), []);
    let none: [(Numbered, u64); 0] = [];
    promptly(bench.runtime.put_all(none))
        .await
        .expect("nothing to put");
    assert_eq!(bench.far.take_calls(), []);
}

#[cacheme::node(caches(
    cache(storage = "near"),
    cache(storage = "broken", ttl = "1h"),
    cache(storage = "far", ttl = "1d"),
))]
struct Chained;

/// What can't be written, when it is 0.
#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Picky(u8);

impl Serialize for Picky {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 == 0 {
            return Err(serde::ser::Error::custom("told to fail"));
        }
        serializer.serialize_newtype_struct("Picky", &self.0)
    }
}

impl Load for Chained {
    type Value = Picky;

    async fn load(&self, _cx: &LoadContext) -> LoadResult<Picky> {
        Ok(Picky(1))
    }
}

#[tokio::test(start_paused = true)]
async fn a_storage_that_does_not_take_it_is_named_and_the_others_have_it() {
    let (broken, far) = (MemoryStorage::new(), MemoryStorage::new());
    let runtime = Cacheme::builder()
        .storage("near", LocalStorage::lru(100))
        .storage("broken", broken.clone())
        .storage("far", far.clone())
        .build()
        .await
        .expect("the set-up is right");
    for (puts, mode) in [(1, Mode::Fails), (2, Mode::Waits), (3, Mode::Panics)] {
        broken.set_mode(mode);
        far.entries().clear();
        let put = runtime.put(Chained, Picky(99)).await;
        let error = put.expect_err("a storage fails");
        assert!(error.is_storage());
        assert_eq!(error.storage(), Some("broken"));
        assert_eq!(far.entries().len(), 1);
        let found = runtime.peek(Chained).await.expect("a look");
        assert_eq!(found, Some(Picky(99)));
        let stats = runtime.stats();
        let node = stats.node::<Chained>().expect("the node is known");
        assert_eq!(node.tiers()[1].failed_writes(), puts);
    }
    broken.set_mode(Mode::Works);
    let put = runtime.put(Chained, Picky(0)).await;
    let error = put.expect_err("it can't be written");
    assert_eq!(
        error.storage(),
        Some("broken"),
        "the first one that needs its bytes"
    );
    let found = runtime.peek(Chained).await.expect("a look");
    assert_eq!(found, Some(Picky(0)), "the near tier needs no bytes");
}

#[cacheme::node(storage = "near")]
struct Near;

impl Load for Near {
    type Value = u8;

    async fn load(&self, _cx: &LoadContext) -> LoadResult<u8> {
        Ok(1)
    }
}

#[test]
fn outside_of_tokio_local_tiers_can_be_written() {
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let bench = tokio.expect("a runtime").block_on(Bench::new(Acts::Load));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let put = std::pin::pin!(bench.runtime.put(Near, 9));
    assert!(matches!(put.poll(&mut cx), std::task::Poll::Ready(Ok(()))));
    let peek = std::pin::pin!(bench.runtime.peek(Near));
    assert!(matches!(
        peek.poll(&mut cx),
        std::task::Poll::Ready(Ok(Some(9)))
    ));
    let put = std::pin::pin!(bench.runtime.put(NODE, 9));
    let std::task::Poll::Ready(Err(error)) = put.poll(&mut cx) else {
        panic!("a remote tier needs tokio");
    };
    assert!(error.is_config());
    let peek = std::pin::pin!(bench.runtime.peek(NODE));
    let std::task::Poll::Ready(Err(error)) = peek.poll(&mut cx) else {
        panic!("nothing may have been put, and a remote tier needs tokio");
    };
    assert!(error.is_config());
}
