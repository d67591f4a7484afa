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

use std::hash::Hasher;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use twox_hash::XxHash3_64;

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
    /// It was loaded no earlier than this, in ms since the Unix epoch, whatever the clock says.
    pub(crate) earliest: u64,
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

/// When a frame says that it expires, in ms since the Unix epoch, if it seems to be one.
pub(crate) fn expires(frame: &[u8]) -> Option<u64> {
    let is_ours = frame.starts_with(&MAGIC) && frame.get(4) == Some(&VERSION);
    let (expires, _) = frame.get(32..)?.split_first_chunk()?;
    is_ours.then(|| u64::from_le_bytes(*expires))
}

/// Whether a frame seems to name tags: whether that holds is known when it is [opened](Seal::open).
pub(crate) fn names_tags(frame: &[u8]) -> bool {
    frame.get(6).is_some_and(|flags| flags & TAGGED != 0)
}

impl Seal {
    /// What the digests of a node type's keys begin with.
    pub(crate) fn seed(meta: &Meta) -> u64 {
        let mut hash = XxHash3_64::new();
        for part in [meta.path(), meta.version()] {
            hash.write(part.as_bytes());
            // A byte that isn't in UTF-8, so that no two lists of parts are alike.
            hash.write(&[0xff]);
        }
        hash.finish()
    }

    /// The digest of a key, with the kinds of things that its fields are made of behind it.
    pub(crate) fn digest(seed: u64, key_and_kinds: &str) -> u64 {
        XxHash3_64::oneshot_with_seed(seed, key_and_kinds.as_bytes())
    }

    /// Frames what `encode` writes, with its tags and their versions.
    pub(crate) fn close(
        &self,
        Span {
            now,
            age,
            earliest,
            ttl,
        }: Span,
        tags: &[(Arc<str>, u64)],
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), BoxError>,
    ) -> Result<Bytes, BoxError> {
        let mut frame = Vec::with_capacity(HEADER + CHECKSUM + 64);
        frame.extend(MAGIC);
        let flags = if tags.is_empty() { 0 } else { TAGGED };
        frame.extend([VERSION, self.codec, flags, 0]);
        frame.extend(self.fingerprint.to_le_bytes());
        frame.extend(self.digest.to_le_bytes());
        let created = millis(now.saturating_sub(age)).max(earliest);
        frame.extend(created.to_le_bytes());
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
        let checksum = XxHash3_64::oneshot(&frame);
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
        if word(40) != value.len() as u64
            || XxHash3_64::oneshot(body) != u64::from_le_bytes(*checksum)
        {
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
mod tests;
