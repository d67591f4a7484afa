//! Functions whose results weigh what they hold.

use cacheme::LocalStorage;

use super::{Failure, Service};

#[cacheme::cached(storage = "hot", weight = String::len, runtime = &service.cacheme)]
async fn page(#[skip] service: &Service, bytes: usize) -> Result<String, Failure> {
    service.ran();
    Ok("x".repeat(bytes))
}

#[cacheme::cached(storage = "hot", weight = |row| row.map_or(1, |bytes| bytes), runtime = &service.cacheme)]
async fn row<const BYTES: u32>(#[skip] service: &Service) -> Option<u32> {
    service.ran();
    Some(BYTES)
}

impl Service {
    #[cacheme::cached(storage = "hot", weight = Vec::len, runtime = &self.cacheme)]
    async fn blob(#[skip] &self, bytes: usize) -> Vec<u8> {
        self.ran();
        vec![0; bytes]
    }
}

async fn service() -> Service {
    let mut service = Service::new().await;
    let hot = LocalStorage::lru(1000).weighted();
    let builder = cacheme::Cacheme::builder().storage("hot", hot);
    service.cacheme = builder.build().await.expect("the set-up is right");
    service
}

#[tokio::test]
async fn a_heavy_result_puts_others_out() {
    let service = service().await;
    let kept = async |bytes| {
        page::get_cached(&service, bytes)
            .await
            .expect("a look")
            .is_some()
    };
    for bytes in [300, 301, 302] {
        page(&service, bytes).await.expect("it runs");
    }
    assert!(kept(300).await && kept(301).await && kept(302).await);
    assert_eq!(row::<600>(&service).await, Some(600));
    assert!(!kept(300).await && !kept(301).await && kept(302).await);
    assert_eq!(service.blob(900).await.len(), 900);
    assert!(!kept(302).await);
    // It is given, and not kept.
    page(&service, 1001).await.expect("it runs");
    assert!(!kept(1001).await);
}
