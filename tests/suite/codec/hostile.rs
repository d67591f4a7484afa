//! Bytes that no codec wrote, or that were changed since.
//!
//! Whatever they are: no panic, memory in proportion to their length, and through a runtime a miss.

use std::collections::BTreeMap;

use cacheme::codec::{Bincode, Json, Msgpack, Zstd};
use cacheme::{Cacheme, Codec};
use cacheme_tests::memory::MemoryStorage;
use proptest::prelude::*;
use proptest::sample::Index;
use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_64;

use super::{encode, tier};
use crate::allocation::peak;

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
struct Order {
    id: u64,
    total: Option<f64>,
    lines: Vec<Line>,
    notes: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
enum Line {
    Free,
    Item(u16, String),
    Discount { percent: u8, codes: Vec<Vec<u32>> },
}

fn order() -> Order {
    let discount = Line::Discount {
        percent: 5,
        codes: vec![vec![1, 2, 3], vec![]],
    };
    Order {
        id: 7,
        total: Some(0.1),
        lines: vec![Line::Free, Line::Item(3, "a book".to_owned()), discount],
        notes: BTreeMap::from([("wrap".to_owned(), "as a gift, please".repeat(10))]),
    }
}

/// One that recurs, for the codecs that bound their depth.
type Tree = Vec<serde_json::Value>;

/// How bytes change on the way.
#[derive(Clone, Debug)]
enum Change {
    Flip(Index, u8),
    Cut(Index),
    Insert(Index, Vec<u8>),
    Repeat(Index, Index),
}

fn change() -> impl Strategy<Value = Change> {
    let place = any::<Index>;
    prop_oneof![
        4 => (place(), 1..=u8::MAX).prop_map(|(place, flip)| Change::Flip(place, flip)),
        1 => place().prop_map(Change::Cut),
        1 => (place(), any::<Vec<u8>>()).prop_map(|(place, more)| Change::Insert(place, more)),
        1 => (place(), place()).prop_map(|(from, to)| Change::Repeat(from, to)),
    ]
}

fn changed(mut bytes: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes {
        if bytes.is_empty() {
            break;
        }
        let length = bytes.len();
        match change {
            Change::Flip(place, flip) => bytes[place.index(length)] ^= flip,
            Change::Cut(place) => bytes.truncate(place.index(length)),
            Change::Insert(place, more) => {
                let place = place.index(length);
                bytes.splice(place..place, more.iter().copied());
            }
            Change::Repeat(from, to) => {
                let from = from.index(length);
                let again = bytes[from..=from + to.index(length - from)].to_vec();
                bytes.extend(again);
            }
        }
    }
    bytes
}

/// Reads bytes, and looks at the memory that it takes.
fn read<C: Codec<V>, V>(bytes: &[u8]) -> Option<V> {
    let (read, peak) = peak(|| C::decode(bytes));
    // Serde reserves up to 1 MiB for each sequence before it has seen its elements.
    let bound = (8 << 20) + 64 * bytes.len();
    assert!(peak < bound, "{peak} bytes of memory for {}", bytes.len());
    read.ok()
}

fn read_everywhere(bytes: &[u8]) {
    fn all<V: Serialize + serde::de::DeserializeOwned>(bytes: &[u8]) {
        read::<Bincode, V>(bytes);
        read::<Msgpack, V>(bytes);
        read::<Json, V>(bytes);
        read::<Zstd<Bincode>, V>(bytes);
        read::<Zstd<Msgpack>, V>(bytes);
    }
    all::<Order>(bytes);
    all::<BTreeMap<u8, Vec<String>>>(bytes);
    read::<Msgpack, Tree>(bytes);
    read::<Json, Tree>(bytes);
    read::<Zstd<Msgpack>, Tree>(bytes);
}

/// A value's bytes, changed, with what a compressing codec puts in front.
fn damage<C: Codec<Order>>(changes: &[Change]) {
    let bytes = encode::<C, _>(&order()).expect("it can be written");
    assert_eq!(read::<C, _>(&bytes), Some(order()));
    read::<C, Order>(&changed(bytes, changes));
}

proptest! {
    #[test]
    fn promise_5_arbitrary_bytes_are_read_in_bounds(bytes: Vec<u8>) {
        read_everywhere(&bytes);
        read_everywhere(&[&[0], &bytes[..]].concat());
        // With the beginning of a Zstandard frame.
        read_everywhere(&[&[1, 0x28, 0xB5, 0x2F, 0xFD], &bytes[..]].concat());
    }

    #[test]
    fn promise_5_damaged_bytes_are_read_in_bounds(changes in prop::collection::vec(change(), 1..4)) {
        damage::<Bincode>(&changes);
        damage::<Msgpack>(&changes);
        damage::<Json>(&changes);
        damage::<Zstd<Bincode, 0>>(&changes);
        damage::<Zstd<Msgpack, 0>>(&changes);
        damage::<Zstd<Json, 0>>(&changes);
    }
}

/// A list of lists, and so on: `open` so often, then `close`.
fn nested(open: &[u8], inside: &[u8], close: &[u8], depth: usize) -> Vec<u8> {
    [&open.repeat(depth), inside, &close.repeat(depth)].concat()
}

#[derive(Debug, Deserialize, Serialize)]
enum Chain {
    End,
    Next(Box<Chain>),
}

#[test]
fn promise_5_deep_nesting_does_not_overflow_the_stack() {
    const DEPTH: usize = 1_000_000;
    assert!(read::<Json, Tree>(&nested(b"[", b"", b"]", DEPTH)).is_none());
    assert!(read::<Json, Tree>(&nested(b"{\"a\":", b"1", b"}", DEPTH)).is_none());
    assert!(read::<Msgpack, Tree>(&nested(&[0x91], &[0x01], &[], DEPTH)).is_none());
    assert!(read::<Msgpack, Tree>(&nested(&[0x81, 0xa1, b'a'], &[0x01], &[], DEPTH)).is_none());
    let next = |depth| nested(b"\x81\xa4Next", b"\xa3End", &[], depth);
    assert!(read::<Msgpack, Chain>(&next(127)).is_some());
    assert!(read::<Msgpack, Chain>(&next(128)).is_none());
    assert!(read::<Msgpack, Chain>(&next(DEPTH)).is_none());
    let next = nested(b"{\"Next\":", b"\"End\"", b"}", DEPTH);
    assert!(read::<Json, Chain>(&next).is_none());
}

#[test]
fn promise_5_huge_lengths_reserve_little() {
    let many = |marker: u8| [&[marker], &[0xff; 4][..], &[1; 100]].concat();
    for marker in [0xc6, 0xc9, 0xdb, 0xdd, 0xdf] {
        assert!(read::<Msgpack, Vec<u64>>(&many(marker)).is_none());
        assert!(read::<Msgpack, String>(&many(marker)).is_none());
        assert!(read::<Msgpack, Tree>(&many(marker)).is_none());
        assert!(read::<Msgpack, BTreeMap<u8, u8>>(&many(marker)).is_none());
    }
    let length = [&[253], &u64::MAX.to_le_bytes()[..], &[1; 100]].concat();
    assert!(read::<Bincode, Vec<u64>>(&length).is_none());
    assert!(read::<Bincode, String>(&length).is_none());
}

#[cacheme::node(storage = "far", codec = Zstd<Msgpack, 64>, key = "order")]
struct Stored;

/// A node's entry in a storage, and a runtime that reads it.
struct Bench {
    far: MemoryStorage,
    runtime: Cacheme,
    good: Vec<u8>,
}

impl Bench {
    async fn new() -> Self {
        let far = MemoryStorage::new();
        let builder = Cacheme::builder().storage("far", far.clone());
        let clock = std::sync::Arc::new(cacheme::ManualClock::new());
        let runtime = builder.clock(clock).build().await;
        let mut bench = Self {
            far,
            runtime: runtime.expect("the set-up is right"),
            good: Vec::new(),
        };
        assert_eq!(bench.get().await, other());
        bench.good = bench
            .far
            .entries()
            .values()
            .next()
            .expect("an entry")
            .to_vec();
        bench
    }

