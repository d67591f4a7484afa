//! When all entries of a node, or all there are, were ended in a remote storage: a mark of its own says so.
//!
//! An entry says when its value began to be loaded, by the storage's clock. What began until the time in the mark is
//! ended, whenever it is written. So ending a node costs one small write for any number of entries, and those that are
//! read pay nothing: the mark is read with them once a second, or whenever the bus tells of news, and remembered.
//!
//! Little-endian, 16 bytes: the magic `CCHE`, the version of the form, 1, three zeros, and the time in ms since the Unix
//! epoch. A mark stays for ever: there is one for each node, and one for everything.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;

use crate::clock::millis;
use crate::key::Key;
use crate::lock::lock;
use crate::meta::Meta;
use crate::storage::Entry;

const FORM: [u8; 8] = *b"CCHE\x01\0\0\0";

/// What stands in their keys.
const OURS: &str = "cacheme:ended:";

/// How long what a mark says is remembered.
const WHILE: Duration = Duration::from_secs(1);

/// How much two processes may differ about a server's time.
const SPREAD: Duration = Duration::from_millis(100);

/// What is known of the marks for a node in one remote tier.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    /// Until when what began is ended, in ms since the Unix epoch by the storage's clock.
    until: AtomicU64,
    /// When the marks are to be read again, in ms by the monotonic clock.
    next: AtomicU64,
    /// How much news there had been when they were read.
    news: AtomicU64,
    /// The id of the prefix that all of this is about, and the lock under which it changes.
    prefix: AtomicU64,
    turn: Mutex<()>,
}

impl Ended {
    /// Until when what began is ended.
    pub(crate) fn until(&self) -> u64 {
        self.until.load(Ordering::Acquire)
    }

    /// Takes what a mark says.
    pub(crate) fn learn(&self, until: u64) {
        self.until.fetch_max(until, Ordering::AcqRel);
    }

    /// Whether the marks are to be read, at a time by the monotonic clock.
    pub(crate) fn is_due(&self, now: Duration, news: u64, prefix: u64) -> bool {
        // Looked at first: this is asked for each read.
        if self.prefix.load(Ordering::Acquire) != prefix {
            let _turn = lock(&self.turn);
            if self.prefix.load(Ordering::Acquire) != prefix {
                // Those of another one. Nobody learns anything of this one before.
                self.until.store(0, Ordering::Release);
                self.next.store(0, Ordering::Release);
                self.prefix.store(prefix, Ordering::Release);
            }
        }
        let is_news = self.news.load(Ordering::Acquire) != news;
        is_news || self.next.load(Ordering::Acquire) <= millis(now)
    }

    /// The marks were read, from that time on, with so much news.
    pub(crate) fn was_read(&self, now: Duration, news: u64) {
        let next = millis(now.saturating_add(WHILE));
        self.next.store(next, Ordering::Release);
        self.news.store(news, Ordering::Release);
    }
}

/// Until when what began is ended by who does it now, by the storage's clock, after the `last` time. What came after that
/// may say that it began right behind it.
pub(crate) fn until(now: Duration, last: u64) -> u64 {
    millis(now.saturating_add(SPREAD)).max(last.saturating_add(1))
}

/// The mark's entry.
pub(crate) fn entry(key: Key, until: u64) -> Entry {
    Entry::new(key, bytes(until))
}

/// What a mark is that says this.
pub(crate) fn bytes(until: u64) -> Bytes {
    [FORM, until.to_le_bytes()].concat().into()
}

/// What a mark says, if it is one.
pub(crate) fn read(bytes: &[u8]) -> Option<u64> {
    let (form, until) = bytes.split_first_chunk::<8>()?;
    let until: &[u8; 8] = until.try_into().ok()?;
    (*form == FORM).then(|| u64::from_le_bytes(*until))
}

/// The key of a node's mark under a prefix.
pub(crate) fn key_of(prefix: &str, meta: &Meta) -> Key {
    key(prefix, &format!("node:{}", meta.path()))
}

/// The key of the mark for everything under a prefix.
pub(crate) fn key_of_all(prefix: &str) -> Key {
    key(prefix, "all")
}

/// Whether a key is one of these.
#[cfg(feature = "testing")]
pub(crate) fn is_mark(key: &Key) -> bool {
    key.as_str().contains(OURS)
}

fn key(prefix: &str, of: &str) -> Key {
    let separator = if prefix.is_empty() { "" } else { ":" };
    Key::new(format!("{prefix}{separator}{OURS}{of}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_read_as_it_was_written() {
        let mark = entry(key_of_all("test"), 7);
        assert_eq!(mark.key().as_str(), "test:cacheme:ended:all");
        assert_eq!((read(mark.value()), mark.ttl()), (Some(7), None));
        let bytes = mark.value();
        let longer = [&bytes[..], b"x"].concat();
        for bytes in [&b""[..], &bytes[..15], &longer, &[0; 16]] {
            assert_eq!(read(bytes), None);
        }
    }

    #[test]
    fn is_read_once_a_second_and_when_there_is_news() {
        let (ended, at) = (Ended::default(), Duration::from_millis);
        // As long as nobody has read them, all do.
        assert!(ended.is_due(at(0), 0, 0) && ended.is_due(at(0), 0, 0));
        ended.was_read(at(0), 0);
        assert!(!ended.is_due(at(999), 0, 0) && ended.is_due(at(1000), 0, 0));
        assert!(ended.is_due(at(500), 1, 0));
        ended.was_read(at(500), 1);
        assert!(!ended.is_due(at(501), 1, 0));
    }

    #[test]
    fn another_prefix_has_marks_of_its_own() {
        let ended = Ended::default();
        ended.learn(5);
        ended.was_read(Duration::ZERO, 0);
        assert!(ended.is_due(Duration::ZERO, 0, 7));
        assert_eq!(ended.until(), 0);
    }

    #[test]
    fn the_latest_time_counts() {
        let ended = Ended::default();
        for until in [3, 5, 4] {
            ended.learn(until);
        }
        assert_eq!(ended.until(), 5);
    }
}
