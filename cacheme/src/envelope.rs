//! The frame around a value's bytes in a remote storage.
//!
//! Little-endian, 48 bytes in front and 8 behind:
//!
//! | offset | bytes | what |
//! | --- | --- | --- |
//! | 0 | 4 | magic `CCHM` |
//! | 4 | 1 | version of the frame, 1 |
//! | 5 | 1 | codec |
//! | 6 | 2 | flags, none yet |
//! | 8 | 8 | fingerprint of the value type's structure |
//! | 16 | 8 | digest of the node's type and key |
//! | 24 | 8 | created: when the value was loaded, ms since the Unix epoch |
//! | 32 | 8 | expires, ms since the Unix epoch; all ones is never |
//! | 40 | 8 | length of the value's bytes |
//! | 48 | | the value's bytes |
//! | end | 8 | XXH3 of all that stands before |
//!
//! Nothing of the value is decoded before every check has passed, so that bytes that were cut,
//! damaged or written by somebody else are a miss and never a wrong value.

use std::time::Duration;

use bytes::Bytes;
use xxhash_rust::xxh3::{Xxh3, xxh3_64, xxh3_64_with_seed};

use crate::clock::{NEVER, millis};
use crate::error::BoxError;
use crate::meta::Meta;
use crate::stats::Miss;

const MAGIC: [u8; 4] = *b"CCHM";
const VERSION: u8 = 1;
const HEADER: usize = 48;
const CHECKSUM: usize = 8;

/// What an entry has to show to be read, and is given when it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seal {
    pub(crate) codec: u8,
    pub(crate) fingerprint: u64,
    pub(crate) digest: u64,
}

/// The times of an entry, by its storage's clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) now: Duration,
    /// How long ago its value was loaded.
    pub(crate) age: Duration,
    /// How long it is kept from now on; `None` is for ever.
    pub(crate) ttl: Option<Duration>,
}

/// What is in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Opened<'a> {
    /// The value's bytes.
    pub(crate) value: &'a [u8],
    /// How long it may still be kept; `None` is for ever.
    pub(crate) left: Option<Duration>,
    /// How long ago it was loaded.
    pub(crate) age: Duration,
}

impl Seal {
    /// What the digests of a node type's keys begin with.
    pub(crate) fn seed(meta: &Meta) -> u64 {
        let mut hash = Xxh3::new();
        for part in [meta.path(), meta.version()] {
            hash.update(part.as_bytes());
            // A byte that isn't in UTF-8, so that no two lists of parts are alike.
            hash.update(&[0xff]);
        }
        hash.digest()
    }

    /// The digest of a key, with the kinds of things that its fields are made of behind it.
    pub(crate) fn digest(seed: u64, key_and_kinds: &str) -> u64 {
        xxh3_64_with_seed(key_and_kinds.as_bytes(), seed)
    }

