//! What a tag is in a remote storage: an entry of its own, with a random version.
//!
//! An entry names its tags with the versions that they had before its value was loaded. It is read only where
//! the marks still have these, so that to remove a mark invalidates all entries of the tag, those included that
//! are written later by who loaded before. A mark that is lost, as by eviction, has the same effect. The next
//! load of something with the tag writes a mark anew, before it begins.
//!
//! Little-endian, 24 bytes: the magic `CCHT`, the version of the form, 1, three zeros, the random version, and when
//! the mark expires, in ms since the Unix epoch, all ones for never.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::clock::{NEVER, millis};
use crate::key::Key;
use crate::storage::Entry;

const FORM: [u8; 8] = *b"CCHT\x01\0\0\0";

/// A mark as it was read or is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) version: u64,
    expires: u64,
}

/// A mark that was made here.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    /// The storage's name.
    pub(crate) storage: Arc<str>,
    /// `None` if that failed.
    pub(crate) mark: Option<Mark>,
    /// When it was there: later than the reads of lower numbers began.
    pub(crate) at: u64,
}

impl Mark {
    /// How much longer than an entry a mark is kept, so that few entries see the end of theirs.
    const TIMES: u32 = 10;

    /// The shortest time that a mark is kept.
    const LEAST: Duration = Duration::from_secs(24 * 60 * 60);

    /// A new one, at a time, for entries that are kept so long.
    pub(crate) fn new(now: Duration, ttl: Option<Duration>) -> Self {
        let ttl = ttl.map(|ttl| ttl.saturating_mul(Self::TIMES).max(Self::LEAST));
        Self {
            // Each of these is different.
            version: RandomState::new().build_hasher().finish(),
            expires: ttl.map_or(NEVER, |ttl| millis(now.saturating_add(ttl))),
        }
    }

    /// What is in an entry, if it is a mark.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let (form, numbers) = bytes.split_first_chunk::<8>()?;
        let (version, expires) = numbers.split_first_chunk::<8>()?;
        let expires: &[u8; 8] = expires.try_into().ok()?;
        (*form == FORM).then_some(Self {
            version: u64::from_le_bytes(*version),
            expires: u64::from_le_bytes(*expires),
        })
    }

    /// The entry of the mark.
    pub(crate) fn entry(self, key: Key, now: Duration) -> Entry {
        let numbers = [self.version, self.expires].map(u64::to_le_bytes);
        let bytes: Bytes = [FORM, numbers[0], numbers[1]].concat().into();
        let entry = Entry::new(key, bytes);
        if self.expires == NEVER {
            return entry;
        }
        entry.with_ttl(Duration::from_millis(
            self.expires.saturating_sub(millis(now)),
        ))
    }

    /// Whether it is there for as long as an entry that is written now and kept so long.
    pub(crate) fn outlasts(self, now: Duration, ttl: Option<Duration>) -> bool {
        let end = ttl.map_or(NEVER, |ttl| millis(now.saturating_add(ttl)));
        self.expires >= end
    }
}

/// The key of a tag's mark under a prefix.
pub(crate) fn key(prefix: &str, tag: &str) -> Key {
    let separator = if prefix.is_empty() { "" } else { ":" };
    Key::new(format!("{prefix}{separator}cacheme:tag:{tag}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1000);

    #[test]
    fn is_read_as_it_was_written() {
        for ttl in [None, Some(Duration::from_secs(30))] {
            let mark = Mark::new(NOW, ttl);
            let entry = mark.entry(key("", "one"), NOW);
            assert_eq!(Mark::read(entry.value()), Some(mark));
            assert_eq!(entry.ttl(), ttl.map(|_| Mark::LEAST));
            assert_ne!(Mark::new(NOW, ttl).version, mark.version);
        }
    }

    #[test]
    fn what_is_no_mark_is_none() {
        let entry = Mark::new(NOW, None).entry(key("", "one"), NOW);
        let bytes = entry.value();
        let longer = [&bytes[..], b"x"].concat();
        for bytes in [&b""[..], &bytes[..bytes.len() - 1], &longer, &[0; 24]] {
            assert_eq!(Mark::read(bytes), None);
        }
    }

    #[test]
    fn outlasts_the_entries_that_it_was_made_for() {
        let hour = Duration::from_secs(60 * 60);
        let ten = Some(10 * hour);
        let mark = Mark::new(NOW, ten);
        assert!(mark.outlasts(NOW + 90 * hour, ten));
        assert!(!mark.outlasts(NOW + 91 * hour, ten));
        assert!(!mark.outlasts(NOW, None));
        assert!(Mark::new(NOW, None).outlasts(NOW, None));
    }

    #[test]
    fn the_key_begins_with_the_prefix() {
        assert_eq!(key("", "a:b").as_str(), "cacheme:tag:a:b");
        assert_eq!(key("test", "a").as_str(), "test:cacheme:tag:a");
    }
}
