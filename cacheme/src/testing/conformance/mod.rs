//! What every storage has to do, whatever is behind it.

mod swap;

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinSet;

use crate::key::Key;
use crate::storage::{Entry, Storage, StorageFuture};

/// Storages are shared by tasks here, as they are in a runtime.
type Shared = Arc<dyn Storage>;

/// The checks that a [`Storage`] has to pass.
///
/// ```
/// use std::sync::Arc;
/// use cacheme::ManualClock;
/// use cacheme::testing::Conformance;
///
/// # #[cfg(feature = "file")]
/// # #[tokio::main(flavor = "multi_thread", worker_threads = 2)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// # use cacheme::storage::FileStorage;
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("cache.redb");
/// let clock = Arc::new(ManualClock::new());
/// let storage = FileStorage::builder(path).clock(clock.clone()).open()?;
/// Conformance::of(storage)
///     .largest_value(1 << 20)
///     .run(async |_key, ttl| clock.advance(ttl))
///     .await;
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "file"))]
/// # fn main() {}
/// ```
#[derive(Debug)]
pub struct Conformance {
    storage: Shared,
    largest: usize,
}

impl Conformance {
    /// The checks of this storage, which may hold other entries.
    pub fn of(storage: impl Storage) -> Self {
        Self {
            storage: Arc::new(storage),
            largest: 16 << 20,
        }
    }

    /// Sets the length of the largest value to be put, 16 MiB by default.
    #[must_use]
    pub fn largest_value(mut self, bytes: usize) -> Self {
        self.largest = bytes;
        self
    }

    /// Runs every check, on a tokio runtime of more than one thread. Each has keys of its own, which
    /// it may leave behind.
    ///
    /// `pass` is given an entry's key and the whole time to live that it was put with. It looks that
    /// the entry would expire by itself at the end of that, and has it expired: by moving a clock, or
    /// by asking the server. Other entries with longer times to live have to stay.
    ///
    /// # Panics
    ///
    /// When the storage doesn't do what it has to.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the checks.
    pub async fn run(self, pass: impl AsyncFn(&Key, Duration)) {
        let storage = &self.storage;
        gives_back_what_was_put(storage).await;
        keeps_order_and_duplicates(storage).await;
        takes_empty_batches(storage).await;
        overwrites(storage).await;
        removes(storage).await;
        keeps_any_bytes(storage).await;
        keeps_large_values(storage, self.largest).await;
        takes_any_key(storage).await;
        takes_large_batches(storage).await;
        expires(storage, &pass).await;
        forgets_the_ttl_of_what_was_overwritten(storage, &pass).await;
        if storage.can_swap() {
            swap::what_is_as_expected(storage).await;
            swap::what_is_expired(storage, &pass).await;
            swap::one_of_many(storage).await;
        }
        serves_many_at_once(storage).await;
        survives_dropped_futures(storage).await;
    }
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
    let asked = ["b", "x", "a", "b", "x", "b"].map(|name| key(format!("order:{name}")));
    let expected = [Some("b"), None, Some("a"), Some("b"), None, Some("b")];
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

/// Two at once, so that a batch may have to be cut, and one that differs at the very end.
async fn keeps_large_values(storage: &Shared, largest: usize) {
    let keys = ["large:a", "large:b", "large:small"].map(key);
    let mut values = [vec![b'a'; largest], vec![b'b'; largest], vec![b'c'; 10]];
    for round in 0..2 {
        values[0][largest - 1] = round;
        let pairs = keys.iter().cloned().zip(values.iter().cloned());
        let entries: Vec<_> = pairs.map(|(key, value)| Entry::new(key, value)).collect();
        put(storage, &entries).await;
        let found = get(storage, &keys).await;
        let mut pairs = found.iter().zip(&values);
        assert!(
            pairs.all(|(found, value)| found.as_deref() == Some(value)),
            "values of {largest} bytes"
        );
    }
    remove(storage, &keys).await;
    assert_eq!(get(storage, &keys).await, [const { None }; 3]);
}

async fn takes_any_key(storage: &Shared) {
    let (long, longer) = ("k".repeat(20_000), "k".repeat(20_001));
    let texts = [
        "key: with spaces ",
        "\"quotes\" 'and' \\slashes\\ `ticks`",
        "日本語:ключ:🗝",
        "\r\n\t\0",
        "$where; DROP TABLE entries; -- %s {0} *",
        "é",
        "e\u{301}",
        &long,
        &longer,
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
    assert_eq!(get(storage, &texts.map(key)).await, [const { None }; 10]);
}

/// As large as `get_all` may make them; with every key twice.
async fn takes_large_batches(storage: &Shared) {
    const COUNT: u32 = 10_000;
    let text = |n: u32| format!("batch:{}", n % COUNT);
    let entries: Vec<_> = (0..2 * COUNT)
        .map(|n| entry(text(n), n.to_string()))
        .collect();
    put(storage, &entries).await;
    let keys: Vec<_> = (0..2 * COUNT)
        .map(|n| {
            key(if n % 2 == 0 {
                text(n)
            } else {
                format!("batch:-{n}")
            })
        })
        .collect();
    let found = get(storage, &keys).await;
    let expected =
        (0..2 * COUNT).map(|n| (n % 2 == 0).then(|| Bytes::from((n % COUNT + COUNT).to_string())));
    assert!(
        found.into_iter().eq(expected),
        "every other one is there, the last that was put, in their order"
    );
    let all: Vec<_> = entries.iter().map(|entry| entry.key().clone()).collect();
    remove(storage, &all).await;
    assert!(get(storage, &all).await.iter().all(Option::is_none));
}

async fn expires(storage: &Shared, pass: &impl AsyncFn(&Key, Duration)) {
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
    pass(&keys[0], hour).await;
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

async fn forgets_the_ttl_of_what_was_overwritten(
    storage: &Shared,
    pass: &impl AsyncFn(&Key, Duration),
) {
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
    pass(&key("reset:other"), minute).await;
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
