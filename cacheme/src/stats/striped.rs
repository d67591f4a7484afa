//! Counters that threads add to without fighting for a cache line.
//!
//! Each thread adds to the stripe that it was dealt; a reader sums the stripes. With as many
//! stripes as cores, two threads share one only when there are more threads than cores.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

/// `N` counters, each kept once per stripe.
#[derive(Debug)]
pub(super) struct Striped<const N: usize> {
    stripes: Box<[Stripe<N>]>,
}

/// Two cache lines, since processors fetch them in pairs.
#[derive(Debug)]
#[repr(align(128))]
struct Stripe<const N: usize>([AtomicU64; N]);

thread_local! {
    static DEALT: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// The number that this thread was dealt.
#[inline]
fn dealt() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    DEALT.with(|dealt| {
        if dealt.get() == usize::MAX {
            dealt.set(NEXT.fetch_add(1, Ordering::Relaxed));
        }
        dealt.get()
    })
}

impl<const N: usize> Striped<N> {
    /// More stripes cost memory and pay little.
    const MOST: usize = 16;

    pub(super) fn new() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let stripes = cores.next_power_of_two().min(Self::MOST);
        Self {
            stripes: (0..stripes)
                .map(|_| Stripe([const { AtomicU64::new(0) }; N]))
                .collect(),
        }
    }

    #[inline]
    pub(super) fn add(&self, counter: usize, by: u64) {
        // A power of two, so that the stripe is found without a division.
        let stripe = &self.stripes[dealt() & (self.stripes.len() - 1)];
        stripe.0[counter].fetch_add(by, Ordering::Relaxed);
    }

    pub(super) fn sum(&self, counter: usize) -> u64 {
        let read = |stripe: &Stripe<N>| stripe.0[counter].load(Ordering::Relaxed);
        self.stripes.iter().map(read).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_what_all_threads_added() {
        let counters = Striped::<2>::new();
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..1000).for_each(|_| counters.add(1, 2)));
            }
        });
        assert_eq!((counters.sum(0), counters.sum(1)), (0, 16_000));
    }
}
