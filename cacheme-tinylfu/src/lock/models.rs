//! The lock in every order in which loom can run its threads.
//!
//! What the locks keep is loom's cell, which fails a model if an access to it isn't ordered with a
//! change. The thread that begins a model only writes, so that it takes no number.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool as Flag, Ordering::Relaxed};

use loom::cell::UnsafeCell;
use loom::model::Builder;
use loom::thread::JoinHandle;

use super::{Lock, ReadGuard};
use crate::thread;

struct Value(UnsafeCell<u64>);

// SAFETY: loom checks each access.
unsafe impl Sync for Value {}

fn lock() -> Arc<Lock<Value>> {
    Arc::new(Lock::new(Value(UnsafeCell::new(0))))
}

fn biased() -> Arc<Lock<Value>> {
    let lock = lock();
    lock.biased.store(true, super::Ordering::SeqCst);
    lock
}

fn value(guard: &ReadGuard<'_, Value>) -> u64 {
    // SAFETY: loom checks the access.
    guard.0.with(|value| unsafe { *value })
}

fn add(lock: &Lock<Value>) -> u64 {
    let guard = lock.write();
    // SAFETY: loom checks the access.
    guard.0.with_mut(|value| unsafe {
        *value += 1;
        *value
    })
}

/// Reads in a thread of its own; notes if that was by a place.
fn reader(lock: &Arc<Lock<Value>>, at_place: &'static Flag) -> JoinHandle<u64> {
    let lock = Arc::clone(lock);
    spawn(move || read(&lock, at_place))
}

fn read(lock: &Lock<Value>, at_place: &Flag) -> u64 {
    let guard = lock.read();
    at_place.fetch_or(guard.is_at_place(), Relaxed);
    value(&guard)
}

fn spawn<R: 'static>(run: impl FnOnce() -> R + Send + 'static) -> JoinHandle<R> {
    loom::thread::spawn(move || {
        let result = run();
        thread::give_back();
        result
    })
}

fn end<T>(thread: JoinHandle<T>) -> T {
    thread.join().expect("no thread panics")
}

/// Runs a model in all orders in which threads that could go on are stopped four times at most, or as
/// often as `LOOM_MAX_PREEMPTIONS` says.
fn explore(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound.get_or_insert(4);
    builder.check(model);
}

/// The thread has no number when the writer begins: it may get one while the writer looks.
#[test]
fn writer_sees_a_thread_that_has_just_got_its_place() {
    static AT_PLACE: Flag = Flag::new(false);
    explore(|| {
        let lock = biased();
        let reader = reader(&lock, &AT_PLACE);
        add(&lock);
        assert!(end(reader) <= 1);
    });
    assert!(AT_PLACE.load(Relaxed), "no reader was at a place");
}

#[test]
fn writer_waits_for_readers_at_all_places() {
    static FIRST: Flag = Flag::new(false);
    static SECOND: Flag = Flag::new(false);
    explore(|| {
        let lock = biased();
        let readers = [reader(&lock, &FIRST), reader(&lock, &SECOND)];
        add(&lock);
        assert!(readers.map(end).iter().all(|&seen| seen <= 1));
    });
    assert!(FIRST.load(Relaxed) && SECOND.load(Relaxed));
}

#[test]
fn readers_may_share_a_place() {
    static AT_PLACE: Flag = Flag::new(false);
    static PLAIN: Flag = Flag::new(false);
    explore(|| {
        let lock = biased();
        end(spawn(thread::number));
        let readers = [(), ()].map(|()| {
            let lock = Arc::clone(&lock);
            spawn(move || {
                thread::share(0);
                let guard = lock.read();
                let used = if guard.is_at_place() {
                    &AT_PLACE
                } else {
                    &PLAIN
                };
                used.store(true, Relaxed);
                value(&guard)
            })
        });
        add(&lock);
        assert!(readers.map(end).iter().all(|&seen| seen <= 1));
    });
    assert!(AT_PLACE.load(Relaxed) && PLAIN.load(Relaxed));
}

/// The bias goes with the first change, may come back by a reader, and goes with the second one.
#[test]
fn bias_comes_back() {
    static AT_PLACE: Flag = Flag::new(false);
    explore(|| {
        let lock = lock();
        let reader = {
            let lock = Arc::clone(&lock);
            spawn(move || {
                let mut last = 0;
                for _ in 0..4 {
                    let now = read(&lock, &AT_PLACE);
                    assert!(last <= now, "a change was undone");
                    last = now;
                }
            })
        };
        add(&lock);
        assert_eq!(add(&lock), 2);
        end(reader);
    });
    assert!(AT_PLACE.load(Relaxed), "the bias never came back");
}

#[test]
fn bias_that_one_reader_brings_is_for_another() {
    static AT_PLACE: Flag = Flag::new(false);
    explore(|| {
        let lock = lock();
        let readers = [reader(&lock, &AT_PLACE), reader(&lock, &AT_PLACE)];
        add(&lock);
        assert!(readers.map(end).iter().all(|&seen| seen <= 1));
    });
    assert!(AT_PLACE.load(Relaxed));
}

#[test]
fn writers_take_turns() {
    static AT_PLACE: Flag = Flag::new(false);
    explore(|| {
        let lock = biased();
        let reader = reader(&lock, &AT_PLACE);
        let other = Arc::clone(&lock);
        let writer = spawn(move || add(&other));
        let seen = [add(&lock), end(writer)];
        assert!(seen == [1, 2] || seen == [2, 1], "{seen:?}");
        assert!(end(reader) <= 2);
    });
    assert!(AT_PLACE.load(Relaxed));
}

#[test]
fn long_reads_keep_a_writer_out() {
    static AT_PLACE: Flag = Flag::new(false);
    explore(|| {
        let lock = biased();
        let short = reader(&lock, &AT_PLACE);
        let other = Arc::clone(&lock);
        let long = spawn(move || value(&other.read_long()));
        add(&lock);
        assert!(end(short) <= 1 && end(long) <= 1);
    });
    assert!(AT_PLACE.load(Relaxed));
}

/// The place names one of the locks; the other one is read plainly.
#[test]
fn thread_reads_two_locks() {
    explore(|| {
        let (first, second) = (biased(), biased());
        let reader = {
            let (first, second) = (Arc::clone(&first), Arc::clone(&second));
            spawn(move || {
                let outer = first.read();
                let inner = second.read();
                assert!(!(outer.is_at_place() && inner.is_at_place()));
                value(&outer) + value(&inner)
            })
        };
        add(&second);
        add(&first);
        assert!(end(reader) <= 2);
    });
}