    /// Frames what `encode` writes.
    pub(crate) fn close(
        &self,
        Span { now, age, ttl }: Span,
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), BoxError>,
    ) -> Result<Bytes, BoxError> {
        let mut frame = Vec::with_capacity(HEADER + CHECKSUM + 64);
        frame.extend(MAGIC);
        frame.extend([VERSION, self.codec, 0, 0]);
        frame.extend(self.fingerprint.to_le_bytes());
        frame.extend(self.digest.to_le_bytes());
        frame.extend(millis(now.saturating_sub(age)).to_le_bytes());
        let expires = ttl.map_or(NEVER, |ttl| millis(now.saturating_add(ttl)));
        frame.extend(expires.to_le_bytes());
        frame.extend([0; 8]);
        encode(&mut frame)?;
        let length = (frame.len() - HEADER) as u64;
        frame[40..HEADER].copy_from_slice(&length.to_le_bytes());
        let checksum = xxh3_64(&frame);
        frame.extend(checksum.to_le_bytes());
        Ok(frame.into())
    }

    /// Checks a frame and returns what is in it.
    pub(crate) fn open<'a>(&self, frame: &'a [u8], now: Duration) -> Result<Opened<'a>, Miss> {
        let (body, checksum) = frame.split_last_chunk::<CHECKSUM>().ok_or(Miss::Corrupt)?;
        if body.len() < HEADER {
            return Err(Miss::Corrupt);
        }
        let (header, value) = body.split_at(HEADER);
        if header[..4] != MAGIC || header[4] != VERSION {
            return Err(Miss::Foreign);
        }
        let word = |at: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&header[at..at + 8]);
            u64::from_le_bytes(bytes)
        };
        if word(40) != value.len() as u64 || xxh3_64(body) != u64::from_le_bytes(*checksum) {
            return Err(Miss::Corrupt);
        }
        // A flag that this version doesn't know changes what the bytes mean.
        if word(16) != self.digest || header[6..8] != [0, 0] {
            return Err(Miss::Foreign);
        }
        if header[5] != self.codec {
            return Err(Miss::Codec);
        }
        if word(8) != self.fingerprint {
            return Err(Miss::Schema);
        }
        let left = match word(32) {
            NEVER => None,
            expires => Some(Duration::from_millis(expires.saturating_sub(millis(now)))),
        };
        if left == Some(Duration::ZERO) {
            return Err(Miss::Expired);
        }
        let age = Duration::from_millis(millis(now).saturating_sub(word(24)));
        Ok(Opened { value, left, age })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEAL: Seal = Seal {
        codec: 1,
        fingerprint: 2,
        digest: 3,
    };
    const NOW: Duration = Duration::from_secs(1000);
    const AGE: Duration = Duration::from_secs(5);
    const TTL: Duration = Duration::from_secs(60);

    fn frame(ttl: Option<Duration>) -> Bytes {
        let encode = |out: &mut Vec<u8>| {
            out.extend(b"the value");
            Ok(())
        };
        let span = Span {
            now: NOW,
            age: AGE,
            ttl,
        };
        SEAL.close(span, encode).expect("encode succeeds")
    }

    #[test]
    fn opens_what_it_closed() {
        let opened = |left, age| {
            let value = &b"the value"[..];
            Ok(Opened { value, left, age })
        };
        assert_eq!(SEAL.open(&frame(None), NOW), opened(None, AGE));
        let passed = Duration::from_secs(20);
        let left = Some(Duration::from_secs(40));
        assert_eq!(
            SEAL.open(&frame(Some(TTL)), NOW + passed),
            opened(left, AGE + passed)
        );
        // By a clock that is behind the one it was written by.
        let before = Duration::from_secs(991);
        assert_eq!(
            SEAL.open(&frame(None), before),
            opened(None, Duration::ZERO)
        );
    }

    #[test]
    fn says_why_it_does_not_open() {
        let frame = frame(Some(TTL));
        assert_eq!(SEAL.open(&frame, NOW + TTL), Err(Miss::Expired));
        let seal = |codec, fingerprint, digest| Seal {
            codec,
            fingerprint,
            digest,
        };
        assert_eq!(seal(9, 2, 3).open(&frame, NOW), Err(Miss::Codec));
        assert_eq!(seal(1, 9, 3).open(&frame, NOW), Err(Miss::Schema));
        assert_eq!(seal(1, 2, 9).open(&frame, NOW), Err(Miss::Foreign));
        assert_eq!(SEAL.open(b"", NOW), Err(Miss::Corrupt));
    }

    #[test]
    fn does_not_open_what_a_later_version_flagged() {
        let mut frame = frame(None).to_vec();
        frame[6] = 1;
        let end = frame.len() - CHECKSUM;
        let checksum = xxh3_64(&frame[..end]).to_le_bytes();
        frame[end..].copy_from_slice(&checksum);
        assert_eq!(SEAL.open(&frame, NOW), Err(Miss::Foreign));
    }

    #[test]
    fn every_cut_and_every_flipped_bit_is_a_miss() {
        let frame = frame(Some(TTL));
        for end in 0..frame.len() {
            assert!(SEAL.open(&frame[..end], NOW).is_err(), "cut at {end}");
        }
        for bit in 0..frame.len() * 8 {
            let mut damaged = frame.to_vec();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(SEAL.open(&damaged, NOW).is_err(), "bit {bit}");
        }
        let longer = [&frame[..], b"x"].concat();
        assert!(SEAL.open(&longer, NOW).is_err());
    }
}
