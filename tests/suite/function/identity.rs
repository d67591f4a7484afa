//! What tells calls apart.

use std::borrow::Cow;

use cacheme::{Cacheme, Load, LoadContext, LoadResult};

use super::Service;

#[cacheme::cached(storage = "hot", runtime = &service.cacheme)]
async fn parsed<T>(#[skip] service: &Service, text: &str) -> Option<T>
where
    T: std::str::FromStr
        + serde::Serialize
        + serde::de::DeserializeOwned
        + Clone
        + Send
        + Sync
        + 'static,
{
    service.ran();
    text.parse().ok()
}

#[cacheme::cached(storage = "hot", runtime = &service.cacheme)]
async fn sized<const SIZE: usize>(#[skip] service: &Service) -> usize {
    service.ran();
    SIZE
}

#[tokio::test]
async fn types_and_constants_tell_calls_apart() {
    let service = Service::new().await;
    for _ in 0..2 {
        assert_eq!(parsed::<u8>(&service, "7").await, Some(7));
        assert_eq!(parsed::<String>(&service, "7").await.as_deref(), Some("7"));
        assert_eq!(sized::<1>(&service).await, 1);
        assert_eq!(sized::<2>(&service).await, 2);
    }
    assert_eq!(service.runs(), 4);
    let key = |key: cacheme::Result<cacheme::Key>| key.expect("a key").to_string();
    let cacheme = &service.cacheme;
    assert_eq!(
        key(cacheme.key(&parsed::node::<u8>("a:b"))),
        "suite::function::identity::parsed:u8:a%3Ab"
    );
    assert_eq!(
        key(cacheme.key(&sized::node::<3>())),
        "suite::function::identity::sized:3"
    );
}

#[cacheme::cached(
    storage = "hot",
    runtime = &service.cacheme,
    key = "greeting:{language}:{name}",
    version = "v2"
)]
async fn greeting(
    #[skip] service: &Service,
    #[key(name.as_ref().to_lowercase())] name: impl AsRef<str>,
    language: Cow<'static, str>,
    #[skip] (left, right): (&str, &str),
) -> String {
    service.ran();
    format!("{left}{}{right} {language}", name.as_ref())
}

#[tokio::test]
async fn a_key_is_laid_out_as_the_template_says() {
    let service = Service::new().await;
    let first = greeting(&service, "Ada", "en".into(), ("<", ">")).await;
    assert_eq!(first, "<Ada> en");
    assert_eq!(
        greeting(&service, "ADA".to_owned(), "en".into(), ("", "")).await,
        first
    );
    assert_eq!(service.runs(), 1);
    let node = greeting::node("Ada", "en".into());
    assert_eq!(
        service.cacheme.key(&node).expect("a key").as_str(),
        "greeting:en:ada:v2"
    );
}

#[cacheme::node(storage = "hot", ttl = "1m", key = "square:{of}")]
struct Square {
    of: u64,
}

impl Load for Square {
    type Value = u64;

    async fn load(&self, _cx: &LoadContext) -> LoadResult<u64> {
        Ok(self.of * self.of)
    }
}

#[cacheme::cached(node = Square, runtime = cacheme)]
async fn square(#[skip] cacheme: &Cacheme, of: u64) -> Result<u64, cacheme::Error> {
    let _ = cacheme;
    Ok(of * of + 1)
}

#[tokio::test]
async fn a_function_may_be_bound_to_a_node() {
    let Service { cacheme, .. } = Service::new().await;
    assert_eq!(square(&cacheme, 3).await.ok(), Some(10));
    assert_eq!(cacheme.get(Square { of: 3 }).await.ok(), Some(10));
    assert_eq!(cacheme.get(Square { of: 4 }).await.ok(), Some(16));
    assert_eq!(square(&cacheme, 4).await.ok(), Some(16));
    assert_eq!(square::stats(&cacheme).nodes().iter().count(), 1);
}

#[tokio::test]
async fn functions_within_functions_are_cached_too() {
    #[derive(Clone, Debug, PartialEq, serde::Deserialize, serde::Serialize)]
    struct Local(u64);

    #[cacheme::cached(storage = "hot", runtime = &service.cacheme)]
    async fn local(#[skip] service: &Service, number: u64) -> Local {
        service.ran();
        Local(number)
    }

    let service = Service::new().await;
    assert_eq!(local(&service, 1).await, local(&service, 1).await);
    assert_eq!(service.runs(), 1);
}

