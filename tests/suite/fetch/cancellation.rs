//! Promise 2, first half: nobody's cancellation ends a flight for the others.

use std::pin::pin;
use std::task::{Context, Waker};

use cacheme_tests::loader::{Acts, Numbered};
use tokio::task::JoinSet;

use super::{Bench, promptly, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn promise_2_a_starter_that_is_aborted_leaves_the_rest_served() {
    let bench = Bench::new(Acts::Wait).await;
    let get = || {
        let runtime = bench.runtime.clone();
        async move { runtime.get(Numbered { number: 7 }).await }
    };
    let starter = tokio::spawn(get());
    until(|| bench.script.calls().len() == 1).await;
    let mut rest = JoinSet::new();
    for _ in 0..999 {
        rest.spawn(get());
    }
    until(|| bench.requests() == 1000).await;
    starter.abort();
    let aborted = promptly(starter).await.expect_err("it was aborted");
    assert!(aborted.is_cancelled());
    bench.script.set(Acts::Load);
    for value in promptly(rest.join_all()).await {
        assert_eq!(value.expect("a value"), 7);
    }
    assert_eq!(bench.script.calls().len(), 1);
    bench.figures_add_up();
}

#[tokio::test]
async fn a_waiter_that_is_dropped_is_counted() {
    let bench = Bench::new(Acts::Wait).await;
    let get = || bench.runtime.get(Numbered { number: 7 });
    poll_and_drop(get(), 3).await;
    poll_and_drop(get(), 3).await;
    poll_and_drop(
        bench
            .runtime
            .get_all([Numbered { number: 7 }, Numbered { number: 7 }]),
        3,
    )
    .await;
    bench.script.set(Acts::Load);
    assert_eq!(promptly(get()).await.expect("a value"), 7);
    assert_eq!(bench.requests(), 5);
    bench.figures_add_up();
}

/// Polling for once.
trait Poll {
    /// Whether it is done.
    fn now_or_never(self) -> bool;
}

impl<F: Future> Poll for std::pin::Pin<&mut F> {
    fn now_or_never(self) -> bool {
        self.poll(&mut Context::from_waker(Waker::noop()))
            .is_ready()
    }
}

/// Polls a future so many times, letting others run in between, then drops it.
pub(crate) async fn poll_and_drop(future: impl Future, polls: usize) {
    let mut future = pin!(future);
    for _ in 0..polls {
        if future.as_mut().now_or_never() {
            return;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn promise_2_a_request_may_be_dropped_at_every_await() {
    for polls in 0..40 {
        let bench = Bench::new(Acts::Load).await;
        let get = || bench.runtime.get(Numbered { number: 7 });
        let batch = || {
            bench
                .runtime
                .get_all((5..10).map(|number| Numbered { number }))
        };
        poll_and_drop(get(), polls).await;
        poll_and_drop(batch(), polls).await;
        poll_and_drop(bench.runtime.refresh(Numbered { number: 8 }), polls).await;
        assert_eq!(promptly(get()).await.expect("a value"), 7);
        assert_eq!(promptly(batch()).await.expect("values"), [5, 6, 7, 8, 9]);
        let loads = bench.script.calls().concat();
        let of = |number| loads.iter().filter(|loaded| **loaded == number).count();
        assert_eq!(
            (of(5), of(6), of(7), of(9)),
            (1, 1, 1, 1),
            "after {polls} polls"
        );
        // Once for the batch, once for the refresh, and once more where the refresh came while the
        // batch was being written: that is taken back, and so is what the refresh put there.
        assert!((1..=3).contains(&of(8)), "after {polls} polls");
    }
}

#[tokio::test]
async fn promise_2_a_starter_that_is_not_polled_holds_nobody_up() {
    for polls in 1..30 {
        let bench = Bench::new(Acts::Load).await;
        let get = || bench.runtime.get(Numbered { number: 7 });
        let mut starter = Box::pin(get());
        for _ in 0..polls {
            // As a branch of a `select!` that another branch got ahead of.
            if starter.as_mut().now_or_never() {
                break;
            }
            tokio::task::yield_now().await;
        }
        assert_eq!(promptly(get()).await.expect("a value"), 7);
        let batch = bench.runtime.get_all([Numbered { number: 7 }]);
        assert_eq!(promptly(batch).await.expect("values"), [7]);
        assert_eq!(bench.script.calls().len(), 1, "after {polls} polls");
        // Until then it may be none of what is counted.
        drop(starter);
        bench.figures_add_up();
    }
}

#[tokio::test]
async fn a_caller_that_is_alone_costs_no_task() {
    let bench = Bench::new(Acts::Load).await;
    let mut get = pin!(bench.runtime.get(Numbered { number: 7 }));
    let tasks = || {
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
    };
    while !get.as_mut().now_or_never() {
        assert_eq!(tasks(), 0);
        tokio::task::yield_now().await;
    }
    let batch = bench
        .runtime
        .get_all((1..9).map(|number| Numbered { number }));
    poll_and_drop(batch, 3).await;
    assert_eq!(tasks(), 1, "what is left goes on");
}

#[tokio::test]
async fn an_invalidation_may_be_dropped_at_every_await() {
    for polls in 0..20 {
        let bench = Bench::new(Acts::Load).await;
        let get = || bench.runtime.get(Numbered { number: 7 });
        promptly(get()).await.expect("a value");
        bench.script.set_source(1);
        poll_and_drop(bench.runtime.invalidate(Numbered { number: 7 }), polls).await;
        promptly(bench.runtime.invalidate(Numbered { number: 7 }))
            .await
            .expect("removed");
        assert_eq!(
            promptly(get()).await.expect("a value"),
            1007,
            "after {polls} polls"
        );
        assert_eq!(
            promptly(get()).await.expect("a value"),
            1007,
            "after {polls} polls"
        );
        assert_eq!(bench.script.calls().len(), 2, "after {polls} polls");
    }
}

#[test]
fn promise_2_a_flight_lost_with_its_tokio_runtime_is_begun_anew() {
    let build = || {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime")
    };
    let (first, second) = (build(), build());
    let bench = first.block_on(Bench::new(Acts::Wait));
    let get = || {
        let runtime = bench.runtime.clone();
        async move { runtime.get(Numbered { number: 7 }).await }
    };
    first.spawn(get());
    first.block_on(until(|| bench.script.calls().len() == 1));
    let waiter = second.spawn(get());
    second.block_on(until(|| bench.requests() == 2));
    first.shutdown_background();
    second.block_on(until(|| bench.script.calls().len() == 2));
    bench.script.set(Acts::Load);
    let value = second.block_on(promptly(waiter)).expect("no panic");
    assert_eq!(value.expect("a value"), 7);
}

#[tokio::test]
async fn a_put_may_be_dropped_at_every_await() {
    for polls in 1..20 {
        let bench = Bench::new(Acts::Load).await;
        let pairs = (5..10).map(|number| (Numbered { number }, number + 90));
        poll_and_drop(bench.runtime.put_all(pairs), polls).await;
        // It goes on for the far tier.
        until(|| bench.far.entries().len() == 5).await;
        let nodes = (5..10).map(|number| Numbered { number });
        let values = promptly(bench.runtime.get_all(nodes)).await;
        assert_eq!(values.expect("values"), [95, 96, 97, 98, 99]);
        assert!(bench.script.calls().is_empty(), "after {polls} polls");
        bench.figures_add_up();
    }
}

#[tokio::test]
async fn a_look_may_be_dropped_at_every_await() {
    for polls in 0..10 {
        let bench = Bench::new(Acts::Load).await;
        poll_and_drop(bench.runtime.peek(Numbered { number: 7 }), polls).await;
        poll_and_drop(bench.runtime.contains(Numbered { number: 7 }), polls).await;
        let get = bench.runtime.get(Numbered { number: 7 });
        assert_eq!(promptly(get).await.expect("a value"), 7);
        assert_eq!(bench.requests(), 1);
        bench.figures_add_up();
    }
}

#[tokio::test]
async fn promise_2_get_many_may_be_dropped_at_every_await() {
    for polls in 0..30 {
        let bench = Bench::new(Acts::FailFor(6)).await;
        let nodes = || (5..8).map(|number| Numbered { number });
        poll_and_drop(bench.runtime.get_many(nodes()), polls).await;
        let outcomes = promptly(bench.runtime.get_many(nodes())).await;
        let outcomes = outcomes.expect("the set-up is right");
        assert!(
            matches!(outcomes[..], [Ok(5), Err(_), Ok(7)]),
            "{outcomes:?} after {polls} polls"
        );
        bench.figures_add_up();
    }
}

#[tokio::test]
async fn promise_2_get_if_present_and_get_entry_may_be_dropped_at_every_await() {
    for polls in 0..30 {
        let (bench, full) = (Bench::new(Acts::Load).await, Bench::new(Acts::Load).await);
        let get_entry = |bench: &Bench| {
            let runtime = bench.runtime.clone();
            async move { runtime.get_entry(Numbered { number: 7 }).await }
        };
        let present = |number| bench.runtime.get_if_present(Numbered { number });
        poll_and_drop(get_entry(&full), polls).await;
        let entry = promptly(get_entry(&full)).await.expect("a value");
        assert_eq!(entry.into_value(), 7);
        assert_eq!(full.script.calls().len(), 1, "after {polls} polls");
        // A request that is gone may have left its write to a task.
        until(|| full.far.entries().len() == 1).await;
        bench.far.entries().extend(full.far.entries().clone());
        poll_and_drop(present(7), polls).await;
        poll_and_drop(present(8), polls).await;
        assert_eq!(promptly(present(7)).await.expect("a look"), Some(7));
        assert_eq!(promptly(present(8)).await.expect("a look"), None);
        assert!(bench.script.calls().is_empty());
        bench.figures_add_up();
        full.figures_add_up();
    }
}
