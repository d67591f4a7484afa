//! Functions whose results are kept beyond their time, for when they fail.

use std::sync::Arc;
use std::time::Duration;

use cacheme::{Cacheme, LocalStorage, ManualClock};

use super::{Failure, Service};

#[cacheme::cached(
    storage = "hot",
    ttl = "10s",
    stale = "1h",
    hard_timeout = "1s",
    runtime = &service.cacheme
)]
async fn once(#[skip] service: &Service, number: u64) -> Result<u64, Failure> {
    match (service.ran(), number) {
        (1, _) => Ok(number),
        (_, 0) => std::future::pending().await,
        (run, _) => Err(Failure::Own(run)),
    }
}

async fn service() -> (Service, Arc<ManualClock>) {
    let mut service = Service::new().await;
    let clock = Arc::new(ManualClock::new());
    let builder = Cacheme::builder()
        .clock(Arc::<ManualClock>::clone(&clock))
        .storage("hot", LocalStorage::lru(100));
    service.cacheme = builder.build().await.expect("the set-up is right");
    (service, clock)
}

#[tokio::test]
async fn an_error_is_what_it_is_when_there_is_no_old_result() {
    let (service, clock) = service().await;
    assert_eq!(once(&service, 1).await, Ok(1));
    clock.advance(Duration::from_secs(10));
    assert_eq!(once(&service, 1).await, Ok(1));
    assert_eq!(service.runs(), 2);
    assert_eq!(once::stats(&service).nodes()[0].stale(), 1);
    assert_eq!(once(&service, 2).await, Err(Failure::Own(3)));
    clock.advance(Duration::from_secs(60 * 60));
    assert_eq!(once(&service, 1).await, Err(Failure::Own(4)));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_takes_too_long_has_failed() {
    let (service, clock) = service().await;
    assert_eq!(once(&service, 0).await, Ok(0));
    clock.advance(Duration::from_secs(10));
    let begun = tokio::time::Instant::now();
    assert_eq!(once(&service, 0).await, Ok(0));
    assert_eq!(begun.elapsed(), Duration::from_secs(1));
    once::invalidate(&service, 0).await.expect("it is removed");
    let error = once(&service, 0).await.expect_err("it takes for ever");
    assert!(matches!(error, Failure::Cache(text) if text.contains("deadline of 1s")));
}
