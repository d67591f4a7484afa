//! Batches as a server takes them: each key once, in chunks that it can take, keys no longer than
//! it allows.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt::Write;

use bytes::Bytes;
use foldhash::fast::RandomState;
use sha2::{Digest, Sha256};

use crate::key::Key;
use crate::storage::Entry;

/// The most that goes to a server at once.
#[derive(Clone, Copy, Debug)]
pub(in crate::storage) struct Limit {
    pub(in crate::storage) entries: usize,
    /// Of keys and values together. An entry that alone has more goes by itself.
    pub(in crate::storage) bytes: usize,
}

impl Limit {
    /// Cuts a batch, in its order, into chunks within the limit.
    pub(in crate::storage) fn chunks<T>(
        self,
        items: &[T],
        size: impl Fn(&T) -> usize,
    ) -> impl Iterator<Item = &[T]> {
        let mut rest = items;
        std::iter::from_fn(move || {
            let mut bytes = 0;
            let fits = |item: &&T| {
                bytes += size(item);
                bytes <= self.bytes
            };
            let count = rest.iter().take(self.entries).take_while(fits).count();
            let (chunk, others) = rest.split_at(count.max(1).min(rest.len()));
            rest = others;
            (!chunk.is_empty()).then_some(chunk)
        })
    }
}

/// The bytes of an entry's key and value.
pub(in crate::storage) fn size(entry: &Entry) -> usize {
    entry.key().as_str().len() + entry.value().len()
}

/// The entries to write: of two with the same key the last one.
pub(in crate::storage) fn last_of_each(entries: &[Entry]) -> Vec<&Entry> {
    let mut last = HashMap::with_capacity_and_hasher(entries.len(), RandomState::default());
    for (place, entry) in entries.iter().enumerate() {
        last.insert(entry.key(), place);
    }
    let entries = entries.iter().enumerate();
    entries
        .filter(|(place, entry)| last.get(entry.key()) == Some(place))
        .map(|(_, entry)| entry)
        .collect()
}

/// The keys to ask for or to remove, each once.
pub(in crate::storage) fn each_once(keys: &[Key]) -> Vec<&Key> {
    let mut seen = HashSet::with_capacity_and_hasher(keys.len(), RandomState::default());
    keys.iter().filter(|key| seen.insert(*key)).collect()
}

/// What a database found, by key.
pub(in crate::storage) type ByKey<K, V> = HashMap<K, V, RandomState>;

/// Room for what a database finds of so many keys.
pub(in crate::storage) fn by_key<K, V>(keys: usize) -> ByKey<K, V> {
    ByKey::with_capacity_and_hasher(keys, RandomState::default())
}

/// What was found, in the order it was asked for.
pub(in crate::storage) fn in_order(
    keys: &[Key],
    found: &ByKey<Vec<u8>, Bytes>,
) -> Vec<Option<Bytes>> {
    let find = |key: &Key| found.get(bounded(key).as_bytes()).cloned();
    keys.iter().map(find).collect()
}

/// What was found of keys that were asked for [once](each_once), for all keys.
pub(in crate::storage) fn for_all(
    keys: &[Key],
    once: Vec<&Key>,
    found: Vec<Option<Bytes>>,
) -> Vec<Option<Bytes>> {
    if once.len() == keys.len() {
        return found;
    }
    let mut by_key = by_key(once.len());
    by_key.extend(once.into_iter().zip(found));
    let value = |key: &Key| by_key.get(key).cloned().flatten();
    keys.iter().map(value).collect()
}

/// The longest key that goes to a database as it is, in bytes: their indexes have a limit.
pub(in crate::storage) const LONGEST_KEY: usize = 1024;

/// The key for a database: as it is, or its beginning and its SHA-256 where it is too long.
pub(in crate::storage) fn bounded(key: &Key) -> Cow<'_, str> {
    let text = key.as_str();
    if text.len() <= LONGEST_KEY {
        return Cow::Borrowed(text);
    }
    let mut bounded: String = text.chars().take(LONGEST_KEY / 8).collect();
    bounded.push('#');
    for byte in Sha256::digest(text) {
        // Writing to a string doesn't fail.
        let _ = write!(bounded, "{byte:02x}");
    }
    Cow::Owned(bounded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(texts: &[(&str, &'static str)]) -> Vec<Entry> {
        let entry = |&(key, value): &(&str, &'static str)| Entry::new(Key::new(key), value);
        texts.iter().map(entry).collect()
    }

    #[test]
    fn of_two_entries_with_a_key_the_last_one_is_written() {
        let entries = entries(&[("a", "1"), ("b", "2"), ("a", "3"), ("c", "4"), ("a", "5")]);
        let last = last_of_each(&entries).into_iter().map(Entry::value);
        assert!(last.eq(["2", "4", "5"]));
        let keys = ["a", "b", "a"].map(Key::new);
        assert_eq!(each_once(&keys), [&keys[0], &keys[1]]);
    }

    #[test]
    fn answers_come_in_the_order_of_the_keys() {
        let long = "k".repeat(2000);
        let keys = ["b", &long, "a", "b"].map(Key::new);
        let mut found = by_key(2);
        found.insert(b"b".to_vec(), Bytes::from("1"));
        found.insert(bounded(&keys[1]).as_bytes().to_vec(), Bytes::from("2"));
        let expected = [Some("1"), Some("2"), None, Some("1")];
        assert!(in_order(&keys, &found) == expected.map(|value| value.map(Bytes::from)));
    }

    #[test]
    fn a_key_that_was_asked_for_once_is_answered_wherever_it_stands() {
        let keys = ["b", "a", "b"].map(Key::new);
        let found = vec![Some(Bytes::from("1")), None];
        let answers = for_all(&keys, each_once(&keys), found.clone());
        assert!(answers == [Some("1"), None, Some("1")].map(|value| value.map(Bytes::from)));
        let keys = &keys[..2];
        assert_eq!(for_all(keys, each_once(keys), found.clone()), found);
    }

    #[test]
    fn chunks_stay_within_both_limits_and_lose_nothing() {
        let sizes = [3, 3, 3, 9, 1, 1, 1, 1, 20, 1];
        let (entries, bytes) = (3, 9);
        let chunks: Vec<_> = Limit { entries, bytes }
            .chunks(&sizes, |size| *size)
            .collect();
        let expected: [&[usize]; 6] = [&[3, 3, 3], &[9], &[1, 1, 1], &[1], &[20], &[1]];
        assert_eq!(chunks, expected);
        assert_eq!(
            Limit { entries, bytes }.chunks(&[], |size| *size).count(),
            0
        );
    }

    #[test]
    fn long_keys_are_cut_and_stay_apart() {
        let short = Key::new("k".repeat(LONGEST_KEY));
        assert_eq!(bounded(&short), short.as_str());
        let long = |last: &str| Key::new("é".repeat(LONGEST_KEY) + last);
        let (one, other) = (long("1"), long("2"));
        let (one, other) = (bounded(&one), bounded(&other));
        assert_ne!(one, other);
        assert!(one.len() < LONGEST_KEY && one.starts_with('é'));
    }
}
