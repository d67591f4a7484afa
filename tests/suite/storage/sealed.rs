//! The wrappers that sign and encrypt entries, around any storage.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cacheme::storage::{Encrypted, FileStorage, Keyring, Signed};
use cacheme::testing::{Conformance, MemoryBus};
use cacheme::{Bus, Cacheme, Entry, Key, ManualClock, Miss, Storage, StorageFuture};
use cacheme_tests::memory::{Call, MemoryStorage, Mode};

const ONE: [u8; 32] = [1; 32];
const TWO: [u8; 32] = [2; 32];

fn keyring<const N: usize>(current: u32, keys: [(u32, [u8; 32]); N]) -> Keyring {
    Keyring::new(current, keys).expect("the keys are right")
}

/// A kind of wrapper, around any storage.
type Wrap = fn(Arc<dyn Storage>, Keyring) -> Arc<dyn Storage>;

fn signed(storage: Arc<dyn Storage>, keyring: Keyring) -> Arc<dyn Storage> {
    Arc::new(Signed::new(storage, keyring))
}

fn encrypted(storage: Arc<dyn Storage>, keyring: Keyring) -> Arc<dyn Storage> {
    Arc::new(Encrypted::new(storage, keyring))
}

fn both(storage: Arc<dyn Storage>, keyring: Keyring) -> Arc<dyn Storage> {
    signed(encrypted(storage, keyring.clone()), keyring)
}

fn around(wrap: Wrap, memory: &MemoryStorage, keyring: Keyring) -> Arc<dyn Storage> {
    wrap(Arc::new(memory.clone()), keyring)
}

/// One module for each wrapper, with the tests that hold for all of them.
macro_rules! wrappers {
    ($($wrapper:ident;)*) => {$(
        mod $wrapper {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn conforms_to_the_contract() {
                super::conforms_to_the_contract(super::$wrapper).await;
            }

            wrappers! { @tests $wrapper
                promise_5_every_cut_and_every_flipped_byte_is_a_miss_and_is_replaced,
                promise_5_an_entry_under_another_key_is_a_miss,
                an_entry_from_before_the_wrapper_is_a_miss_and_is_replaced,
                keys_rotate,
                another_key_of_the_same_id_reads_nothing,
                is_one_call_for_a_batch_and_hands_errors_on,
            }
        }
    )*};
    (@tests $wrapper:ident $($test:ident,)*) => {$(
        #[tokio::test]
        async fn $test() {
            super::$test(super::$wrapper).await;
        }
    )*};
}

wrappers! { signed; encrypted; both; }

async fn conforms_to_the_contract(wrap: Wrap) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let clock = Arc::new(ManualClock::new());
    let builder = FileStorage::builder(folder.path().join("cache.redb"));
    // It isn't about time: a busy machine may take more than a second.
    let builder = builder
        .clock(Arc::<ManualClock>::clone(&clock))
        .deadline(Duration::from_secs(60));
    let file = builder.open().expect("the file can be opened");
    let storage = wrap(Arc::new(file), keyring(1, [(1, ONE)]));
    let pass = async |_: &Key, ttl| clock.advance(ttl);
    // Larger ones are the storage's own affair.
    let conformance = Conformance::of(storage).largest_value(1 << 20);
    conformance.run(pass).await;
}

#[cacheme::node(storage = "far", ttl = "1h", key = "node:{number}")]
struct Node {
    number: u64,
}

/// The loader's value differs from what is stored, so that a hit shows.
struct Bench {
    memory: MemoryStorage,
    runtime: Cacheme,
}

const STORED: &str = "what is stored";
const LOADED: &str = "what is loaded";

impl Bench {
    async fn new(wrap: Wrap, keyring: Keyring, memory: MemoryStorage) -> Self {
        let builder = Cacheme::builder().storage("far", around(wrap, &memory, keyring));
        // It stands still, so that every frame of a value is the same.
        let builder = builder.clock(Arc::new(ManualClock::new()));
        let runtime = builder.build().await.expect("the set-up is right");
        Self { memory, runtime }
    }

