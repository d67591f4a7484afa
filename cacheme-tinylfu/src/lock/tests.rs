use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use super::*;

fn biased<T>(value: T) -> Lock<T> {
    let lock = Lock::new(value);
    lock.biased.store(true, Ordering::SeqCst);
    lock
}

#[test]
fn bias_comes_by_calm_readers_and_goes_with_a_writer() {
    let lock = Lock::new(0);
    for _ in 0..2 {
        for _ in 0..=lock.calm.load(Ordering::Relaxed) {
            assert!(!lock.biased.load(Ordering::SeqCst));
            assert!(!lock.read().is_at_place());
        }
        assert!(lock.biased.load(Ordering::SeqCst));
        *lock.write() += 1;
        assert!(!lock.biased.load(Ordering::SeqCst));
    }
    assert_eq!(*lock.read(), 2);
}

#[test]
fn thread_is_at_one_place_at_a_time() {
    let (first, second) = (biased(1), biased(2));
    let mut at_place = false;
    // A thread of another test may have the same place.
    while !at_place {
        let outer = first.read();
        let inner = [first.read(), second.read()];
        at_place = outer.is_at_place();
        assert!(!at_place || !inner.iter().any(ReadGuard::is_at_place));
        assert_eq!((*outer, *inner[0], *inner[1]), (1, 1, 2));
        thread::yield_now();
    }
}

#[test]
fn long_reads_leave_places_to_others() {
    let lock = biased(1);
    assert!(!lock.read_long().is_at_place());
}

#[test]
fn reader_that_panics_leaves_its_place() {
    let lock = biased(1);
    let read = || assert_eq!(*lock.read(), 2, "a panic that is meant to be");
    assert!(catch_unwind(AssertUnwindSafe(read)).is_err());
    assert!(lock.is_free());
    *lock.write() += 1;
    assert_eq!(*lock.read(), 2);
}

#[test]
fn writer_that_panics_leaves_the_lock_usable() {
    let lock = Lock::new(1);
    let write = || assert_eq!(*lock.write(), 2, "a panic that is meant to be");
    assert!(catch_unwind(AssertUnwindSafe(write)).is_err());
    *lock.write() += 1;
    assert_eq!(*lock.read(), 2);
}

/// How often threads did what.
#[derive(Debug, Default)]
struct Seen {
    at_place: AtomicUsize,
    biases_taken: AtomicUsize,
    writes: AtomicUsize,
}

fn count(counter: &AtomicUsize, happened: bool) {
    counter.fetch_add(happened.into(), Ordering::Relaxed);
}

/// Writes ever less often, so that the lock is plain, is biased by turns, and is biased nearly always.
/// The two numbers are equal whenever nobody writes.
fn work(lock: &Lock<(usize, usize)>, seen: &Seen, thread: u64, ops: u64) {
    let mut random = thread + 1;
    for op in 0..ops {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let reads_per_write = 2 << (op * 12 / ops);
        if random.is_multiple_of(reads_per_write) {
            count(&seen.biases_taken, lock.biased.load(Ordering::Relaxed));
            count(&seen.writes, true);
            let mut pair = lock.write();
            pair.0 += 1;
            let pair = black_box(&mut *pair);
            pair.1 += 1;
            assert_eq!(pair.0, pair.1);
        } else {
            let long = random % 32 == 1;
            let pair = if long { lock.read_long() } else { lock.read() };
            count(&seen.at_place, pair.is_at_place());
            let first = pair.0;
            assert_eq!(first, black_box(&*pair).1);
        }
    }
}

fn stress(threads: u64, ops: u64) {
    let (lock, seen) = (Lock::new((0, 0)), Seen::default());
    thread::scope(|scope| {
        for thread in 0..threads {
            let (lock, seen) = (&lock, &seen);
            scope.spawn(move || work(lock, seen, thread, ops));
        }
    });
    let writes = seen.writes.load(Ordering::Relaxed);
    assert_eq!(*lock.read(), (writes, writes));
    assert!(seen.at_place.into_inner() > 0, "nobody was at a place");
    assert!(seen.biases_taken.into_inner() > 0, "the bias never went");
}

const OPS: u64 = if cfg!(miri) { 600 } else { 400_000 };

#[test]
fn nobody_sees_half_of_a_change() {
    stress(8, OPS);
}

#[test]
fn more_threads_than_places_share_them() {
    let threads = if cfg!(miri) { 8 } else { 2 * PLACES as u64 };
    stress(threads, OPS / 20);
}
