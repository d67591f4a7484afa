//! What a lease is in a remote storage: an entry under the key of the value that its holder is loading.
//!
//! Whoever finds no value takes the lease by a compare-and-swap, and replaces it by the value with another one.
//! Whatever happens to the key meanwhile (a removal, a newer value, another lease) ends it, so that the value isn't
//! written then. An entry that may still be wanted, as an old value or while it is renewed, stays behind the lease.
//!
//! Little-endian, 32 bytes: the magic `CCHL`, the version of the form, 1, three zeros, a random token in 16, and when
//! the lease ends, in ms since the Unix epoch by the storage's clock. The entry behind it follows as it was.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use bytes::Bytes;

use crate::clock::{NEVER, millis};
use crate::envelope;
use crate::key::Key;
use crate::storage::Entry;

const FORM: [u8; 8] = *b"CCHL\x01\0\0\0";
const HEAD: usize = 32;

/// Whose lease it is.
type Token = [u8; 16];

/// What a remote storage has under a key: an entry, a lease, or a lease with an entry behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct There {
    bytes: Bytes,
    /// Whether it is to be removed, and isn't yet.
    is_ended: bool,
}

/// A lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    token: Token,
    ends: u64,
}

impl There {
    pub(crate) fn new(bytes: Bytes) -> Self {
        Self {
            bytes,
            is_ended: false,
        }
    }

    /// The same, to be removed as soon as the storage takes it.
    pub(crate) fn ended(self) -> Self {
        Self {
            is_ended: true,
            ..self
        }
    }

    /// Whether the entry isn't to be read.
    pub(crate) fn is_ended(&self) -> bool {
        self.is_ended
    }

    /// All of it.
    pub(crate) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The entry; empty where there is only a lease, and where it isn't to be read.
    pub(crate) fn frame(&self) -> &[u8] {
        if self.is_ended {
            return &[];
        }
        let is_lease = self.bytes.starts_with(&FORM);
        let from = if is_lease { HEAD } else { 0 };
        self.bytes.get(from..).unwrap_or_default()
    }

    /// Whether somebody has a lease at this time.
    pub(crate) fn is_leased(&self, now: Duration) -> bool {
        self.lease().is_some_and(|lease| !lease.is_over(now))
    }

    /// The lease, if there is one.
    pub(crate) fn lease(&self) -> Option<Lease> {
        let (form, rest) = self.bytes.split_first_chunk()?;
        let (token, rest) = rest.split_first_chunk()?;
        let (ends, _) = rest.split_first_chunk()?;
        (*form == FORM).then(|| Lease {
            token: *token,
            ends: u64::from_le_bytes(*ends),
        })
    }
}

impl Lease {
    /// A new one.
    pub(crate) fn new(now: Duration, length: Duration) -> Self {
        // Each of these is different.
        let random = || RandomState::new().build_hasher().finish().to_le_bytes();
        let mut token = Token::default();
        token[..8].copy_from_slice(&random());
        token[8..].copy_from_slice(&random());
        Self::of(token, now, length)
    }

    fn of(token: Token, now: Duration, length: Duration) -> Self {
        let ends = millis(now.saturating_add(length));
        Self { token, ends }
    }

    /// The same, for longer.
    pub(crate) fn extended(self, now: Duration, length: Duration) -> Self {
        Self::of(self.token, now, length)
    }

    /// Whether its holder gave no sign of life for as long as it said.
    pub(crate) fn is_over(self, now: Duration) -> bool {
        self.ends <= millis(now)
    }

    pub(crate) fn is_of(self, other: Self) -> bool {
        self.token == other.token
    }

    /// Its entry, before an `old` one that is kept for `stale` beyond its life. It is there for as long as either.
    pub(crate) fn entry(self, key: Key, old: &[u8], now: Duration, stale: Duration) -> Entry {
        let (now, ends) = (millis(now), self.ends.to_le_bytes());
        let bytes = [&FORM[..], &self.token, &ends, old].concat();
        let until = match envelope::expires(old) {
            Some(NEVER) => return Entry::new(key, bytes),
            Some(expires) => self.ends.max(expires.saturating_add(millis(stale))),
            None => self.ends,
        };
        let left = Duration::from_millis(until.saturating_sub(now));
        Entry::new(key, bytes).with_ttl(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1000);
    const LENGTH: Duration = Duration::from_secs(5);

    fn key() -> Key {
        Key::new("key")
    }

    #[test]
    fn is_found_as_it_was_written() {
        let lease = Lease::new(NOW, LENGTH);
        let entry = lease.entry(key(), b"", NOW, Duration::ZERO);
        assert_eq!(entry.ttl(), Some(LENGTH));
        let there = There::new(entry.value().clone());
        assert_eq!((there.lease(), there.frame()), (Some(lease), &b""[..]));
        let ended = lease.entry(key(), b"old", NOW, Duration::ZERO);
        let ended = There::new(ended.value().clone()).ended();
        assert_eq!((ended.lease(), ended.frame()), (Some(lease), &b""[..]));
        let later = lease.extended(NOW + LENGTH, LENGTH);
        assert!(later.is_of(lease) && later != lease);
        assert!(lease.is_over(NOW + LENGTH) && !later.is_over(NOW + LENGTH));
        assert!(!Lease::new(NOW, LENGTH).is_of(lease));
    }

    #[test]
    fn what_is_no_lease_is_an_entry() {
        let lease = Lease::new(NOW, LENGTH).entry(key(), b"", NOW, Duration::ZERO);
        for bytes in [&b""[..], b"CCHM and more", &lease.value()[..HEAD - 1]] {
            let there = There::new(Bytes::copy_from_slice(bytes));
            assert_eq!(there.lease(), None);
        }
    }

    #[test]
    fn an_entry_behind_it_stays_for_as_long_as_it_would_have() {
        let lease = Lease::new(NOW, LENGTH);
        let old = |expires: u64| {
            let mut frame = vec![0; 56];
            frame[..4].copy_from_slice(b"CCHM");
            frame[4] = 1;
            frame[32..40].copy_from_slice(&expires.to_le_bytes());
            frame
        };
        let minute = Duration::from_secs(60);
        let ttl = |expires| lease.entry(key(), &old(expires), NOW, minute).ttl();
        assert_eq!(ttl(millis(NOW)), Some(minute));
        assert_eq!(ttl(millis(NOW + minute)), Some(2 * minute));
        assert_eq!(ttl(0), Some(LENGTH));
        assert_eq!(ttl(NEVER), None);
        let entry = lease.entry(key(), &old(0), NOW, minute);
        assert_eq!(There::new(entry.value().clone()).frame(), old(0));
    }
}
