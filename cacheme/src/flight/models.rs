//! Flights beside each other, with requests that do what `fetch` has them do.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::AtomicUsize;
use std::task::Poll;

use shuttle::future::block_on;
use shuttle::thread::{self, JoinHandle};

use super::tests::{Of, flights};
use super::*;
use crate::sync::{AtomicU64, Handle, Ordering, explore, later, stroll};

/// How many orders each model is run in.
const ORDERS: usize = 4_000;

const SEQ: Ordering = Ordering::SeqCst;

/// A source, and a tier of one place.
struct Desk {
    flights: Arc<Flights<Of>>,
    /// What a load finds: how often it was changed.
    source: AtomicU64,
    tier: Mutex<Option<u64>>,
    loads: AtomicUsize,
    /// How many works are still to end without an outcome.
    losses: AtomicUsize,
}

impl Desk {
    fn new(losses: usize) -> Arc<Self> {
        Arc::new(Self {
            flights: flights(),
            source: AtomicU64::new(0),
            tier: Mutex::new(None),
            loads: AtomicUsize::new(0),
            losses: AtomicUsize::new(losses),
        })
    }

    fn aim(&self) -> Aim<Of> {
        self.flights.aim(0, Id(Of(1)))
    }

    fn group(&self) -> Arc<Group<Of, u64>> {
        Group::one(&self.flights, Purpose::Load, self.aim())
    }

    /// Looks into the tier, and otherwise joins a flight or leads one.
    async fn get(self: Arc<Self>) -> u64 {
        loop {
            let group = self.group();
            let started = {
                let mut table = self.flights.lock();
                if let Some(waiting) = table.join::<u64>(group.aim(0), Purpose::Load) {
                    Err(waiting)
                } else if let Some(value) = *lock(&self.tier) {
                    return value;
                } else {
                    Ok(table.start_one(&group))
                }
            };
            let outcome = match started {
                Ok(started) => {
                    let work = Box::pin(Arc::clone(&self).fly(started));
                    let led = group.work().clone().lead(work, Handle);
                    led.until(group.over()).await;
                    group.into_outcome()
                }
                Err(waiting) => {
                    waiting.share();
                    waiting.outcome().await
                }
            };
            if let Some(outcome) = outcome {
                return outcome.expect("no load fails");
            }
        }
    }

    /// The work of a flight.
    async fn fly(self: Arc<Self>, started: Started<Of, u64>) {
        self.loads.fetch_add(1, SEQ);
        let value = self.source.load(SEQ);
        later().await;
        let lost = |losses: usize| losses.checked_sub(1);
        if self.losses.fetch_update(SEQ, SEQ, lost).is_ok() {
            return;
        }
        self.keep(&started, value);
        later().await;
        started.land([(0, Ok(value))]);
    }

    fn keep(&self, started: &Started<Of, u64>, value: u64) {
        let table = self.flights.lock();
        if table.lets(started, 0) {
            *lock(&self.tier) = Some(value);
        }
    }

    /// Has a value from the start.
    async fn put(&self, value: u64) {
        let started = self.flights.start(&self.group());
        started.answer([(0, Ok(value))]);
        later().await;
        self.keep(&started, value);
        started.land([(0, Ok(value))]);
    }

    /// Changes the source, and takes out what it was before. Nothing older is kept from then on.
    fn change(&self) -> u64 {
        let version = self.source.fetch_add(1, SEQ) + 1;
        let aim = self.aim();
        let bar = self.flights.bar(&aim, || *lock(&self.tier) = None);
        thread::yield_now();
        drop(bar);
        assert!(lock(&self.tier).is_none_or(|kept| kept >= version));
        version
    }

    /// Takes the value out of the tier, and what it is read from only after that, as a remote tier.
    fn remove(&self) {
        let aim = self.aim();
        let bar = self.flights.bar(&aim, || *lock(&self.tier) = None);
        thread::yield_now();
        self.source.fetch_add(1, SEQ);
        drop(bar);
    }

    /// Waits for works that nobody waits for. Nothing is left then.
    fn settle(&self) {
        while !self.flights.lock().is_empty() {
            thread::yield_now();
        }
        self.flights.lock().validate();
    }
}

