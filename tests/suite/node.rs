//! The three spellings of a node are one thing.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hasher};

use cacheme::{Cacheme, Load, LoadContext, LoadResult, LocalStorage};
use cacheme_tests::memory::MemoryStorage;

/// One node in one spelling, in a module of its own.
macro_rules! spelling {
    ($module:ident, $(#[$attribute:meta])*) => {
        mod $module {
            $(#[$attribute])*
            pub(super) struct User {
                pub(super) tenant: String,
                pub(super) user_id: u64,
            }

            impl super::Make for User {
                fn make(tenant: &str, user_id: u64) -> Self {
                    Self { tenant: tenant.to_owned(), user_id }
                }
            }

            impl cacheme::Load for User {
                type Value = String;

                async fn load(&self, _cx: &cacheme::LoadContext) -> cacheme::LoadResult<String> {
                    Ok(format!("{}/{}", self.tenant, self.user_id))
                }
            }
        }
    };
}

spelling! { attribute,
    #[cacheme::node(
        key = "user:{tenant}:{user_id}",
        version = "v1",
        caches(cache(storage = "hot", ttl = "30s"), cache(storage = "cold")),
    )]
}

spelling! { derive,
    #[derive(Clone, Debug, PartialEq, Eq, Hash, cacheme::Node)]
    #[node(key = "user:{tenant}:{user_id}")]
    #[node(version = "v1", caches(cache(storage = "hot", ttl = "30s"), cache(storage = "cold")))]
}

spelling! { both,
    #[derive(cacheme::Node)]
    #[cacheme::node(key = "user:{tenant}:{user_id}", version = "v1")]
    #[node(caches(cache(storage = "hot", ttl = "30s"), cache(storage = "cold")))]
    #[derive(Clone, PartialEq)]
}

trait Make: Load<Value = String> {
    fn make(tenant: &str, user_id: u64) -> Self;
}

/// Everything that can be seen of a node type, but for its path.
async fn behaviour<N: Make>() -> Vec<String> {
    let meta = N::meta();
    let cold = MemoryStorage::new();
    let runtime = Cacheme::builder()
        .storage("hot", LocalStorage::lru(10))
        .storage("cold", cold.clone())
        .build()
        .await
        .expect("the set-up is right");
    let node = N::make("a:b", 7);
    let mut hasher: DefaultHasher = BuildHasherDefault::default().build_hasher();
    node.hash_into(&mut hasher);
    let key = runtime.key(&node).expect("a key");
    let value = runtime.get(node.duplicate()).await.expect("a value");
    let again = runtime
        .get_all([node.duplicate(), N::make("a", 7)])
        .await
        .expect("values");
    runtime.invalidate(node.duplicate()).await.expect("removed");
    let kept: Vec<_> = cold.entries().keys().map(ToString::to_string).collect();
    vec![
        format!("{} {} {}", meta.name(), meta.pattern(), meta.version()),
        format!("{:?}", meta.tiers()),
        format!(
            "{} {}",
            node.same(&N::make("a:b", 7)),
            node.same(&N::make("a:b", 8))
        ),
        format!("{} {key}", hasher.finish()),
        format!("{value} {again:?} {kept:?}"),
        format!("{:?}", runtime.stats().nodes()[0].tiers()),
    ]
}

#[tokio::test]
async fn three_spellings_behave_alike() {
    let one = behaviour::<attribute::User>().await;
    assert_eq!(one, behaviour::<derive::User>().await);
    assert_eq!(one, behaviour::<both::User>().await);
    assert_eq!(one[0], "User user:{}:{} v1");
    assert!(one[3].ends_with(" user:a%3Ab:7:v1"), "{}", one[3]);
    assert_eq!(one[4], "a:b/7 [\"a:b/7\", \"a/7\"] [\"user:a:7:v1\"]");
}

#[cacheme::node(storage = "hot", codec = cacheme::codec::InProcess)]
struct Unserializable;

impl Load for Unserializable {
    type Value = std::sync::Arc<std::sync::Mutex<u8>>;

    async fn load(&self, _cx: &LoadContext) -> LoadResult<Self::Value> {
        Ok(std::sync::Arc::default())
    }
}

#[tokio::test]
async fn a_value_that_stays_in_process_needs_no_serde() {
    let build = |storage| Cacheme::builder().storage("hot", storage).build();
    let runtime = build("local://lru?capacity=1")
        .await
        .expect("the set-up is right");
    assert!(runtime.get(Unserializable).await.is_ok());
    let remote = Cacheme::builder()
        .storage("hot", MemoryStorage::new())
        .build();
    let runtime = remote.await.expect("the set-up is right");
    let error = runtime
        .get(Unserializable)
        .await
        .expect_err("it can't be written");
    assert!(error.is_config());
    assert!(error.to_string().contains("`InProcess`"), "{error}");
}
