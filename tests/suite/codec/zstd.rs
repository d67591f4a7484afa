//! Compression: when it is done, and what it unpacks.

use std::time::{Duration, Instant};

use cacheme::Codec;
use cacheme::codec::{Json, Msgpack, Zstd};

use super::{back, encode};
use crate::allocation::peak;

/// Text that doesn't compress.
fn noise(length: usize) -> String {
    let mut state = 1_u64;
    let letter = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        char::from(b' ' + state.to_be_bytes()[0] % 94)
    };
    std::iter::repeat_with(letter).take(length).collect()
}

#[test]
fn compresses_from_the_threshold_on() {
    let flag = |length: usize| {
        let text = "x".repeat(length);
        let bytes = encode::<Zstd<Json, 100>, _>(&text).expect("it can be written");
        assert_eq!(
            back::<Zstd<Json, 100>, _>(&text).expect("it can be read"),
            text
        );
        (bytes[0], bytes.len() < length)
    };
    // With its quotes, the text is two bytes longer.
    assert_eq!(flag(97), (0, false));
    assert_eq!(flag(98), (1, true));
    let default =
        |length| encode::<Zstd<Json>, _>(&"x".repeat(length)).expect("it can be written")[0];
    assert_eq!((default(1021), default(1022)), (0, 1));
}

#[test]
fn keeps_what_does_not_become_smaller() {
    // 94 letters take 6.55 bits each, so what is longer than the tables of a frame gets smaller.
    let short = noise(60);
    let bytes = encode::<Zstd<Msgpack, 0>, _>(&short).expect("it can be written");
    assert_eq!((bytes[0], bytes.len()), (0, short.len() + 3));
    assert_eq!(
        back::<Zstd<Msgpack, 0>, _>(&short).expect("it can be read"),
        short
    );
    assert_eq!(
        back::<Zstd<Msgpack, 0>, _>(&String::new()).expect("it can be read"),
        ""
    );
}

#[test]
fn a_change_of_threshold_or_level_keeps_entries_readable() {
    let text = noise(500).repeat(10);
    let written = [
        encode::<Zstd<Msgpack>, _>(&text),
        encode::<Zstd<Msgpack, 0, 19>, _>(&text),
        encode::<Zstd<Msgpack, { usize::MAX }>, _>(&text),
    ];
    for bytes in written {
        let bytes = bytes.expect("it can be written");
        let read: String = Zstd::<Msgpack, 9, 9>::decode(&bytes).expect("it can be read");
        assert_eq!(read, text);
    }
}

#[test]
fn takes_long_values() {
    let text = noise(1000).repeat(20_000);
    let bytes = encode::<Zstd<Msgpack>, _>(&text).expect("it can be written");
    assert!(bytes.len() < text.len() / 100);
    let read: String = Zstd::<Msgpack>::decode(&bytes).expect("it can be read");
    assert!(read == text);
}

/// A frame that says how long it is, of blocks that each unpack to 128 KiB of one letter (RFC 8878).
fn bomb(says: Option<u64>, blocks: u32) -> Vec<u8> {
    let mut bytes = vec![1];
    bytes.extend(0xFD2F_B528_u32.to_le_bytes());
    match says {
        // A length of 8 bytes, and a window of 1 MiB.
        Some(length) => {
            bytes.extend([0xC0, 0x50]);
            bytes.extend(length.to_le_bytes());
        }
        None => bytes.extend([0x00, 0x50]),
    }
    for block in 1..=blocks {
        let header = u32::from(block == blocks) | 1 << 1 | (128 << 10) << 3;
        bytes.extend(&header.to_le_bytes()[..3]);
        bytes.push(b'7');
    }
    bytes
}

const BLOCK: u64 = 128 << 10;

#[test]
fn promise_5_a_bomb_is_an_error_in_little_time_and_memory() {
    let read = |bytes: &[u8]| Zstd::<Json>::decode(bytes).map(|text: serde_json::Value| text);
    let error = |bytes: &[u8]| {
        let (read, peak) = peak(|| read(bytes));
        assert!(peak < 1 << 20, "{peak} bytes");
        read.expect_err("a bomb").to_string()
    };
    let begun = Instant::now();
    // It says what it is: 10 GiB.
    assert_eq!(
        error(&bomb(Some(10 << 30), 80 << 10)),
        "the encoded value is longer than 64 MiB"
    );
    // It is 10 GiB, and says so in 1 KiB.
    assert_eq!(
        error(&bomb(Some(10 << 30), 256)),
        "the encoded value is longer than 64 MiB"
    );
    // It doesn't say what it is.
    let unlike = "the compressed bytes don't unpack to what they say";
    assert_eq!(error(&bomb(None, 80 << 10)), unlike);
    // It says less, or more than it can be.
    assert!(error(&bomb(Some(7), 80 << 10)).len() > 1);
    assert_eq!(error(&bomb(Some(60 << 20), 8)), unlike);
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_frame_is_what_it_says_and_nothing_follows() {
    let read = |bytes: &[u8]| -> Result<serde_json::Value, _> { Zstd::<Json>::decode(bytes) };
    // The number 777...7 is too large for JSON, but is one value.
    let whole = bomb(Some(2 * BLOCK), 2);
    let error = read(&whole)
        .expect_err("no number is that large")
        .to_string();
    assert!(error.starts_with("number out of range"), "{error}");
    for says in [BLOCK, 2 * BLOCK - 1, 2 * BLOCK + 1, 3 * BLOCK] {
        let error = read(&bomb(Some(says), 2))
            .expect_err("it says something else")
            .to_string();
        assert!(!error.starts_with("number"), "{says}: {error}");
    }
    for tail in [
        &b"x"[..],
        &whole[1..],
        &[0x50, 0x2A, 0x4D, 0x18, 0, 0, 0, 0],
    ] {
        let error = read(&[&whole[..], tail].concat()).expect_err("something follows");
        assert_eq!(error.to_string(), "something follows the compressed bytes");
    }
    assert!(read(&[]).is_err() && read(&[2, b'1']).is_err() && read(&[1]).is_err());
    assert_eq!(read(&[0, b'1']).expect("plain bytes"), 1);
}