/// Does these at once, and all that they began.
fn at_once<const N: usize>(desk: &Arc<Desk>, run: [fn(&Arc<Desk>); N]) {
    let thread = |run: fn(&Arc<Desk>)| {
        let desk = Arc::clone(desk);
        thread::spawn(move || {
            stroll();
            run(&desk);
        })
    };
    let threads: [JoinHandle<()>; N] = run.map(thread);
    for thread in threads {
        thread.join().expect("it doesn't panic");
    }
    desk.settle();
}

fn get(desk: &Arc<Desk>) -> u64 {
    block_on(Arc::clone(desk).get())
}

fn gets(desk: &Arc<Desk>) {
    get(desk);
}

fn gets_first(desk: &Arc<Desk>) {
    assert_eq!(get(desk), 0);
}

fn changes(desk: &Arc<Desk>) {
    desk.change();
}

/// Drops a request after so many polls.
fn leave<const POLLS: usize>(desk: &Arc<Desk>) {
    let get = pin!(Arc::clone(desk).get());
    block_on(poll_times(get, POLLS));
}

async fn poll_times<F: Future>(mut future: Pin<&mut F>, mut times: usize) {
    poll_fn(|cx| {
        if times == 0 || future.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        times -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[test]
fn all_who_come_get_one_load() {
    explore(ORDERS, || {
        let desk = Desk::new(0);
        at_once(&desk, [gets_first, gets_first, gets_first]);
        assert_eq!(desk.loads.load(SEQ), 1);
    });
}

#[test]
fn a_leader_that_goes_at_any_step_takes_nothing_along() {
    let leaders = [leave::<0>, leave::<1>, leave::<2>, leave::<3>];
    for leave in leaders {
        explore(ORDERS, move || {
            let desk = Desk::new(0);
            at_once(&desk, [leave, gets_first, leave]);
            assert_eq!(desk.loads.load(SEQ), 1);
        });
    }
}

#[test]
fn a_leader_that_is_not_polled_holds_nobody_up() {
    explore(ORDERS, || {
        let desk = Desk::new(0);
        let other = Arc::clone(&desk);
        let other = thread::spawn(move || gets_first(&other));
        let mut leader = pin!(Arc::clone(&desk).get());
        block_on(poll_times(leader.as_mut(), 1));
        other.join().expect("it doesn't panic");
        desk.settle();
        assert_eq!(desk.loads.load(SEQ), 1);
    });
}

#[test]
fn who_waits_for_a_flight_without_an_outcome_begins_another() {
    explore(ORDERS, || {
        let desk = Desk::new(2);
        at_once(&desk, [gets_first, gets_first, gets_first]);
        assert_eq!(desk.loads.load(SEQ), 3);
    });
}

#[test]
fn what_began_before_an_invalidation_is_not_kept_after_it() {
    explore(ORDERS, || {
        let desk = Desk::new(0);
        at_once(&desk, [gets, changes, gets]);
        assert_eq!(lock(&desk.tier).unwrap_or(1), 1);
    });
    explore(ORDERS, || {
        let desk = Desk::new(0);
        at_once(&desk, [gets, changes, changes]);
        assert_eq!(lock(&desk.tier).unwrap_or(2), 2);
    });
}

#[test]
fn what_is_read_while_it_is_removed_is_not_kept_after_it() {
    explore(ORDERS, || {
        let desk = Desk::new(0);
        at_once(&desk, [gets, |desk| desk.remove(), gets]);
        assert_eq!(lock(&desk.tier).unwrap_or(1), 1);
    });
}

#[test]
fn who_comes_after_an_invalidation_joins_nothing_that_began_before() {
    explore(ORDERS, || {
        let desk = Desk::new(0);
        let comes = |desk: &Arc<Desk>| {
            let version = desk.change();
            assert_eq!(get(desk), version);
        };
        at_once(&desk, [gets, comes, gets]);
    });
}

#[test]
fn what_is_put_stays_beside_what_is_loaded() {
    explore(ORDERS, || {
        let desk = Desk::new(0);
        let put = |desk: &Arc<Desk>| {
            block_on(desk.put(7));
            assert_eq!(get(desk), 7);
        };
        at_once(&desk, [gets, put, gets]);
        assert_eq!(*lock(&desk.tier), Some(7));
    });
}
