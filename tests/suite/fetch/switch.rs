//! Caching off by one switch.

use std::env;
use std::process::Command;

use cacheme::{Cacheme, NodeStats, Stats};
use cacheme_tests::loader::{Acts, Numbered};
use cacheme_tests::memory::Call;
use tokio::task::JoinSet;

use super::{Bench, promptly, until};

fn figures(stats: &Stats) -> &NodeStats {
    stats.node::<Numbered>().expect("the node is known")
}

async fn get(bench: &Bench, number: u64) -> u64 {
    let value = promptly(bench.runtime.get(Numbered { number })).await;
    value.expect("a value")
}

#[tokio::test]
async fn when_off_every_request_loads_and_no_tier_is_touched() {
    let bench = Bench::new(Acts::Load).await;
    assert_eq!(get(&bench, 1).await, 1);
    let before = bench.runtime.stats();
    bench.far.take_calls();
    bench.runtime.disable();
    assert!(!bench.runtime.clone().is_enabled());
    bench.script.set_source(1);
    assert_eq!((get(&bench, 1).await, get(&bench, 1).await), (1001, 1001));
    let batch = [1, 2, 2].map(|number| Numbered { number });
    let values = bench.runtime.get_all(batch).await.expect("values");
    assert_eq!(values, [1001, 1002, 1002]);
    assert_eq!(bench.script.calls().len(), 4);
    assert_eq!(bench.far.take_calls(), []);
    let after = bench.runtime.stats();
    let (before, after) = (figures(&before), figures(&after));
    bench.figures_add_up();
    assert_eq!(after.tiers(), before.tiers());
    assert_eq!(
        (
            after.requests(),
            after.misses(),
            after.loads(),
            after.joined()
        ),
        (6, 5, 5, 1)
    );
    // A change of the prefix doesn't switch it on.
    bench.runtime.set_prefix("p");
    get(&bench, 1).await;
    assert_eq!(bench.far.take_calls(), []);
    bench.runtime.set_prefix("");

    bench.runtime.enable();
    assert_eq!(get(&bench, 1).await, 1, "it is still there");
    assert_eq!(get(&bench, 2).await, 1002, "nothing was put there");
    assert_eq!(bench.script.calls().len(), 6);
}

#[tokio::test]
async fn when_off_simultaneous_requests_share_a_load() {
    let bench = Bench::new(Acts::Wait).await;
    bench.runtime.disable();
    let mut tasks = JoinSet::new();
    for _ in 0..20 {
        let runtime = bench.runtime.clone();
        tasks.spawn(async move { runtime.get(Numbered { number: 7 }).await });
    }
    until(|| bench.requests() == 20).await;
    bench.script.set(Acts::Load);
    for outcome in promptly(tasks.join_all()).await {
        assert_eq!(outcome.expect("a value"), 7);
    }
    assert_eq!(bench.script.calls().len(), 1);
}

#[tokio::test]
async fn what_is_invalidated_or_refreshed_while_off_is_gone_when_on() {
    let bench = Bench::new(Acts::Load).await;
    for number in [1, 2, 3] {
        get(&bench, number).await;
    }
    bench.runtime.disable();
    bench.script.set_source(1);
    let removed = bench.runtime.invalidate(Numbered { number: 1 }).await;
    removed.expect("it is removed");
    let renewed = bench.runtime.refresh(Numbered { number: 2 }).await;
    assert_eq!(renewed.expect("a value"), 1002);
    bench.script.set(Acts::Fail);
    let failed = bench.runtime.refresh(Numbered { number: 3 }).await;
    failed.expect_err("the load fails");
    bench.script.set(Acts::Load);
    assert_eq!(bench.far.entries().len(), 1);

    bench.runtime.enable();
    bench.script.set_source(2);
    assert_eq!(
        (
            get(&bench, 1).await,
            get(&bench, 2).await,
            get(&bench, 3).await
        ),
        (2001, 2002, 3)
    );
}

#[tokio::test]
async fn what_looks_sees_nothing_while_off_and_what_is_put_removes() {
    let bench = Bench::new(Acts::Load).await;
    get(&bench, 1).await;
    let node = || Numbered { number: 1 };
    bench.runtime.disable();
    bench.far.take_calls();
    let runtime = &bench.runtime;
    assert_eq!(runtime.peek(node()).await.expect("no error"), None);
    assert!(!runtime.contains(node()).await.expect("no error"));
    let present = runtime.get_if_present(node()).await;
    assert_eq!(present.expect("no error"), None);
    assert_eq!(bench.far.take_calls(), []);
    runtime.put(node(), 99).await.expect("it is taken");
    assert_eq!(bench.far.take_calls(), [Call::Remove(1)]);
    runtime.enable();
    bench.script.set_source(1);
    assert_eq!(get(&bench, 1).await, 1001, "the old value is gone");
}

#[tokio::test]
async fn a_load_that_ends_after_the_switch_is_not_kept() {
    let bench = Bench::new(Acts::Wait).await;
    let getting = tokio::spawn({
        let runtime = bench.runtime.clone();
        async move { runtime.get(Numbered { number: 7 }).await }
    });
    until(|| bench.script.calls().len() == 1).await;
    bench.runtime.disable();
    bench.script.set(Acts::Load);
    let value = promptly(getting).await.expect("no panic");
    assert_eq!(value.expect("a value"), 7);
    assert_eq!(bench.far.take_calls(), [Call::Get(1)]);
    bench.runtime.enable();
    get(&bench, 7).await;
    assert_eq!(bench.script.calls().len(), 2);
}

/// Runs itself with the variable set, since that concerns a whole process.
#[test]
fn the_environment_switches_new_runtimes_off() {
    if env::var_os("CACHEME_DISABLED").is_some() {
        assert!(!Cacheme::default().is_enabled());
        return;
    }
    assert!(Cacheme::default().is_enabled());
    let itself = env::current_exe().expect("a test is a file");
    let test = "fetch::switch::the_environment_switches_new_runtimes_off";
    let output = Command::new(itself)
        .args(["--exact", test])
        .env("CACHEME_DISABLED", "1")
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
}
