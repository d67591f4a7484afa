//! The breaker and a few reads at once.

use std::sync::Arc;

use super::*;
use crate::sync::{explore, explore_all};

/// How many orders a model is run in that has too many for all.
const ORDERS: usize = 10_000;

const DEADLINE: Duration = Duration::from_secs(5);

/// One that is open, and whose next probe is due.
fn open() -> Arc<Breaker> {
    let breaker = Arc::new(Breaker::new(DEADLINE));
    breaker.failed(SLOW);
    if let Some(outage) = &mut *lock(&breaker.outage) {
        outage.probe_at = Instant::now();
    }
    breaker
}

/// Does these at once.
fn at_once<const N: usize>(breaker: &Arc<Breaker>, run: [fn(&Breaker) -> u32; N]) -> u32 {
    let thread = |run: fn(&Breaker) -> u32| {
        let breaker = Arc::clone(breaker);
        shuttle::thread::spawn(move || run(&breaker))
    };
    let threads = run.map(thread);
    threads
        .map(|thread| thread.join().expect("it doesn't panic"))
        .iter()
        .sum()
}

/// Reads, and does this if the read is a probe. How many probes that were.
fn read(breaker: &Breaker, probe: fn(&Breaker)) -> u32 {
    match breaker.read() {
        Verdict::Probe => {
            probe(breaker);
            1
        }
        Verdict::Refuse | Verdict::Ask => 0,
    }
}

fn waits(breaker: &Breaker) -> u32 {
    read(breaker, |_| {})
}

fn succeeds(breaker: &Breaker) -> u32 {
    read(breaker, |breaker| {
        breaker.succeeded();
    })
}

fn fails(breaker: &Breaker) -> u32 {
    read(breaker, Breaker::probe_failed)
}

fn failed(breaker: &Breaker) -> u32 {
    breaker.failed(SLOW);
    0
}

fn failed_at_once(breaker: &Breaker) -> u32 {
    breaker.failed(Duration::ZERO);
    0
}

fn succeeded(breaker: &Breaker) -> u32 {
    breaker.succeeded();
    0
}

fn assert_whole(breaker: &Breaker) {
    assert_eq!(breaker.is_open(), lock(&breaker.outage).is_some());
}

#[test]
fn of_simultaneous_reads_one_is_a_probe() {
    explore(ORDERS, || {
        let breaker = open();
        assert_eq!(at_once(&breaker, [waits, waits, waits]), 1);
        assert_eq!(breaker.read(), Verdict::Refuse);
    });
}

#[test]
fn no_other_probe_is_sent_in_the_pause_after_one_that_failed() {
    explore_all(|| {
        let breaker = open();
        assert_eq!(at_once(&breaker, [fails, waits]), 1);
        assert_eq!(breaker.read(), Verdict::Refuse);
    });
}

#[test]
fn a_probe_that_succeeds_closes_it() {
    explore_all(|| {
        let breaker = open();
        assert_eq!(at_once(&breaker, [succeeds, succeeds]), 1);
        assert_eq!(breaker.read(), Verdict::Ask);
        assert_whole(&breaker);
    });
}

#[test]
fn what_opens_and_closes_it_at_once_leaves_it_whole() {
    let ends_whole = |breaker: &Breaker| {
        assert_whole(breaker);
        breaker.succeeded();
        assert_eq!(breaker.read(), Verdict::Ask);
        breaker.failed(SLOW);
        assert_eq!(breaker.read(), Verdict::Refuse);
    };
    explore_all(move || {
        let breaker = open();
        at_once(&breaker, [failed, succeeded]);
        ends_whole(&breaker);
    });
    explore(ORDERS, move || {
        let breaker = Arc::new(Breaker::new(DEADLINE));
        at_once(&breaker, [failed, succeeded, failed, succeeded]);
        ends_whole(&breaker);
    });
}

#[test]
fn no_failure_is_lost_that_comes_with_another() {
    explore_all(|| {
        let breaker = Arc::new(Breaker::new(DEADLINE));
        (2..FAILURES).for_each(|_| assert!(!breaker.failed(Duration::ZERO)));
        at_once(&breaker, [failed_at_once, failed_at_once]);
        assert_eq!(breaker.read(), Verdict::Refuse);
        assert_whole(&breaker);
    });
}
