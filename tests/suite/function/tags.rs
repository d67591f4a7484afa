//! Functions whose results have tags.

use std::future::Future;

use super::Service;

#[cacheme::cached(
    storage = "hot",
    tags("tenant:{tenant}", "{name}", "totals"),
    runtime = &service.cacheme
)]
async fn total(#[skip] service: &Service, tenant: u64, name: &str) -> u64 {
    service.ran();
    tenant + name.len() as u64
}

#[cacheme::cached(
    storage = "hot",
    key = "sum:{T}:{numbers}",
    tags("of {T}"),
    runtime = &service.cacheme
)]
async fn sum<T: Sync + 'static>(
    #[skip] service: &Service,
    #[key(numbers.len())] numbers: &[T],
) -> usize {
    service.ran();
    numbers.len()
}

impl Service {
    #[cacheme::cached(storage = "hot", tags("tenant:{tenant}"), runtime = &self.cacheme)]
    async fn rank(#[key(self.id)] &self, tenant: u64) -> u64 {
        self.ran();
        tenant
    }

    async fn runs_after<F: Future>(&self, tag: &str, call: impl Fn() -> F) -> usize {
        call().await;
        let before = self.runs();
        let ended = self.cacheme.invalidate_tag(tag).await;
        ended.expect("a local storage forgets");
        call().await;
        self.runs() - before
    }
}

#[tokio::test]
async fn a_call_is_ended_by_each_of_its_tags() {
    let service = Service::new().await;
    let call = || total(&service, 7, "a:b%");
    for tag in ["tenant:7", "a:b%", "totals"] {
        assert_eq!(service.runs_after(tag, call).await, 1, "{tag}");
    }
    for tag in ["tenant:8", "tenant:", "a"] {
        assert_eq!(service.runs_after(tag, call).await, 0, "{tag}");
    }
}

#[tokio::test]
async fn types_and_expressions_may_be_in_a_tag() {
    let service = Service::new().await;
    let call = || sum::<u8>(&service, &[1, 2]);
    assert_eq!(service.runs_after("of u8", call).await, 1);
    assert_eq!(service.runs_after("of u16", call).await, 0);
}

#[tokio::test]
async fn methods_have_them() {
    let service = Service::new().await;
    let call = || service.rank(7);
    assert_eq!(service.runs_after("tenant:7", call).await, 1);
    assert_eq!(service.runs_after("tenant:8", call).await, 0);
}

#[tokio::test]
async fn what_is_primed_has_them() {
    let service = Service::new().await;
    total::prime(&service, 7, "a", 5).await.expect("it is kept");
    assert_eq!(total(&service, 7, "a").await, 5);
    let ended = service.cacheme.invalidate_tag("totals").await;
    ended.expect("a local storage forgets");
    assert_eq!(total(&service, 7, "a").await, 8);
}