    /// What is loaded isn't what was stored, so that a hit shows.
    async fn get(&self) -> Order {
        let value = self.runtime.get_with(Stored, |_| async { Ok(other()) });
        value.await.expect("a value")
    }

    fn store(&self, bytes: Vec<u8>) {
        let mut entries = self.far.entries();
        *entries.values_mut().next().expect("an entry") = bytes.into();
    }
}

fn other() -> Order {
    Order { id: 8, ..order() }
}

/// The same bytes with the checksum that belongs to them.
fn resealed(mut frame: Vec<u8>) -> Vec<u8> {
    let end = frame.len().saturating_sub(8);
    let checksum = XxHash3_64::oneshot(&frame[..end]).to_le_bytes();
    frame.truncate(end);
    frame.extend(checksum);
    frame
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn promise_5_a_damaged_entry_is_a_miss_and_never_a_wrong_value(
        changes in prop::collection::vec(change(), 1..4),
        noise: Vec<u8>,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.expect("a runtime").block_on(async {
            let bench = Bench::new().await;
            for bad in [changed(bench.good.clone(), &changes), noise] {
                if bad == bench.good {
                    continue;
                }
                let hits = tier::<Stored>(&bench.runtime).hits();
                bench.store(bad);
                assert_eq!(bench.get().await, other());
                assert_eq!(tier::<Stored>(&bench.runtime).hits(), hits, "a miss");
                assert_eq!(bench.get().await, other());
                assert_eq!(tier::<Stored>(&bench.runtime).hits(), hits + 1, "replaced");
            }
            // Made by somebody who can count the checksum: a value or a miss, but no panic.
            let forged = resealed(changed(bench.good.clone(), &changes));
            bench.store(forged);
            bench.get().await;
        });
    }
}
