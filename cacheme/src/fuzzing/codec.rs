//! Values in frames that pass every check, from somebody who can write to the storage.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::input::Input;
use crate::codec::{Bincode, Codec, Json, Msgpack, Zstd};
use crate::envelope::{Seal, Span};

/// Reads bytes as the values of several types, by each codec. What can be read can be written, and is the same
/// when it is read again.
///
/// # Panics
///
/// When it isn't.
pub fn codec(data: &[u8]) {
    let mut input = Input::new(data);
    match input.below(6) {
        0 => all::<Bincode>(input.rest()),
        1 => all::<Zstd<Bincode, 16>>(input.rest()),
        2 => all_and_deep::<Msgpack>(input.rest()),
        3 => all_and_deep::<Zstd<Msgpack, 16>>(input.rest()),
        4 => all_and_deep::<Json>(input.rest()),
        _ => all_and_deep::<Zstd<Json, 16>>(input.rest()),
    }
}

/// A codec of all types here but the one that recurs.
trait Reads: Codec<Order> + Codec<Names> + Codec<Bare> {}

impl<C: Codec<Order> + Codec<Names> + Codec<Bare>> Reads for C {}

#[derive(Debug, PartialEq, Deserialize, Serialize)]
struct Order {
    id: u64,
    total: Option<i32>,
    lines: Vec<Line>,
    notes: BTreeMap<String, String>,
    sign: char,
    parts: ([u16; 2], bool, ()),
}

#[derive(Debug, PartialEq, Deserialize, Serialize)]
enum Line {
    Free,
    Item(u16, String),
    Discount { percent: u8, codes: Vec<Vec<u32>> },
}

type Names = BTreeMap<u8, Vec<String>>;

type Bare = (i128, Option<Option<String>>, Vec<u8>);

/// Bincode would overflow the stack.
type Deep = serde_json::Value;

fn all<C: Reads>(bytes: &[u8]) {
    read::<C, Order>(bytes);
    read::<C, Names>(bytes);
    read::<C, Bare>(bytes);
}

fn all_and_deep<C: Reads + Codec<Deep>>(bytes: &[u8]) {
    all::<C>(bytes);
    read::<C, Deep>(bytes);
}

/// Reads bytes out of a frame.
fn read<C: Codec<V>, V: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    let Some(value) = through::<C, V>(|out| {
        out.extend(bytes);
    }) else {
        return;
    };
    let mut again = Vec::new();
    // What it would lose is refused when it is written.
    if C::encode(&value, &mut again).is_ok() {
        let back = through::<C, V>(|out| out.extend(&again));
        assert_eq!(back, Some(value));
    }
}

/// The value of the bytes that are put into a frame.
fn through<C: Codec<V>, V>(fill: impl FnOnce(&mut Vec<u8>)) -> Option<V> {
    let seal = Seal {
        codec: C::ID,
        fingerprint: C::fingerprint().expect("the codec serves the type"),
        digest: 1,
    };
    let span = Span {
        now: Duration::ZERO,
        age: Duration::ZERO,
        earliest: 0,
        ttl: None,
    };
    let frame = seal.close(span, &[], |out| {
        fill(out);
        Ok(())
    });
    let frame = frame.expect("nothing fails in it");
    let opened = seal.open(&frame, Duration::ZERO, Duration::ZERO);
    let opened = opened.expect("nothing was changed");
    C::decode(opened.value).ok()
}
