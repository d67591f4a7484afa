//! From a URL to a storage, and what is said of a URL that is none.

use std::sync::Arc;

use cacheme::storage::FileStorage;
use cacheme::{Cacheme, LocalStorage, Storage};

async fn refused(url: &str) -> String {
    let error = Cacheme::default().register_storage("mine", url).await;
    let error = error.expect_err("the URL is wrong");
    assert!(error.is_config(), "{url}: {error:?}");
    let message = error.to_string();
    assert!(
        message.starts_with("storage \"mine\": "),
        "{url}: {message}"
    );
    message
}

#[tokio::test]
async fn a_wrong_url_says_what_is_wrong_and_what_would_be_right() {
    let cases = [
        ("", "one begins with one of `local:`, `file:`, "),
        ("hot", "one begins with one of `local:`, `file:`, "),
        (
            "memcached://localhost",
            "one begins with one of `local:`, `file:`, ",
        ),
        (
            "redisses://localhost",
            "one begins with one of `local:`, `file:`, ",
        ),
        (
            " local://lru?capacity=1",
            "one begins with one of `local:`, `file:`, ",
        ),
        ("local:", "unknown policy ``: there are `tlfu` and `lru`"),
        (
            "local://fifo?capacity=1",
            "unknown policy `fifo`: there are `tlfu` and `lru`",
        ),
        (
            "local://LRU?capacity=1",
            "unknown policy `LRU`: there are `tlfu` and `lru`",
        ),
        (
            "local://tlfu",
            "no capacity is given: write `local://tlfu?capacity=10000`",
        ),
        (
            "local://lru?",
            "no capacity is given: write `local://lru?capacity=10000`",
        ),
        ("local://lru?capacity", "`capacity=` is not a whole number"),
        ("local://lru?capacity=", "`capacity=` is not a whole number"),
        ("local://lru?capacity=0", "a capacity of 0 keeps nothing"),
        (
            "local://lru?capacity=many",
            "`capacity=many` is not a whole number",
        ),
        (
            "local://lru?capacity=-1",
            "`capacity=-1` is not a whole number",
        ),
        (
            "local://lru?capacity=1.5",
            "`capacity=1.5` is not a whole number",
        ),
        (
            "local://lru?capacity=99999999999999999999999",
            "is not a whole number",
        ),
        (
            "local://lru?size=10",
            "unknown parameter `size`: there are `capacity` and `weighted`",
        ),
        (
            "local://lru?capacity=10&ttl=5s",
            "unknown parameter `ttl`: there are `capacity` and `weighted`",
        ),
        (
            "file:",
            "a file URL names a path, such as `file:cache.redb`",
        ),
        (
            "file://",
            "a file URL is `file:relative/path` or `file:/absolute/path`",
        ),
        (
            "file://host/x",
            "a file URL is `file:relative/path` or `file:/absolute/path`",
        ),
        (
            "file://cache.redb",
            "a file URL is `file:relative/path` or `file:/absolute/path`",
        ),
    ];
    for (url, expected) in cases {
        let message = refused(url).await;
        assert!(message.contains(expected), "{url}: {message}");
        assert!(!message.ends_with('.'), "{url}: {message}");
    }
}

#[tokio::test]
async fn a_url_opens_its_storage() {
    let runtime = Cacheme::default();
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().display();
    let urls = [
        "local://tlfu?capacity=10".to_owned(),
        "local:lru?capacity=10".to_owned(),
        format!("file:{path}/one.redb"),
        format!("file://{path}/two words.redb"),
    ];
    for (number, url) in urls.into_iter().enumerate() {
        runtime
            .register_storage(number.to_string(), url)
            .await
            .expect("the URL is right");
    }
    for name in ["one.redb", "two words.redb"] {
        assert!(folder.path().join(name).exists(), "{name}");
    }
}

#[tokio::test]
async fn a_name_is_given_once() {
    let runtime = Cacheme::default();
    runtime
        .register_storage("mine", LocalStorage::lru(1))
        .await
        .expect("the name is free");
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("cache.redb");
    let error = runtime
        .register_storage("mine", format!("file:{}", path.display()))
        .await;
    let error = error.expect_err("the name is taken");
    assert!(error.is_config());
    assert_eq!(
        error.to_string(),
        "a storage \"mine\" is registered already"
    );
    assert!(!path.exists(), "what has no name isn't opened");
}

#[tokio::test]
async fn a_typed_storage_is_registered_as_it_is() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = FileStorage::open(folder.path().join("cache.redb")).expect("the file can be opened");
    let shared: Arc<dyn Storage> = Arc::new(file.clone());
    let builder = Cacheme::builder()
        .storage("typed", file)
        .storage("shared", shared)
        .storage("hot", LocalStorage::tlfu(1));
    let runtime = builder.build().await.expect("the runtime can be built");
    assert!(format!("{runtime:?}").contains("\"shared\": FileStorage"));
}
