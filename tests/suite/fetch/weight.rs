//! `weight`: a local storage that holds so much, rather than so many.

use cacheme::{Cacheme, Load, LoadContext, LoadResult, LocalStorage};

/// A text of so many bytes.
#[cacheme::node(storage = "pages", weight = String::len)]
struct Page {
    bytes: usize,
}

/// Weighs one, for want of an option.
#[cacheme::node(storage = "pages")]
struct Light(u64);

#[cacheme::node(storage = "counted", weight = String::len)]
struct Counted;

impl Load for Page {
    type Value = String;

    async fn load(&self, _cx: &LoadContext) -> LoadResult<String> {
        Ok("x".repeat(self.bytes))
    }
}

impl Load for Light {
    type Value = u64;

    async fn load(&self, _cx: &LoadContext) -> LoadResult<u64> {
        Ok(self.0)
    }
}

impl Load for Counted {
    type Value = String;

    async fn load(&self, _cx: &LoadContext) -> LoadResult<String> {
        Ok(String::new())
    }
}

async fn runtime(pages: impl cacheme::IntoStorage) -> Cacheme {
    let runtime = Cacheme::builder()
        .storage("pages", pages)
        .storage("counted", LocalStorage::lru(100))
        .build();
    runtime.await.expect("the set-up is right")
}

async fn there(runtime: &Cacheme, sizes: impl IntoIterator<Item = usize>) -> Vec<usize> {
    let mut there = Vec::new();
    for bytes in sizes {
        if runtime.contains(Page { bytes }).await.expect("a look") {
            there.push(bytes);
        }
    }
    there
}

#[tokio::test]
async fn a_heavy_value_puts_several_out() -> cacheme::Result<()> {
    for storage in ["local://lru?capacity=1000&weighted=true", "typed"] {
        let runtime = match storage {
            "typed" => runtime(LocalStorage::lru(1000).weighted()).await,
            url => runtime(url).await,
        };
        for bytes in 300..303 {
            runtime.get(Page { bytes }).await?;
        }
        assert_eq!(there(&runtime, 300..303).await, [300, 301, 302]);
        for number in 0..90 {
            runtime.get(Light(number)).await?;
        }
        // 993 are in use: the two that were used first go for this one.
        runtime.get(Page { bytes: 500 }).await?;
        assert_eq!(there(&runtime, [300, 301, 302, 500]).await, [302, 500]);
        assert!(runtime.contains(Light(0)).await?);
        // It is given, and not kept.
        assert_eq!(runtime.get(Page { bytes: 1001 }).await?.len(), 1001);
        assert_eq!(there(&runtime, [302, 500, 1001]).await, [302, 500]);
    }
    Ok(())
}

#[tokio::test]
async fn a_storage_that_counts_entries_is_refused() {
    let runtime = runtime(LocalStorage::lru(100)).await;
    let error = runtime.get(Counted).await.expect_err("it can't weigh");
    assert_eq!(
        error.to_string(),
        "`Counted` has a `weight`, and its local storage counts entries: register one with \
         `LocalStorage::weighted`, or `weighted=true` in its URL"
    );
}
