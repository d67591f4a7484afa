//! `LoadContext::previous`: a refresh that finds the value unchanged renews it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cacheme::testing::{Mode, Operation};
use cacheme::{Cacheme, Load, LoadContext, LoadResult, LocalStorage, ManualClock};
use cacheme_tests::memory::MemoryStorage;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Page {
    etag: u64,
    text: String,
}

#[cacheme::node(caches(
    cache(storage = "near", ttl = "10s"),
    cache(storage = "far", ttl = "100s")
))]
struct PageAt(u64);

/// A source that gives a page only to who doesn't have it.
#[derive(Default)]
struct Source {
    etag: AtomicU64,
    /// What it was asked with.
    asked: Mutex<Vec<Option<u64>>>,
}

impl Load for PageAt {
    type Value = Page;

    async fn load(&self, cx: &LoadContext) -> LoadResult<Page> {
        let source = cx.state::<Arc<Source>>()?;
        let previous = cx.previous(self).await?;
        let has = previous.as_ref().map(|page| page.etag);
        source.asked.lock().expect("no panic").push(has);
        let etag = source.etag.load(Ordering::Relaxed);
        match previous {
            Some(page) if page.etag == etag => Ok(page),
            _ => Ok(Page {
                etag,
                text: format!("page {} in its version {etag}", self.0),
            }),
        }
    }
}

struct Shelf {
    runtime: Cacheme,
    clock: Arc<ManualClock>,
    far: MemoryStorage,
    source: Arc<Source>,
}

impl Shelf {
    async fn new() -> Self {
        let (clock, source) = (Arc::new(ManualClock::new()), Arc::<Source>::default());
        let far = MemoryStorage::new().with_clock(Arc::<ManualClock>::clone(&clock));
        let runtime = Cacheme::builder()
            .clock(Arc::<ManualClock>::clone(&clock))
            .storage("near", LocalStorage::lru(10))
            .storage("far", far.clone())
            .state(Arc::clone(&source))
            .build()
            .await
            .expect("the set-up is right");
        Self {
            runtime,
            clock,
            far,
            source,
        }
    }

    fn take_asked(&self) -> Vec<Option<u64>> {
        std::mem::take(&mut *self.source.asked.lock().expect("no panic"))
    }
}

#[tokio::test]
async fn a_value_that_has_not_changed_is_renewed_in_every_tier() -> cacheme::Result<()> {
    let shelf = Shelf::new().await;
    let first = shelf.runtime.get(PageAt(1)).await?;
    assert_eq!(shelf.take_asked(), [None]);
    for seconds in [5, 60] {
        // Once the near tier has it, and once only the far one.
        shelf.clock.advance(Duration::from_secs(seconds));
        assert_eq!(shelf.runtime.refresh(PageAt(1)).await?, first);
        assert_eq!(shelf.take_asked(), [Some(0)]);
        let entry = shelf.runtime.get_entry(PageAt(1)).await?;
        assert_eq!(entry.age(), Duration::ZERO);
    }
    // Longer after the load than the far tier keeps it, and not after the last refresh.
    shelf.clock.advance(Duration::from_secs(99));
    assert_eq!(shelf.runtime.peek(PageAt(1)).await?, Some(first));
    shelf.source.etag.store(1, Ordering::Relaxed);
    let second = shelf.runtime.refresh(PageAt(1)).await?;
    assert_eq!(second.etag, 1);
    assert_eq!(shelf.take_asked(), [Some(0)]);
    assert_eq!(shelf.runtime.get(PageAt(1)).await?, second);
    shelf.runtime.invalidate(PageAt(1)).await?;
    shelf.runtime.refresh(PageAt(1)).await?;
    assert_eq!(shelf.take_asked(), [None]);
    // The looks are no requests.
    let stats = shelf.runtime.stats();
    let node = stats.node::<PageAt>().expect("it was used");
    assert_eq!((node.requests(), node.loads()), (4, 5));
    Ok(())
}

#[tokio::test]
async fn a_storage_that_is_down_has_no_previous_value() -> cacheme::Result<()> {
    let shelf = Shelf::new().await;
    shelf.runtime.get(PageAt(1)).await?;
    shelf.clock.advance(Duration::from_secs(20));
    shelf.far.set_mode_of(Operation::Get, Mode::Fails);
    shelf.runtime.refresh(PageAt(1)).await?;
    assert_eq!(shelf.take_asked(), [None, None]);
    Ok(())
}