    async fn get(&self, value: &'static str) -> String {
        let node = Node { number: 1 };
        let value = self
            .runtime
            .get_with(node, move |_| async move { Ok(value.to_owned()) });
        value.await.expect("a value")
    }

    fn raw(&self) -> Bytes {
        raw(&self.memory, "node:1")
    }

    fn store(&self, bytes: impl Into<Bytes>) {
        store(&self.memory, "node:1", bytes);
    }

    fn corrupt(&self) -> u64 {
        let stats = self.runtime.stats();
        let node = stats.node::<Node>();
        node.map_or(0, |node| node.tiers()[0].missed(Miss::Corrupt))
    }

    /// Looks that what stands there is a counted miss, and is replaced.
    async fn misses(&self, what: &str) {
        let before = self.corrupt();
        assert_eq!(self.get(LOADED).await, LOADED, "{what}");
        assert_eq!(self.corrupt(), before + 1, "{what}");
        assert_eq!(self.get(STORED).await, LOADED, "{what} is replaced");
        assert_eq!(self.corrupt(), before + 1, "{what}");
    }
}

fn raw(memory: &MemoryStorage, key: &str) -> Bytes {
    memory
        .entries()
        .get(&Key::new(key))
        .expect("it is there")
        .clone()
}

fn store(memory: &MemoryStorage, key: &str, bytes: impl Into<Bytes>) {
    memory.entries().insert(Key::new(key), bytes.into());
}

async fn put(storage: &Arc<dyn Storage>, key: &str, value: &'static str) {
    let entry = Entry::new(Key::new(key), value);
    storage.put_many(&[entry]).await.expect("put succeeds");
}

async fn get(storage: &Arc<dyn Storage>, key: &str) -> Option<Bytes> {
    let found = storage.get_many(&[Key::new(key)]).await;
    found.expect("get succeeds").remove(0)
}

async fn promise_5_every_cut_and_every_flipped_byte_is_a_miss_and_is_replaced(wrap: Wrap) {
    let bench = Bench::new(wrap, keyring(1, [(1, ONE)]), MemoryStorage::new()).await;
    assert_eq!(bench.get(STORED).await, STORED);
    let good = bench.raw();
    for end in 0..good.len() {
        bench.store(good.slice(..end));
        bench.misses(&format!("cut at {end}")).await;
    }
    for place in 0..good.len() {
        let mut bad = good.to_vec();
        bad[place] ^= 1 << (place % 8);
        bench.store(bad);
        bench.misses(&format!("byte {place}")).await;
    }
    bench.store([&good[..], b"x"].concat());
    bench.misses("one byte more").await;
    bench.store(good);
    assert_eq!(bench.get(LOADED).await, STORED);
}

async fn promise_5_an_entry_under_another_key_is_a_miss(wrap: Wrap) {
    let bench = Bench::new(wrap, keyring(1, [(1, ONE)]), MemoryStorage::new()).await;
    let other = bench
        .runtime
        .get_with(Node { number: 2 }, |_| async { Ok(STORED.to_owned()) });
    other.await.expect("a value");
    bench.store(raw(&bench.memory, "node:2"));
    bench.misses("of another key").await;
    // Not because of the envelope: by itself, the wrapper refuses it too.
    let storage = around(wrap, &bench.memory, keyring(1, [(1, ONE)]));
    put(&storage, "a", "value").await;
    for (key, expected) in [("a", "value"), ("ab", ""), ("", "")] {
        store(&bench.memory, key, raw(&bench.memory, "a"));
        assert_eq!(get(&storage, key).await, Some(expected.into()), "{key:?}");
    }
}

async fn an_entry_from_before_the_wrapper_is_a_miss_and_is_replaced(wrap: Wrap) {
    let memory = MemoryStorage::new();
    let plain = Bench::new(|storage, _| storage, keyring(1, [(1, ONE)]), memory.clone()).await;
    assert_eq!(plain.get(STORED).await, STORED);
    let bench = Bench::new(wrap, keyring(1, [(1, ONE)]), memory).await;
    bench.misses("plain").await;
    for bytes in [
        &b""[..],
        b"\x01",
        &[1; 100],
        b"text that somebody keeps under this key",
    ] {
        bench.store(Bytes::copy_from_slice(bytes));
        bench.misses("foreign").await;
    }
    // And the other way round.
    assert_eq!(plain.get(LOADED).await, LOADED);
}

