//! Cached methods.

use super::{Failure, Service};

impl Service {
    #[cacheme::cached(storage = "hot", runtime = &self.cacheme)]
    async fn sum(#[key(self.id)] &self, numbers: &[u64]) -> u64 {
        self.ran();
        numbers.iter().sum::<u64>() + self.id
    }

    #[cacheme::cached(storage = "hot", runtime = &self.cacheme, key = "shared:{name}")]
    async fn shared(#[skip] &self, name: String) -> Result<String, Failure> {
        self.ran();
        Ok(format!("{name} of {}", self.id))
    }

    #[cacheme::cached(storage = "hot", runtime = &service.cacheme, associated)]
    async fn one(#[skip] service: &Service) -> u64 {
        service.ran();
        1
    }

    fn other(&self) -> Self {
        let id = self.id + 1;
        Self { id, ..self.clone() }
    }
}

/// Has a method of the same name.
struct Other(Service);

impl Other {
    #[cacheme::cached(storage = "hot", runtime = &self.0.cacheme)]
    async fn sum(#[key(self.0.id)] &self, numbers: &[u64]) -> u64 {
        self.0.ran();
        numbers.iter().product()
    }
}

#[tokio::test]
async fn what_of_self_is_in_the_key_tells_calls_apart() {
    let service = Service::new().await;
    let other = service.other();
    for _ in 0..2 {
        assert_eq!(service.sum(&[1, 2]).await, 4);
        assert_eq!(other.sum(&[1, 2]).await, 5);
    }
    assert_eq!(service.runs(), 2);
}

#[tokio::test]
async fn a_self_that_is_skipped_does_not() {
    let service = Service::new().await;
    let other = service.other();
    assert_eq!(
        service.shared("a".to_owned()).await.as_deref(),
        Ok("a of 1")
    );
    assert_eq!(other.shared("a".to_owned()).await.as_deref(), Ok("a of 1"));
    assert_eq!(service.runs(), 1);
}

#[tokio::test]
async fn methods_of_one_name_are_apart() {
    let service = Service::new().await;
    assert_eq!(service.sum(&[3, 4]).await, 8);
    assert_eq!(Other(service.clone()).sum(&[3, 4]).await, 12);
    let key = |node| service.cacheme.key(&node).expect("a key");
    let key = key(service.sum_node(&[3, 4]));
    assert!(
        key.as_str()
            .starts_with("suite::function::method::sum:suite%3A%3Afunction%3A%3AService:1:"),
        "{key}"
    );
}

#[tokio::test]
async fn a_function_of_a_type_is_cached_too() {
    let service = Service::new().await;
    assert_eq!(Service::one(&service).await, 1);
    assert_eq!(Service::one(&service).await, 1);
    assert_eq!(service.runs(), 1);
}

#[tokio::test]
async fn companions_stand_beside_it() {
    let service = Service::new().await;
    service.sum(&[1]).await;
    service
        .sum_invalidate(&[1])
        .await
        .expect("invalidation succeeds");
    service.sum(&[1]).await;
    assert_eq!(service.runs(), 2);
    assert_eq!(service.sum_refresh(&[1]).await, 2);
    assert_eq!(service.sum_uncached(&[1]).await, 2);
    assert_eq!(service.runs(), 4);
    assert_eq!(
        service
            .sum_stats()
            .nodes()
            .iter()
            .map(cacheme::NodeStats::requests)
            .sum::<u64>(),
        2
    );
}
