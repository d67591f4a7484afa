//! Small numbers for threads, so that each can have a place of its own in an array.
//!
//! A number goes back when its thread ends, and the lowest that is free is given out next: a process
//! with few threads at a time uses few numbers, however many threads it has started.

use std::cell::Cell;

use crate::sync::{self, AtomicUsize, Mutex, Ordering};

/// Stands for no number.
const NONE: usize = usize::MAX;

#[cfg(not(all(test, loom)))]
thread_local! {
    static NUMBER: Cell<usize> = const { Cell::new(NONE) };
    /// Apart from the number, which is read all the time and so has nothing to drop.
    static LEASE: Cell<Option<Lease>> = const { Cell::new(None) };
}

#[cfg(all(test, loom))]
loom::thread_local! {
    static NUMBER: Cell<usize> = Cell::new(NONE);
    static LEASE: Cell<Option<Lease>> = Cell::new(None);
}

/// Whether each number is taken.
#[cfg(not(all(test, loom)))]
static TAKEN: Mutex<Vec<bool>> = Mutex::new(Vec::new());
#[cfg(not(all(test, loom)))]
static MOST: AtomicUsize = AtomicUsize::new(0);

#[cfg(all(test, loom))]
loom::lazy_static! {
    static ref TAKEN: Mutex<Vec<bool>> = Mutex::new(Vec::new());
    static ref MOST: AtomicUsize = AtomicUsize::new(0);
}

/// A number that is taken until its thread ends.
struct Lease(usize);

/// The number of this thread. No other that is running has it, but for what a thread still does while
/// its own thread-local values are dropped: it has given its number back by then, and goes on with it.
#[inline]
pub(crate) fn number() -> usize {
    let number = NUMBER.with(Cell::get);
    if number == NONE { take() } else { number }
}

/// No thread has had this number or a higher one yet. What a thread has done before with its number is
/// seen by who sees that.
pub(crate) fn most() -> usize {
    MOST.load(Ordering::SeqCst)
}

#[cold]
fn take() -> usize {
    let lease = Lease::new();
    let number = lease.0;
    NUMBER.with(|own| own.set(number));
    LEASE.with(|own| own.set(Some(lease)));
    number
}

impl Lease {
    fn new() -> Self {
        let mut taken = sync::unpoisoned(TAKEN.lock());
        let number = taken.iter().position(|taken| !taken).unwrap_or(taken.len());
        if number == taken.len() {
            taken.push(true);
            MOST.store(taken.len(), Ordering::SeqCst);
        }
        taken[number] = true;
        Self(number)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        sync::unpoisoned(TAKEN.lock())[self.0] = false;
    }
}

/// Gives the number of this thread back. Those of models do so themselves: loom may end the model
/// before it drops what is local to a thread.
#[cfg(all(test, loom))]
pub(crate) fn give_back() {
    drop(LEASE.with(Cell::take));
}

/// Has this thread share a number that was taken before.
#[cfg(all(test, loom))]
pub(crate) fn share(number: usize) {
    assert!(number < most(), "nobody had the number yet");
    NUMBER.with(|own| own.set(number));
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::collections::HashSet;
    use std::sync::Barrier;
    use std::thread;

    use super::*;

    #[test]
    fn threads_that_run_together_have_numbers_of_their_own() {
        let all = Barrier::new(20);
        let numbers: HashSet<usize> = thread::scope(|scope| {
            let run = || {
                let own = number();
                all.wait();
                assert_eq!(own, number());
                own
            };
            let threads: Vec<_> = (0..20).map(|_| scope.spawn(run)).collect();
            let ends = threads.into_iter().map(thread::ScopedJoinHandle::join);
            ends.map(|end| end.expect("no thread panics")).collect()
        });
        assert_eq!(numbers.len(), 20);
        assert!(numbers.iter().all(|&number| number < most()));
    }

    #[test]
    fn numbers_of_ended_threads_are_used_again() {
        let numbers = (0..200).map(|_| {
            let thread = thread::spawn(number);
            thread.join().expect("no thread panics")
        });
        let distinct: HashSet<usize> = numbers.collect();
        assert!(distinct.len() < 200, "{} numbers", distinct.len());
    }
}