async fn keys_rotate(wrap: Wrap) {
    let memory = MemoryStorage::new();
    let stages = [
        keyring(1, [(1, ONE)]),
        keyring(1, [(1, ONE), (2, TWO)]),
        keyring(2, [(1, ONE), (2, TWO)]),
        keyring(2, [(2, TWO)]),
    ]
    .map(|keyring| around(wrap, &memory, keyring));
    let names = ["0", "1", "2", "3"];
    for (storage, name) in stages.iter().zip(names) {
        put(storage, name, name).await;
    }
    // Neighbours read all of each other's, as they do while a change is rolled out.
    let reads = async |reader: usize, writer: usize| {
        let found = get(&stages[reader], names[writer])
            .await
            .expect("it is there");
        assert!(found.is_empty() || found == names[writer]);
        !found.is_empty()
    };
    for (reader, writers) in [
        [true, true, false, false],
        [true; 4],
        [true; 4],
        [false, false, true, true],
    ]
    .iter()
    .enumerate()
    {
        for (writer, &expected) in writers.iter().enumerate() {
            assert_eq!(
                reads(reader, writer).await,
                expected,
                "{reader} reads what {writer} wrote"
            );
        }
    }
}

async fn another_key_of_the_same_id_reads_nothing(wrap: Wrap) {
    let bench = Bench::new(wrap, keyring(1, [(1, ONE)]), MemoryStorage::new()).await;
    assert_eq!(bench.get(STORED).await, STORED);
    let other = Bench::new(wrap, keyring(1, [(1, TWO)]), bench.memory.clone()).await;
    other.misses("another key").await;
    bench.misses("another key").await;
}

async fn is_one_call_for_a_batch_and_hands_errors_on(wrap: Wrap) {
    let memory = MemoryStorage::new();
    let storage = around(wrap, &memory, keyring(1, [(1, ONE)]));
    let keys = ["a", "b", "c"].map(Key::new);
    let entries = keys.clone().map(|key| Entry::new(key, "x"));
    storage.put_many(&entries).await.expect("put succeeds");
    storage.get_many(&keys).await.expect("get succeeds");
    storage.remove_many(&keys).await.expect("remove succeeds");
    assert_eq!(
        memory.take_calls(),
        [Call::Put(3), Call::Get(3), Call::Remove(3)]
    );
    memory.set_mode(Mode::Fails);
    let errors = [
        storage.get_many(&keys).await.map(drop),
        storage.put_many(&entries).await,
        storage.remove_many(&keys).await,
    ];
    for error in errors {
        assert_eq!(error.expect_err("told to fail").to_string(), "told to fail");
    }
}

/// What other implementations make of the same key, entry and nonce: Python's `blake3` 1.0 and
/// libsodium's `crypto_aead_xchacha20poly1305_ietf`.
#[tokio::test]
async fn agrees_with_other_implementations() {
    let mut secret = [0; 32];
    (0..)
        .zip(&mut secret)
        .for_each(|(place, byte)| *byte = place);
    let keyring = keyring(0x0102_0304, [(0x0102_0304, secret)]);
    let memory = MemoryStorage::new();
    let (key, value) = ("user:7", "the value of a node.");

    let expected = "010403020100f8aa075d88e126331002a37a5ec260fab44009b8165a07a5fcfcd0576f08df\
        7468652076616c7565206f662061206e6f64652e";
    let storage = around(signed, &memory, keyring.clone());
    put(&storage, key, value).await;
    assert_eq!(raw(&memory, key), unhex(expected));

    let expected = "0104030201404142434445464748494a4b4c4d4e4f5051525354555657\
        4ae8f5f0d1db7186def2472b0880e3cba0516050a6811563ead4e8d88ffd45fcfddec8ea";
    store(&memory, key, unhex(expected));
    let storage = around(encrypted, &memory, keyring);
    assert_eq!(get(&storage, key).await, Some(value.into()));
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2).map(str::from_utf8);
    let bytes = digits.map(|digits| u8::from_str_radix(digits.expect("digits"), 16));
    bytes.collect::<Result<_, _>>().expect("digits")
}

