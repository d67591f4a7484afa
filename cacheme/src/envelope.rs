//! The frame around a value's bytes in a remote storage.
//!
//! Little-endian, 48 bytes in front and 8 behind:
//!
//! | offset | bytes | what |
//! | --- | --- | --- |
//! | 0 | 4 | magic `CCHM` |
//! | 4 | 1 | version of the frame, 1 |
//! | 5 | 1 | codec |
//! | 6 | 2 | flags: 1 where the value has tags |
//! | 8 | 8 | fingerprint of the value type's structure |
//! | 16 | 8 | digest of the node's type and key |
//! | 24 | 8 | created: when the value was loaded, ms since the Unix epoch |
//! | 32 | 8 | expires, ms since the Unix epoch; all ones is never |
//! | 40 | 8 | length of all that follows but the checksum |
//! | 48 | | with the flag 1: how many tags in 4 bytes, and of each the length in 4, the name, the version in 8 |
//! | | | the value's bytes |
//! | end | 8 | XXH3 of all that stands before |
//!
//! Nothing of the value is decoded before every check has passed, so that bytes that were cut,
//! damaged or written by somebody else are a miss and never a wrong value.

use std::sync::Arc;
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
/// The flag of an entry that names its tags.
const TAGGED: u8 = 1;

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
    /// How long it may still be kept; `None` is for ever. Of one whose time is over, for how long as an old value.
    pub(crate) left: Option<Duration>,
    pub(crate) is_stale: bool,
    /// When it was loaded, in ms since the Unix epoch.
    pub(crate) created: u64,
    /// How long ago that was.
    pub(crate) age: Duration,
    /// The tags that it had when it was written.
    pub(crate) tags: Listed<'a>,
}

/// The tags that an entry names, with their versions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Listed<'a> {
    count: u32,
    bytes: &'a [u8],
}

impl<'a> Listed<'a> {
    /// Takes the tags off the front of an entry's bytes.
    fn split(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (count, bytes) = bytes.split_first_chunk::<4>()?;
        let count = u32::from_le_bytes(*count);
        let mut rest = bytes;
        for _ in 0..count {
            (_, rest) = Self::first(rest)?;
        }
        let bytes = &bytes[..bytes.len() - rest.len()];
        Some((Self { count, bytes }, rest))
    }

    /// The first tag, and what is behind it.
    fn first(bytes: &'a [u8]) -> Option<((&'a str, u64), &'a [u8])> {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (name, rest) = rest.split_at_checked(length)?;
        let (version, rest) = rest.split_first_chunk::<8>()?;
        let name = str::from_utf8(name).ok()?;
        Some(((name, u64::from_le_bytes(*version)), rest))
    }

    pub(crate) fn is_empty(self) -> bool {
        self.count == 0
    }
}

impl<'a> IntoIterator for Listed<'a> {
    type Item = (&'a str, u64);
    type IntoIter = Tags<'a>;

    fn into_iter(self) -> Tags<'a> {
        Tags(self.bytes)
    }
}

/// The names and versions of an entry's tags.
#[derive(Clone, Debug)]
pub(crate) struct Tags<'a>(&'a [u8]);

