//! Cached functions: what they keep, for whom, and that they stay what they were.

mod companion;
mod flight;
mod identity;
mod method;
mod stale;
mod tags;
mod weight;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cacheme::{Cacheme, LocalStorage, ManualClock};

/// A runtime of the test's own, and how often a function ran.
#[derive(Clone)]
struct Service {
    cacheme: Cacheme,
    runs: Arc<AtomicUsize>,
    id: u64,
}

impl Service {
    async fn new() -> Self {
        let builder = Cacheme::builder().storage("hot", LocalStorage::lru(100));
        Self {
            cacheme: builder.build().await.expect("the set-up is right"),
            runs: Arc::default(),
            id: 1,
        }
    }

    fn ran(&self) -> usize {
        self.runs.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn runs(&self) -> usize {
        self.runs.load(Ordering::Relaxed)
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Failure {
    Own(usize),
    Cache(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own(run) => write!(f, "run {run} failed"),
            Self::Cache(text) => f.write_str(text),
        }
    }
}

impl From<cacheme::Error> for Failure {
    fn from(error: cacheme::Error) -> Self {
        Self::Cache(format!("{error:#}"))
    }
}

#[cacheme::cached(storage = "hot", runtime = &service.cacheme)]
async fn doubled(#[skip] service: &Service, number: u64) -> u64 {
    service.ran();
    number * 2
}

#[tokio::test]
async fn runs_once_for_each_key() {
    let service = Service::new().await;
    for number in [1, 2, 1, 2] {
        assert_eq!(doubled(&service, number).await, number * 2);
    }
    assert_eq!(service.runs(), 2);
}

type Outcome<T> = Result<T, Failure>;

#[cacheme::cached(storage = "hot", runtime = &service.cacheme)]
async fn even(#[skip] service: &Service, number: u64) -> Outcome<u64> {
    let run = service.ran();
    if number.is_multiple_of(2) {
        Ok(number)
    } else {
        Err(Failure::Own(run))
    }
}

#[tokio::test]
async fn an_error_is_the_functions_own_and_is_not_kept() {
    let service = Service::new().await;
    assert_eq!(even(&service, 2).await, Ok(2));
    assert_eq!(even(&service, 2).await, Ok(2));
    assert_eq!(even(&service, 1).await, Err(Failure::Own(2)));
    assert_eq!(even(&service, 1).await, Err(Failure::Own(3)));
}

type Maybe<T> = Option<T>;

#[cacheme::cached(storage = "hot", runtime = &service.cacheme)]
async fn some(#[skip] service: &Service, name: &str) -> Maybe<String> {
    service.ran();
    (!name.is_empty()).then(|| name.to_uppercase())
}

#[tokio::test]
async fn nothing_is_not_kept() {
    let service = Service::new().await;
    for run in 1..3 {
        assert_eq!(some(&service, "").await, None);
        assert_eq!(service.runs(), run);
    }
    for _ in 0..2 {
        assert_eq!(some(&service, "a").await.as_deref(), Some("A"));
        assert_eq!(service.runs(), 3);
    }
}

#[cacheme::cached(
    storage = "hot",
    ttl_none = "5s",
    ttl = "1h",
    runtime = &service.cacheme
)]
async fn found(#[skip] service: &Service, number: u64) -> Outcome<Maybe<u64>> {
    let run = service.ran();
    match number {
        0 => Ok(None),
        1 => Ok(Some(1)),
        _ => Err(Failure::Own(run)),
    }
}

#[tokio::test]
async fn nothing_is_kept_for_a_time_of_its_own() {
    let mut service = Service::new().await;
    let clock = Arc::new(ManualClock::new());
    let builder = Cacheme::builder()
        .clock(Arc::<ManualClock>::clone(&clock))
        .storage("hot", LocalStorage::lru(100));
    service.cacheme = builder.build().await.expect("the set-up is right");
    for _ in 0..2 {
        assert_eq!(found(&service, 0).await, Ok(None));
        assert_eq!(found(&service, 1).await, Ok(Some(1)));
    }
    assert_eq!(service.runs(), 2);
    clock.advance(Duration::from_secs(5));
    assert_eq!(found(&service, 1).await, Ok(Some(1)));
    assert_eq!(service.runs(), 2);
    assert_eq!(found(&service, 0).await, Ok(None));
    assert_eq!(service.runs(), 3);
    found::prime(&service, 2, Ok(None))
        .await
        .expect("it is kept");
    assert_eq!(found(&service, 2).await, Ok(None));
    clock.advance(Duration::from_secs(5));
    assert_eq!(found(&service, 2).await, Err(Failure::Own(4)));
}
