//! What every storage has to do, whatever is behind it.

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use cacheme::{Entry, Key, Storage, StorageFuture};
use tokio::task::JoinSet;

/// Storages are shared by tasks here, as they are in a runtime.
pub(super) type Shared = Arc<dyn Storage>;

/// Lets the time to live of an entry pass, once it has looked that it would pass by itself.
pub(super) type Pass<'a> = &'a dyn Fn(&Key, Duration);

/// Runs every check. Each has keys of its own.
pub(super) async fn conforms(storage: &Shared, pass: Pass<'_>) {
    gives_back_what_was_put(storage).await;
    keeps_order_and_duplicates(storage).await;
    takes_empty_batches(storage).await;
    overwrites(storage).await;
    removes(storage).await;
    keeps_any_bytes(storage).await;
    takes_any_key(storage).await;
    takes_large_batches(storage).await;
    expires(storage, pass).await;
    forgets_the_ttl_of_what_was_overwritten(storage, pass).await;
    serves_many_at_once(storage).await;
    survives_dropped_futures(storage).await;
}

fn key(text: impl AsRef<str>) -> Key {
    Key::new(text.as_ref())
}

fn entry(key_text: impl AsRef<str>, value: impl Into<Bytes>) -> Entry {
    Entry::new(key(key_text), value)
}

async fn put(storage: &Shared, entries: &[Entry]) {
    storage.put_many(entries).await.expect("put succeeds");
}

async fn get(storage: &Shared, keys: &[Key]) -> Vec<Option<Bytes>> {
    storage.get_many(keys).await.expect("get succeeds")
}

async fn get_one(storage: &Shared, key: &Key) -> Option<Bytes> {
    let mut found = get(storage, std::slice::from_ref(key)).await;
    assert_eq!(found.len(), 1, "one answer to one key");
    found.remove(0)
}

async fn remove(storage: &Shared, keys: &[Key]) {
    storage.remove_many(keys).await.expect("remove succeeds");
}

async fn gives_back_what_was_put(storage: &Shared) {
    assert_eq!(get_one(storage, &key("plain")).await, None);
    put(storage, &[entry("plain", "value")]).await;
    assert_eq!(get_one(storage, &key("plain")).await, Some("value".into()));
    assert_eq!(get_one(storage, &key("plai")).await, None);
    assert_eq!(get_one(storage, &key("plain2")).await, None);
}

async fn keeps_order_and_duplicates(storage: &Shared) {
    put(storage, &[entry("order:a", "a"), entry("order:b", "b")]).await;
    let asked = ["order:b", "order:x", "order:a", "order:b", "order:x"].map(key);
    let expected = [Some("b"), None, Some("a"), Some("b"), None];
    assert_eq!(
        get(storage, &asked).await,
        expected.map(|value| value.map(Bytes::from))
    );
}

async fn takes_empty_batches(storage: &Shared) {
    put(storage, &[]).await;
    remove(storage, &[]).await;
    assert!(get(storage, &[]).await.is_empty());
}

async fn overwrites(storage: &Shared) {
    put(storage, &[entry("over", "a longer first value")]).await;
    put(storage, &[entry("over", "second")]).await;
    assert_eq!(get_one(storage, &key("over")).await, Some("second".into()));
    let batch = [
        entry("over", "third"),
        entry("over:other", "x"),
        entry("over", "fourth"),
    ];
    put(storage, &batch).await;
    assert_eq!(get_one(storage, &key("over")).await, Some("fourth".into()));
}

async fn removes(storage: &Shared) {
    let keys = ["gone:a", "gone:b", "gone:stays"].map(key);
    put(storage, &keys.clone().map(|key| Entry::new(key, "x"))).await;
    let [a, b, _] = keys.clone();
    remove(storage, &[a.clone(), key("gone:never there"), b, a]).await;
    assert_eq!(get(storage, &keys).await, [None, None, Some("x".into())]);
    remove(storage, &keys[..1]).await;
    put(storage, &[entry("gone:a", "again")]).await;
    assert_eq!(get_one(storage, &keys[0]).await, Some("again".into()));
}

async fn keeps_any_bytes(storage: &Shared) {
    let all: Vec<u8> = (0..=u8::MAX).chain((0..=u8::MAX).rev()).collect();
    let mebibyte: Vec<u8> = all.iter().copied().cycle().take(1 << 20).collect();
    let values = [
        Vec::new(),
        b"\0".to_vec(),
        b"\r\n$-1\r\n".to_vec(),
        all,
        mebibyte,
    ];
    for value in values {
        put(storage, &[entry("bytes", value.clone())]).await;
        let found = get_one(storage, &key("bytes")).await;
        assert!(
            found.is_some_and(|found| found == value),
            "{} bytes",
            value.len()
        );
    }
}

async fn takes_any_key(storage: &Shared) {
    let long = "k".repeat(2000);
    let texts = [
        "key: with spaces ",
        "\"quotes\" 'and' \\slashes\\ `ticks`",
        "日本語:ключ:🗝",
        "\r\n\t\0",
        "$where; DROP TABLE entries; -- %s {0} *",
        "é",
        "e\u{301}",
        &long,
        "",
    ];
    for (number, text) in texts.iter().enumerate() {
        put(storage, &[entry(text, number.to_string())]).await;
    }
    for (number, text) in texts.iter().enumerate() {
        let found = get_one(storage, &key(text)).await;
        assert_eq!(found, Some(number.to_string().into()), "{text:?}");
    }
    remove(storage, &texts.map(key)).await;
    assert_eq!(get(storage, &texts.map(key)).await, [const { None }; 9]);
}

