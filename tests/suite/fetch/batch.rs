//! `get_all` and `get_many`.

use cacheme_tests::loader::{Acts, Numbered, Remote};
use cacheme_tests::memory::Call;

use super::{Bench, promptly, until};

fn nodes(numbers: impl IntoIterator<Item = u64>) -> impl Iterator<Item = Numbered> {
    numbers.into_iter().map(|number| Numbered { number })
}

#[tokio::test]
async fn keeps_order_and_duplicates() {
    let bench = Bench::new(Acts::Load).await;
    let asked = [3, 1, 3, 2, 1, 3];
    for _ in 0..2 {
        let values = promptly(bench.runtime.get_all(nodes(asked))).await;
        assert_eq!(values.expect("values"), asked);
    }
    assert_eq!(bench.script.calls(), [[3, 1, 2]]);
    let stats = bench.runtime.stats();
    let node = stats.node::<Numbered>().expect("the node is known");
    assert_eq!((node.requests(), node.misses()), (12, 3));
    assert_eq!((node.hits(), node.joined()), (6, 3));
}

#[tokio::test]
async fn takes_any_iterator_and_none() {
    let bench = Bench::new(Acts::Load).await;
    let none: Vec<Numbered> = Vec::new();
    assert!(
        promptly(bench.runtime.get_all(none))
            .await
            .expect("values")
            .is_empty()
    );
    let borrowed = [5, 6];
    let values = bench
        .runtime
        .get_all(borrowed.iter().map(|&number| Numbered { number }));
    assert_eq!(promptly(values).await.expect("values"), [5, 6]);
    assert_eq!(bench.script.calls(), [[5, 6]]);
}

#[tokio::test]
async fn costs_one_read_one_load_and_one_write() {
    let bench = Bench::new(Acts::Load).await;
    let remote = |numbers: std::ops::Range<u64>| numbers.map(|number| Remote { number });
    promptly(bench.runtime.get_all(remote(0..12)))
        .await
        .expect("values");
    assert_eq!(bench.far.take_calls(), [Call::Get(12), Call::Put(12)]);
    promptly(bench.runtime.get_all(remote(0..20)))
        .await
        .expect("values");
    assert_eq!(bench.far.take_calls(), [Call::Get(20), Call::Put(8)]);
    promptly(bench.runtime.get_all(remote(0..20)))
        .await
        .expect("values");
    assert_eq!(bench.far.take_calls(), [Call::Get(20)]);
}

#[tokio::test]
async fn takes_each_value_from_the_nearest_tier() {
    let bench = Bench::new(Acts::Load).await;
    promptly(bench.runtime.get_all(nodes(0..6)))
        .await
        .expect("values");
    let other = Bench::new(Acts::Load).await;
    other.far.entries().extend(bench.far.entries().clone());
    promptly(other.runtime.get_all(nodes(0..2)))
        .await
        .expect("values");
    let values = promptly(other.runtime.get_all(nodes(0..9))).await;
    assert_eq!(values.expect("values"), (0..9).collect::<Vec<_>>());
    assert_eq!(other.script.calls(), [[6, 7, 8]]);
    let stats = other.runtime.stats();
    let node = stats.node::<Numbered>().expect("the node is known");
    let hits: Vec<_> = node
        .tiers()
        .iter()
        .map(|tier| (tier.hits(), tier.misses()))
        .collect();
    assert_eq!(hits, [(2, 9), (6, 3)]);
    assert_eq!(node.hits() + node.joined() + node.misses(), node.requests());
}

#[tokio::test]
async fn a_dozen_nodes_load_a_bounded_number_at_a_time() {
    let bench = Bench::new(Acts::Wait).await;
    let batch = tokio::spawn({
        let runtime = bench.runtime.clone();
        async move {
            runtime
                .get_all((0..100).map(|number| Remote { number }))
                .await
        }
    });
    // 32 is the builder's default.
    until(|| bench.script.calls().len() == 32).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(bench.script.calls().len(), 32);
    bench.script.set(Acts::Load);
    let values = promptly(batch).await.expect("no panic").expect("values");
    assert_eq!(values, (0..100).collect::<Vec<_>>());
}

#[tokio::test]
async fn get_many_gives_each_node_its_own_outcome() {
    for acts in [Acts::FailFor(3), Acts::Omit(3)] {
        let bench = Bench::new(acts).await;
        let outcomes = promptly(bench.runtime.get_many(nodes([3, 1, 3, 2, 1]))).await;
        let outcomes = outcomes.expect("the set-up is right");
        let values: Vec<_> = outcomes
            .iter()
            .map(|outcome| outcome.as_ref().ok())
            .collect();
        assert_eq!(values, [None, Some(&1), None, Some(&2), Some(&1)]);
        for outcome in [&outcomes[0], &outcomes[2]] {
            let error = outcome.as_ref().expect_err("3 is not loaded");
            assert!(error.is_load(), "{error:?}");
        }
        assert_eq!(bench.script.calls(), [[3, 1, 2]]);
        // Those that could be loaded were kept, and the other one is loaded again.
        bench.script.set(Acts::Load);
        let outcomes = promptly(bench.runtime.get_many(nodes([1, 2, 3]))).await;
        let outcomes = outcomes.expect("the set-up is right").into_iter();
        let values: Vec<_> = outcomes.map(|outcome| outcome.expect("a value")).collect();
        assert_eq!(values, [1, 2, 3]);
        assert_eq!(bench.script.calls()[1..], [[3]]);
        bench.figures_add_up();
    }
}

#[tokio::test]
async fn get_many_gives_what_a_joined_flight_ended_with() {
    let bench = Bench::new(Acts::Wait).await;
    let single = tokio::spawn({
        let runtime = bench.runtime.clone();
        async move { runtime.get(Numbered { number: 3 }).await }
    });
    until(|| bench.script.calls().len() == 1).await;
    let many = tokio::spawn({
        let runtime = bench.runtime.clone();
        async move { runtime.get_many(nodes([4, 3])).await }
    });
    until(|| bench.script.calls().len() == 2).await;
    bench.script.set(Acts::FailFor(3));
    let outcomes = promptly(many).await.expect("no panic");
    let outcomes = outcomes.expect("the set-up is right");
    assert!(matches!(outcomes[..], [Ok(4), Err(_)]), "{outcomes:?}");
    assert!(promptly(single).await.expect("no panic").is_err());
}

#[tokio::test]
async fn get_many_fails_as_a_whole_where_the_set_up_is_wrong() {
    let runtime = cacheme::Cacheme::default();
    let outcomes = promptly(runtime.get_many(nodes([1]))).await;
    assert!(outcomes.expect_err("there is no storage").is_config());
}
