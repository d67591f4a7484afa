//! A hit in process allocates nothing. Other tests ask for the memory that something takes.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use cacheme::{Load, LoadContext, LoadResult};

/// The system's allocator, counting what each thread allocates.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    /// Bytes that are in use, less those that were allocated by other threads.
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn count() {
    // The thread's counter is gone while the thread ends.
    let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
}

fn grow(by: isize) {
    let _ = LIVE.try_with(|live| live.set(live.get() + by));
    let _ = PEAK.try_with(|peak| peak.set(peak.get().max(LIVE.get())));
}

/// What a call gives, and how many bytes more than before it had in use at once, on this thread.
pub(crate) fn peak<T>(call: impl FnOnce() -> T) -> (T, usize) {
    let before = LIVE.get();
    PEAK.set(before);
    let outcome = call();
    (outcome, (PEAK.get() - before).unsigned_abs())
}

// SAFETY: every method passes its arguments on to the system's allocator as they came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        grow(layout.size().cast_signed());
        // SAFETY: the caller's promises are those that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        grow(-layout.size().cast_signed());
        // SAFETY: `pointer` came from the system's allocator, with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        grow(size.cast_signed() - layout.size().cast_signed());
        // SAFETY: `pointer` came from the system's allocator, with this layout.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[cacheme::node(storage = "allocation", ttl = "1h")]
struct Number {
    number: u64,
}

impl Load for Number {
    type Value = u64;

    async fn load(&self, _cx: &LoadContext) -> LoadResult<u64> {
        Ok(self.number)
    }
}

#[cacheme::node(storage = "allocation")]
struct Text {
    tenant: u32,
    number: u64,
}

impl Load for Text {
    type Value = Arc<String>;

    async fn load(&self, _cx: &LoadContext) -> LoadResult<Arc<String>> {
        Ok(Arc::new(format!("{} {}", self.tenant, self.number)))
    }
}

#[tokio::test]
async fn a_hit_allocates_nothing() {
    let registered = cacheme::register_storage("allocation", "local://tlfu?capacity=1000").await;
    registered.expect("the name is free");
    let tenant = 1;
    for number in 0..100 {
        cacheme::get(Number { number }).await.expect("a value");
        cacheme::get(Text { tenant, number })
            .await
            .expect("a value");
    }
    let before = ALLOCATIONS.get();
    for number in (0..100).cycle().take(10_000) {
        let hit = cacheme::get(Number { number }).await.expect("a value");
        assert_eq!(hit, number);
        let hit = cacheme::get(Text { tenant, number })
            .await
            .expect("a value");
        assert!(!hit.is_empty());
    }
    assert_eq!(ALLOCATIONS.get() - before, 0);
    let stats = cacheme::stats();
    let hits = stats.node::<Number>().expect("the node is known").hits();
    assert_eq!(hits, 10_000);
    // The counter counts.
    cacheme::get(Number { number: 100 }).await.expect("a value");
    assert!(ALLOCATIONS.get() > before);
}
