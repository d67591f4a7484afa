//! Counters that threads add to without fighting for a cache line.
//!
//! As many threads as cores, twice, have a stripe each, to which nobody else adds: what they do is a load and a store.
//! Those beyond share other stripes, and add atomically, which costs several times as much. A reader sums the stripes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::available_parallelism;

use super::thread;

/// `N` counters, each kept once per stripe.
#[derive(Debug)]
pub(super) struct Striped<const N: usize> {
    /// By the threads' numbers.
    own: Box<[Stripe<N>]>,
    /// As many as a power of two, so that one is found without a division.
    shared: Box<[Stripe<N>]>,
}

/// Two cache lines, since processors fetch them in pairs.
#[derive(Debug)]
#[repr(align(128))]
struct Stripe<const N: usize>([AtomicU64; N]);

impl<const N: usize> Striped<N> {
    /// More stripes cost memory and pay little.
    const MOST_OWN: usize = 64;
    const MOST_SHARED: usize = 16;

    pub(super) fn new() -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        Self::with(
            (2 * cores).min(Self::MOST_OWN),
            cores.next_power_of_two().min(Self::MOST_SHARED),
        )
    }

    fn with(own: usize, shared: usize) -> Self {
        let stripes = |count| (0..count).map(|_| Stripe::new()).collect();
        Self {
            own: stripes(own),
            shared: stripes(shared),
        }
    }

    #[inline]
    pub(super) fn add(&self, counter: usize, by: u64) {
        match self.own.get(thread::number()) {
            Some(stripe) => stripe.add_alone(counter, by),
            None => self.add_elsewhere(counter, by),
        }
    }

    /// Of a thread that has no stripe of its own, or no number yet.
    #[cold]
    fn add_elsewhere(&self, counter: usize, by: u64) {
        let number = thread::take();
        if let Some(stripe) = self.own.get(number) {
            return stripe.add_alone(counter, by);
        }
        let stripe = &self.shared[number & (self.shared.len() - 1)];
        stripe.0[counter].fetch_add(by, Ordering::Relaxed);
    }

    pub(super) fn sum(&self, counter: usize) -> u64 {
        let read = |stripe: &Stripe<N>| stripe.0[counter].load(Ordering::Relaxed);
        self.own.iter().chain(&self.shared).map(read).sum()
    }
}

impl<const N: usize> Stripe<N> {
    fn new() -> Self {
        Self([const { AtomicU64::new(0) }; N])
    }

    /// Adds as the only one that does.
    #[inline]
    fn add_alone(&self, counter: usize, by: u64) {
        let sum = self.0[counter].load(Ordering::Relaxed).wrapping_add(by);
        self.0[counter].store(sum, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::thread::scope;

    use super::*;

    #[test]
    fn sums_what_all_threads_added_that_came_and_went() {
        // Some of them have stripes of their own, and these are others' later on.
        let counters = Striped::<2>::with(64, 2);
        for _ in 0..50 {
            scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| (0..1000).for_each(|_| counters.add(1, 2)));
                }
            });
        }
        assert_eq!((counters.sum(0), counters.sum(1)), (0, 800_000));
    }
}
