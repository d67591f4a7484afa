//! The allocator of this program, which can count.
//!
//! It counts while a [`Meter`] exists, and otherwise passes everything on, at the cost of reading one
//! flag: the other measurements must not pay for the counters. Bytes are those that were asked for,
//! without what the system's allocator adds to each.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

#[global_allocator]
static HEAP: Counting = Counting;

static IS_COUNTING: AtomicBool = AtomicBool::new(false);
static LIVE: AtomicI64 = AtomicI64::new(0);

struct Counting;

// SAFETY: every call goes to `System` as it came, and what `System` returned is returned.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: the caller's promises are those that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(0, layout.size());
        // SAFETY: as above, and the pointer came from `System`.
        unsafe { System.dealloc(pointer, layout) }
    }

    // Passed on too, as the system's pages come zeroed and stay untouched.
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: as for `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size, layout.size());
        // SAFETY: as for `dealloc`.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

fn count(taken: usize, given: usize) {
    if IS_COUNTING.load(Ordering::Relaxed) {
        // A layout is at most `isize::MAX` bytes.
        let change = taken.cast_signed() - given.cast_signed();
        let change = i64::try_from(change).unwrap_or(i64::MAX);
        LIVE.fetch_add(change, Ordering::Relaxed);
    }
}

/// Counts the heap from when it is made until it is dropped. There is one at a time.
#[derive(Debug)]
pub(crate) struct Meter(());

impl Meter {
    /// Begins at 0.
    pub(crate) fn new() -> Self {
        LIVE.store(0, Ordering::Relaxed);
        IS_COUNTING.store(true, Ordering::Relaxed);
        Self(())
    }

    /// How many bytes were allocated and are not freed.
    #[expect(clippy::unused_self, reason = "nothing is counted without a meter")]
    pub(crate) fn live(&self) -> usize {
        usize::try_from(LIVE.load(Ordering::Relaxed)).unwrap_or(0)
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        IS_COUNTING.store(false, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    use super::*;

    #[test]
    fn a_meter_sees_what_is_kept() {
        // Other tests allocate and free at the same time, but far less than half of this.
        const MANY: usize = 1 << 28;
        let meter = Meter::new();
        let kept = black_box(Vec::<u8>::with_capacity(MANY));
        assert!((MANY / 2..MANY / 2 * 3).contains(&meter.live()));
        drop(kept);
        assert!(meter.live() < MANY / 2);
    }
}