async fn takes_large_batches(storage: &Shared) {
    let entries: Vec<_> = (0..1000)
        .map(|n| entry(format!("batch:{n}"), n.to_string()))
        .collect();
    put(storage, &entries).await;
    let keys: Vec<_> = (0..2000).map(|n| key(format!("batch:{n}"))).collect();
    let found = get(storage, &keys).await;
    let expected = (0..2000).map(|n: u32| (n < 1000).then(|| Bytes::from(n.to_string())));
    assert!(
        found.into_iter().eq(expected),
        "the first thousand are there, in their order"
    );
    remove(storage, &keys).await;
    assert!(get(storage, &keys).await.iter().all(Option::is_none));
}

async fn expires(storage: &Shared, pass: Pass<'_>) {
    let hour = Duration::from_secs(3600);
    let timed = |text, ttl| entry(text, "x").with_ttl(ttl);
    put(
        storage,
        &[
            timed("ttl:1h", hour),
            timed("ttl:3h", 3 * hour),
            entry("ttl:none", "x"),
        ],
    )
    .await;
    let keys = ["ttl:1h", "ttl:3h", "ttl:none"].map(key);
    let x = || Some(Bytes::from("x"));
    assert_eq!(get(storage, &keys).await, [x(), x(), x()]);
    pass(&keys[0], hour);
    assert_eq!(get(storage, &keys).await, [None, x(), x()]);
    // What is expired can be put and removed like what never was.
    remove(storage, &keys[..1]).await;
    put(storage, &[timed("ttl:1h", hour)]).await;
    assert_eq!(get(storage, &keys).await, [x(), x(), x()]);
    // As if for ever: no overflow turns it into the past.
    put(
        storage,
        &[timed(
            "ttl:ages",
            Duration::from_secs(u64::from(u32::MAX) * 2),
        )],
    )
    .await;
    assert_eq!(get_one(storage, &key("ttl:ages")).await, x());
}

async fn forgets_the_ttl_of_what_was_overwritten(storage: &Shared, pass: Pass<'_>) {
    let minute = Duration::from_secs(60);
    put(
        storage,
        &[
            entry("reset", "a").with_ttl(minute),
            entry("reset:other", "a").with_ttl(minute),
        ],
    )
    .await;
    put(storage, &[entry("reset", "b")]).await;
    pass(&key("reset:other"), minute);
    assert_eq!(get_one(storage, &key("reset:other")).await, None);
    assert_eq!(get_one(storage, &key("reset")).await, Some("b".into()));
}

/// Values of one repeated byte: a torn one would show.
async fn serves_many_at_once(storage: &Shared) {
    put(storage, &[entry("many:shared", vec![0; 4096])]).await;
    let mut tasks = JoinSet::new();
    for task in 0..16_u8 {
        let storage = Arc::clone(storage);
        tasks.spawn(async move {
            let own = key(format!("many:{task}"));
            for round in 0..10 {
                let value = vec![task * 10 + round; 4096];
                let own_entry = Entry::new(own.clone(), value.clone());
                put(&storage, &[own_entry, entry("many:shared", value.clone())]).await;
                let found = get(&storage, &[key("many:shared"), own.clone()]).await;
                let shared = found[0].as_ref().expect("the shared entry is always there");
                assert!(shared.iter().all(|byte| *byte == shared[0]) && shared.len() == 4096);
                assert_eq!(found[1].as_deref(), Some(&value[..]));
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.expect("the task doesn't panic");
    }
}

async fn survives_dropped_futures(storage: &Shared) {
    let keys = ["dropped:a", "dropped:b"].map(key);
    for polls in 0..8 {
        let put_first = keys.clone().map(|key| Entry::new(key, "first"));
        put(storage, &put_first).await;
        abandon(storage.get_many(&keys), polls).await;
        let first = Some(Bytes::from("first"));
        assert_eq!(get(storage, &keys).await, [first.clone(), first.clone()]);

        let put_second = keys.clone().map(|key| Entry::new(key, "second"));
        abandon(storage.put_many(&put_second), polls).await;
        let either = [first, Some("second".into())];
        assert!(
            get(storage, &keys)
                .await
                .iter()
                .all(|found| either.contains(found))
        );

        abandon(storage.remove_many(&keys), polls).await;
        put(storage, &keys.clone().map(|key| Entry::new(key, "third"))).await;
        // What was abandoned was begun earlier, so it doesn't undo this.
        let third = Some(Bytes::from("third"));
        assert_eq!(get(storage, &keys).await, [third.clone(), third]);
    }
}

/// Polls a future some times, with turns for others between, and drops it.
async fn abandon<T>(future: StorageFuture<'_, T>, polls: usize) {
    let mut future = pin!(future);
    for _ in 0..polls {
        let poll =
            |cx: &mut std::task::Context<'_>| Poll::Ready(future.as_mut().poll(cx).is_ready());
        if std::future::poll_fn(poll).await {
            return;
        }
        tokio::task::yield_now().await;
    }
}
