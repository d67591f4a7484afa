//! The text of keys, of which those of a batch share an allocation.
//!
//! They are made on one thread and dropped on another, which costs the allocator more than the text.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The key of an entry in a remote storage. Cloning it is cheap. Keys that were read in one batch may share what they
/// take.
#[derive(Clone)]
pub struct Key {
    text: Arc<str>,
    start: usize,
    end: usize,
}

impl Key {
    /// The key with this text.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        let text = text.into();
        let (start, end) = (0, text.len());
        Self { text, start, end }
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.text[self.start..self.end]
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Key").field(&self.as_str()).finish()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

/// Keys that are written one after the other.
pub(crate) struct KeyBatch {
    text: String,
    ends: Vec<usize>,
}

impl KeyBatch {
    /// What most keys take at most.
    const LENGTH: usize = 32;

    /// For so many keys.
    pub(crate) fn of(keys: usize) -> Self {
        Self {
            text: String::with_capacity(keys.saturating_mul(Self::LENGTH)),
            ends: Vec::with_capacity(keys),
        }
    }

    pub(super) fn push(&mut self, key: &str) {
        self.text.push_str(key);
        self.ends.push(self.text.len());
    }

    /// The keys, in their order.
    pub(crate) fn into_keys(self) -> Vec<Key> {
        let text: Arc<str> = self.text.into();
        let mut start = 0;
        let key = |end| {
            let text = Arc::clone(&text);
            let key = Key { text, start, end };
            start = end;
            key
        };
        self.ends.into_iter().map(key).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_a_batch_are_as_any_other() {
        let mut batch = KeyBatch::of(1);
        let texts = ["page:1", "", "page:\u{e9}", "page:1"];
        for text in texts {
            batch.push(text);
        }
        let keys = batch.into_keys();
        let alone = texts.map(Key::new);
        assert_eq!(keys, alone);
        assert!(keys[1] < keys[0] && keys[0] < keys[2]);
        assert_eq!(keys[2].to_string(), texts[2]);
        assert_eq!(format!("{:?}", keys[0]), "Key(\"page:1\")");
        let both: std::collections::HashSet<_> = keys.into_iter().chain(alone).collect();
        assert_eq!(both.len(), 3);
    }
}