#[tokio::test]
async fn encryption_hides_values_and_what_is_alike_in_them() {
    let memory = MemoryStorage::new();
    let storage = around(encrypted, &memory, keyring(1, [(1, ONE)]));
    put(&storage, "a", "a value that nobody may see").await;
    let first = raw(&memory, "a");
    assert_eq!(first.len(), 45 + 27);
    assert!(!first.windows(6).any(|part| {
        b"a value that nobody may see"
            .windows(6)
            .any(|of| of == part)
    }));
    put(&storage, "a", "a value that nobody may see").await;
    let second = raw(&memory, "a");
    let alike = first
        .iter()
        .zip(&second)
        .skip(5)
        .filter(|(a, b)| a == b)
        .count();
    assert!(alike < 10, "{alike} bytes are the same");
    // Each opens.
    store(&memory, "a", first);
    assert_eq!(
        get(&storage, "a").await,
        Some("a value that nobody may see".into())
    );
}

#[tokio::test]
async fn signing_copies_nothing_on_the_way_back() {
    let memory = MemoryStorage::new();
    let storage = around(signed, &memory, keyring(1, [(1, ONE)]));
    put(&storage, "a", "value").await;
    let found = get(&storage, "a").await.expect("it is there");
    assert_eq!(found.as_ptr(), raw(&memory, "a")[37..].as_ptr());
}

#[test]
fn keys_are_never_shown() {
    let keyring = keyring(7, [(3, [0xab; 32]), (7, [0xcd; 32])]);
    let memory = MemoryStorage::new();
    let shown = [
        format!("{keyring:?}"),
        format!("{:#?}", around(signed, &memory, keyring.clone())),
        format!("{:#?}", around(encrypted, &memory, keyring)),
    ];
    assert_eq!(shown[0], "Keyring { current: 7, ids: [3, 7] }");
    for text in shown {
        for byte in ["171", "205", "ab, ", "cd, "] {
            assert!(!text.contains(byte), "{text}");
        }
    }
}

#[test]
fn a_wrong_keyring_says_what_is_wrong() {
    let wrong = |current, keys: &[u32]| {
        let keys = keys.iter().map(|&id| (id, ONE));
        let error = Keyring::new(current, keys).expect_err("it is wrong");
        assert!(error.is_config());
        error.to_string()
    };
    assert_eq!(wrong(1, &[]), "a keyring has no key of id 1 to write with");
    assert_eq!(
        wrong(1, &[2, 3]),
        "a keyring has no key of id 1 to write with"
    );
    assert_eq!(wrong(1, &[1, 2, 1]), "a keyring has two keys of id 1");
}

/// A storage with a clock and servers of its own, that says one entry too many.
#[derive(Debug)]
struct Odd;

impl Storage for Odd {
    fn get_many<'a>(&'a self, keys: &'a [Key]) -> StorageFuture<'a, Vec<Option<Bytes>>> {
        Box::pin(async { Ok(vec![None; keys.len() + 1]) })
    }

    fn put_many<'a>(&'a self, _entries: &'a [Entry]) -> StorageFuture<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn remove_many<'a>(&'a self, _keys: &'a [Key]) -> StorageFuture<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn now(&self) -> Option<Duration> {
        Some(Duration::from_secs(7))
    }

    fn is_partitioned(&self) -> bool {
        true
    }

    fn bus(&self) -> Option<Arc<dyn Bus>> {
        Some(Arc::new(MemoryBus::new()))
    }
}

#[tokio::test]
async fn clock_and_servers_are_those_of_the_storage_within() {
    for wrap in [signed, encrypted, both] {
        let storage = wrap(Arc::new(Odd), keyring(1, [(1, ONE)]));
        assert_eq!(storage.now(), Some(Duration::from_secs(7)));
        assert!(storage.is_partitioned() && storage.bus().is_some());
        assert!(storage.get_many(&[Key::new("a")]).await.is_err());
    }
}