#[tokio::test]
async fn two_functions_with_one_key_are_refused() {
    #[cacheme::cached(storage = "hot", runtime = cacheme, key = "same:{number}")]
    async fn one(
        #[skip] cacheme: &Cacheme,
        number: u64,
    ) -> Result<u64, Box<dyn std::error::Error>> {
        let _ = cacheme;
        Ok(number)
    }

    #[cacheme::cached(storage = "hot", runtime = cacheme, key = "same:{number}")]
    async fn other(
        #[skip] cacheme: &Cacheme,
        number: u64,
    ) -> Result<u64, Box<dyn std::error::Error>> {
        let _ = cacheme;
        Ok(number)
    }

    let Service { cacheme, .. } = Service::new().await;
    one(&cacheme, 1).await.expect("it is the first");
    let error = other(&cacheme, 1).await.expect_err("it has the same key");
    let message = error.to_string();
    assert!(message.contains("have the same key `same:{}`"), "{message}");
}

/// Two modules with functions and methods of the same names.
#[expect(clippy::unused_async, reason = "what they do is beside the point")]
mod one {
    use super::Service;

    #[cacheme::cached(storage = "hot", runtime = &service.cacheme)]
    pub(super) async fn named(#[skip] service: &Service, number: u64) -> u64 {
        number + 1
    }

    pub(super) struct Own(pub(super) Service);

    impl Own {
        #[cacheme::cached(storage = "hot", runtime = &self.0.cacheme)]
        pub(super) async fn named(#[skip] &self, number: u64) -> u64 {
            number + 2
        }
    }

    pub(super) struct Twin(pub(super) Service);

    impl Twin {
        #[cacheme::cached(storage = "hot", runtime = &self.0.cacheme)]
        pub(super) async fn named(#[skip] &self, number: u64) -> u64 {
            number + 3
        }
    }
}

#[expect(clippy::unused_async, reason = "what they do is beside the point")]
mod other {
    use super::Service;

    #[cacheme::cached(storage = "hot", runtime = &service.cacheme)]
    pub(super) async fn named(#[skip] service: &Service, number: u64) -> u64 {
        number + 4
    }

    pub(super) struct Own(pub(super) Service);

    impl Own {
        #[cacheme::cached(storage = "hot", runtime = &self.0.cacheme)]
        pub(super) async fn named(#[skip] &self, number: u64) -> u64 {
            number + 5
        }
    }
}

#[tokio::test]
async fn what_has_the_same_name_is_apart() {
    let service = Service::new().await;
    let (own, twin) = (one::Own(service.clone()), one::Twin(service.clone()));
    let others = other::Own(service.clone());
    for _ in 0..2 {
        assert_eq!(one::named(&service, 10).await, 11);
        assert_eq!(own.named(10).await, 12);
        assert_eq!(twin.named(10).await, 13);
        assert_eq!(other::named(&service, 10).await, 14);
        assert_eq!(others.named(10).await, 15);
    }
    for stats in [
        one::named::stats(&service),
        own.named_stats(),
        twin.named_stats(),
    ] {
        let [node] = stats.nodes() else {
            panic!("one row of {stats}");
        };
        assert_eq!((node.requests(), node.loads()), (2, 1), "{stats}");
    }
}

trait Source: 'static {
    const NAME: &'static str;
}

struct First;
struct Second;

impl Source for First {
    const NAME: &'static str = "first";
}

impl Source for Second {
    const NAME: &'static str = "second";
}

#[cacheme::cached(storage = "hot", runtime = &service.cacheme)]
async fn name_of<S: Source>(#[skip] service: &Service, #[skip] _source: &S) -> String {
    S::NAME.to_owned()
}

#[tokio::test]
async fn the_type_of_an_argument_that_is_skipped_is_in_the_key() {
    let service = Service::new().await;
    assert_eq!(name_of(&service, &First).await, "first");
    assert_eq!(name_of(&service, &Second).await, "second");
    name_of::invalidate::<First>(&service)
        .await
        .expect("invalidation succeeds");
}
