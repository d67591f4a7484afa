//! Small numbers for threads, so that each can have a place of its own in an array.
//!
//! A number goes back when its thread ends, and the lowest that is free is given out next: a process with few threads
//! at a time uses few numbers, however many threads it has started.

use std::cell::Cell;
use std::sync::Mutex;

use crate::lock::lock;

/// No number yet.
const NONE: usize = usize::MAX;
/// That of all threads that end: they have given theirs back.
const ENDING: usize = usize::MAX - 1;

thread_local! {
    static NUMBER: Cell<usize> = const { Cell::new(NONE) };
    /// Apart from the number, which is read all the time and so has nothing to drop.
    static LEASE: Cell<Option<Lease>> = const { Cell::new(None) };
}

/// Whether each number is taken.
static TAKEN: Mutex<Vec<bool>> = Mutex::new(Vec::new());

/// A number that is taken until its thread ends.
struct Lease(usize);

/// The number of this thread, which no other has while it runs; a very large one where it has none.
#[inline]
pub(super) fn number() -> usize {
    NUMBER.with(Cell::get)
}

/// Gives this thread a number if it had none yet, and returns it.
pub(super) fn take() -> usize {
    if number() == NONE {
        let lease = Lease::new();
        NUMBER.with(|own| own.set(lease.0));
        // Where it is too late for that, the lease is dropped here.
        let _ = LEASE.try_with(|own| own.set(Some(lease)));
    }
    number()
}

impl Lease {
    fn new() -> Self {
        let mut taken = lock(&TAKEN);
        let number = taken.iter().position(|taken| !taken).unwrap_or(taken.len());
        if number == taken.len() {
            taken.push(true);
        }
        taken[number] = true;
        Self(number)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // First of all: whoever is given the number sees what was done with it.
        NUMBER.with(|own| own.set(ENDING));
        lock(&TAKEN)[self.0] = false;
    }
}

#[cfg(test)]
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
                let own = take();
                all.wait();
                assert_eq!((own, own), (take(), number()));
                own
            };
            let threads: Vec<_> = (0..20).map(|_| scope.spawn(run)).collect();
            let ends = threads.into_iter().map(thread::ScopedJoinHandle::join);
            ends.map(|end| end.expect("no thread panics")).collect()
        });
        assert_eq!(numbers.len(), 20);
    }

    #[test]
    fn numbers_of_ended_threads_are_used_again() {
        let numbers = (0..200).map(|_| thread::spawn(take).join().expect("no thread panics"));
        let distinct: HashSet<usize> = numbers.collect();
        assert!(distinct.len() < 200, "{} numbers", distinct.len());
    }

    #[test]
    fn a_thread_that_ends_goes_on_without_its_number() {
        struct Last(std::sync::mpsc::Sender<usize>);

        impl Drop for Last {
            fn drop(&mut self) {
                let _ = self.0.send(take());
            }
        }

        thread_local! {
            static LAST: Cell<Option<Last>> = const { Cell::new(None) };
        }

        let (sender, receiver) = std::sync::mpsc::channel();
        let run = || {
            // Dropped after the number, which was taken later.
            LAST.set(Some(Last(sender)));
            take()
        };
        let number = thread::spawn(run).join().expect("no panic");
        assert!(number < ENDING);
        assert_eq!(receiver.recv(), Ok(ENDING));
    }
}
