//! What there is to do with a function's cache.

use super::{Failure, Service, doubled, even, some};

#[tokio::test]
async fn a_call_is_invalidated() {
    let service = Service::new().await;
    doubled(&service, 1).await;
    doubled(&service, 2).await;
    doubled::invalidate(&service, 1)
        .await
        .expect("invalidation succeeds");
    doubled(&service, 2).await;
    assert_eq!(service.runs(), 2);
    doubled(&service, 1).await;
    assert_eq!(service.runs(), 3);
}

#[tokio::test]
async fn a_refresh_runs_and_keeps() {
    let service = Service::new().await;
    doubled(&service, 1).await;
    assert_eq!(doubled::refresh(&service, 1).await, 2);
    doubled(&service, 1).await;
    assert_eq!(service.runs(), 2);
    assert_eq!(even::refresh(&service, 1).await, Err(Failure::Own(3)));
}

#[tokio::test]
async fn what_is_kept_is_seen_without_a_run() {
    let service = Service::new().await;
    assert_eq!(even::get_cached(&service, 2).await.expect("no error"), None);
    even(&service, 2).await.expect("it is even");
    assert_eq!(
        even::get_cached(&service, 2).await.expect("no error"),
        Some(Ok(2))
    );
    assert_eq!(service.runs(), 1);
}

#[tokio::test]
async fn a_result_is_kept_without_a_run() {
    let service = Service::new().await;
    even::prime(&service, 1, Ok(5)).await.expect("it is kept");
    assert_eq!(even(&service, 1).await, Ok(5));
    even::prime(&service, 3, Err(Failure::Own(9)))
        .await
        .expect("no error");
    assert_eq!(even(&service, 3).await, Err(Failure::Own(1)));
}

#[tokio::test]
async fn nothing_that_is_kept_in_place_of_something_removes_it() {
    let service = Service::new().await;
    some(&service, "a").await;
    some::prime(&service, "a", None).await.expect("it is taken");
    let kept = some::get_cached(&service, "a").await;
    assert_eq!(kept.expect("no error"), None);
}

#[tokio::test]
async fn a_function_has_figures() {
    let service = Service::new().await;
    doubled(&service, 1).await;
    doubled(&service, 1).await;
    even(&service, 2).await.expect("it is even");
    let stats = doubled::stats(&service);
    let rows: Vec<_> = stats
        .nodes()
        .iter()
        .map(|node| (node.name(), node.requests(), node.loads()))
        .collect();
    assert_eq!(rows, [("doubled", 2, 1)]);
}