impl<'a> Iterator for Tags<'a> {
    type Item = (&'a str, u64);

    fn next(&mut self) -> Option<Self::Item> {
        let (tag, rest) = Listed::first(self.0)?;
        self.0 = rest;
        Some(tag)
    }
}

/// Whether a frame seems to name tags: whether that holds is known when it is [opened](Seal::open).
pub(crate) fn names_tags(frame: &[u8]) -> bool {
    frame.get(6).is_some_and(|flags| flags & TAGGED != 0)
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

    /// Frames what `encode` writes, with its tags and their versions.
    pub(crate) fn close(
        &self,
        Span { now, age, ttl }: Span,
        tags: &[(Arc<str>, u64)],
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), BoxError>,
    ) -> Result<Bytes, BoxError> {
        let mut frame = Vec::with_capacity(HEADER + CHECKSUM + 64);
        frame.extend(MAGIC);
        let flags = if tags.is_empty() { 0 } else { TAGGED };
        frame.extend([VERSION, self.codec, flags, 0]);
        frame.extend(self.fingerprint.to_le_bytes());
        frame.extend(self.digest.to_le_bytes());
        frame.extend(millis(now.saturating_sub(age)).to_le_bytes());
        let expires = ttl.map_or(NEVER, |ttl| millis(now.saturating_add(ttl)));
        frame.extend(expires.to_le_bytes());
        frame.extend([0; 8]);
        if !tags.is_empty() {
            frame.extend(u32::try_from(tags.len())?.to_le_bytes());
        }
        for (name, version) in tags {
            frame.extend(u32::try_from(name.len())?.to_le_bytes());
            frame.extend(name.as_bytes());
            frame.extend(version.to_le_bytes());
        }
        encode(&mut frame)?;
        let length = (frame.len() - HEADER) as u64;
        frame[40..HEADER].copy_from_slice(&length.to_le_bytes());
        let checksum = xxh3_64(&frame);
        frame.extend(checksum.to_le_bytes());
        Ok(frame.into())
    }

    /// Checks a frame and returns what is in it, unless its time has been over for `stale`.
    pub(crate) fn open<'a>(
        &self,
        frame: &'a [u8],
        now: Duration,
        stale: Duration,
    ) -> Result<Opened<'a>, Miss> {
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
        if word(16) != self.digest || header[6] & !TAGGED != 0 || header[7] != 0 {
            return Err(Miss::Foreign);
        }
        if header[5] != self.codec {
            return Err(Miss::Codec);
        }
        if word(8) != self.fingerprint {
            return Err(Miss::Schema);
        }
        let now = millis(now);
        let (left, is_stale) = match word(32) {
            NEVER => (None, false),
            expires if now < expires => (Some(expires - now), false),
            expires => {
                let left = expires.saturating_add(millis(stale)).saturating_sub(now);
                (Some(left), true)
            }
        };
        let left = left.map(Duration::from_millis);
        if left == Some(Duration::ZERO) {
            return Err(Miss::Expired);
        }
        let created = word(24);
        let age = Duration::from_millis(now.saturating_sub(created));
        let (tags, value) = if names_tags(header) {
            Listed::split(value).ok_or(Miss::Corrupt)?
        } else {
            (Listed::default(), value)
        };
        Ok(Opened {
            value,
            left,
            is_stale,
            created,
            age,
            tags,
        })
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
    const FRESH: Duration = Duration::ZERO;

    fn frame(ttl: Option<Duration>) -> Bytes {
        tagged(ttl, &[])
    }

    fn tagged(ttl: Option<Duration>, tags: &[(Arc<str>, u64)]) -> Bytes {
        let encode = |out: &mut Vec<u8>| {
            out.extend(b"the value");
            Ok(())
        };
        let span = Span {
            now: NOW,
            age: AGE,
            ttl,
        };
        SEAL.close(span, tags, encode).expect("encode succeeds")
    }

    /// Tags as they are written, of which one has no name.
    fn tags() -> [(Arc<str>, u64); 3] {
        [
            ("tenant:7".into(), 1),
            ("".into(), u64::MAX),
            ("é".into(), 0),
        ]
    }

    #[test]
    fn opens_what_it_closed() {
        let opened = |left, age| {
            let value = &b"the value"[..];
            let tags = Listed::default();
            Ok(Opened {
                value,
                left,
                is_stale: false,
                created: millis(NOW.saturating_sub(AGE)),
                age,
                tags,
            })
        };
        assert_eq!(SEAL.open(&frame(None), NOW, FRESH), opened(None, AGE));
        let passed = Duration::from_secs(20);
        let left = Some(Duration::from_secs(40));
        assert_eq!(
            SEAL.open(&frame(Some(TTL)), NOW + passed, FRESH),
            opened(left, AGE + passed)
        );
        // By a clock that is behind the one it was written by.
        let before = Duration::from_secs(991);
        assert_eq!(
            SEAL.open(&frame(None), before, FRESH),
            opened(None, Duration::ZERO)
        );
    }

    #[test]
    fn opens_an_old_one_for_who_takes_it() {
        let (frame, second) = (frame(Some(TTL)), Duration::from_secs(1));
        let open = |after, stale| SEAL.open(&frame, NOW + TTL + after, stale);
        let old = open(second, 5 * second).expect("it is old for 1 of 5 s");
        assert_eq!((old.is_stale, old.left), (true, Some(4 * second)));
        assert_eq!(old.age, AGE + TTL + second);
        assert_eq!(open(5 * second, 5 * second), Err(Miss::Expired));
        assert_eq!(open(second, FRESH), Err(Miss::Expired));
        let fresh = SEAL.open(&frame, NOW, 5 * second).expect("it is fresh");
        assert_eq!((fresh.is_stale, fresh.left), (false, Some(TTL)));
    }

    #[test]
    fn says_why_it_does_not_open() {
        let frame = frame(Some(TTL));
        assert_eq!(SEAL.open(&frame, NOW + TTL, FRESH), Err(Miss::Expired));
        let seal = |codec, fingerprint, digest| Seal {
            codec,
            fingerprint,
            digest,
        };
        assert_eq!(seal(9, 2, 3).open(&frame, NOW, FRESH), Err(Miss::Codec));
        assert_eq!(seal(1, 9, 3).open(&frame, NOW, FRESH), Err(Miss::Schema));
        assert_eq!(seal(1, 2, 9).open(&frame, NOW, FRESH), Err(Miss::Foreign));
        assert_eq!(SEAL.open(b"", NOW, FRESH), Err(Miss::Corrupt));
    }

    #[test]
    fn does_not_open_what_a_later_version_flagged() {
        let mut frame = frame(None).to_vec();
        frame[6] = 2;
        let end = frame.len() - CHECKSUM;
        let checksum = xxh3_64(&frame[..end]).to_le_bytes();
        frame[end..].copy_from_slice(&checksum);
        assert_eq!(SEAL.open(&frame, NOW, FRESH), Err(Miss::Foreign));
    }

    #[test]
    fn tags_are_read_as_they_were_written() {
        let tags = tags();
        let frame = tagged(None, &tags);
        assert!(names_tags(&frame) && !names_tags(&tagged(None, &[])));
        let opened = SEAL.open(&frame, NOW, FRESH).expect("it is whole");
        assert_eq!(opened.value, b"the value");
        let listed: Vec<_> = opened.tags.into_iter().collect();
        assert!(
            listed
                .iter()
                .copied()
                .eq(tags.iter().map(|(name, version)| (&**name, *version)))
        );
    }

    #[test]
    fn more_tags_than_there_are_bytes_are_a_miss() {
        let mut frame = tagged(None, &tags()).to_vec();
        frame[HEADER..HEADER + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        let end = frame.len() - CHECKSUM;
        let checksum = xxh3_64(&frame[..end]).to_le_bytes();
        frame[end..].copy_from_slice(&checksum);
        assert_eq!(SEAL.open(&frame, NOW, FRESH), Err(Miss::Corrupt));
    }

    #[test]
    fn every_cut_and_every_flipped_bit_is_a_miss() {
        let frame = tagged(Some(TTL), &tags());
        for end in 0..frame.len() {
            assert!(
                SEAL.open(&frame[..end], NOW, FRESH).is_err(),
                "cut at {end}"
            );
        }
        for bit in 0..frame.len() * 8 {
            let mut damaged = frame.to_vec();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(SEAL.open(&damaged, NOW, FRESH).is_err(), "bit {bit}");
        }
        let longer = [&frame[..], b"x"].concat();
        assert!(SEAL.open(&longer, NOW, FRESH).is_err());
    }
}
