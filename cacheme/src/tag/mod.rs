//! Names that entries are invalidated by together.
//!
//! In process, a tag is a counter that whoever has something of it shares: [`Tags`] counts the invalidations,
//! a tag has the number of its last one, and an entry has a [`Stamp`]: its tags, and how many invalidations
//! there had been when its load or read began. It is current as long as no tag of it has a later number, so that
//! an invalidation costs the same for any number of entries, and what began before it is never current.
//!
//! In a remote storage, a tag is a [mark]: an entry of its own with a random version, which those of the tag
//! name.

mod heard;
pub(crate) mod mark;
mod writer;

pub use self::writer::TagWriter;

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Weak};

use self::heard::{Heard, HeardOf};
use self::mark::Made;
use crate::sync::{AtomicU64, Mutex, OnceLock, Ordering, lock};

/// A tag that an entry or a flight has.
#[derive(Debug)]
pub(crate) struct Tag {
    name: Arc<str>,
    /// The number of its last invalidation.
    last: AtomicU64,
    /// The marks that were made of it here lately, locked while one is made.
    pub(crate) made: tokio::sync::Mutex<Vec<Made>>,
}

impl Tag {
    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }
}

/// The tags of an entry, and the number of invalidations when what it holds was begun to be loaded or read.
#[derive(Debug)]
pub(crate) struct Stamp {
    since: u64,
    tags: Vec<Arc<Tag>>,
    /// Where the runtime has a bus, what is heard of the entry's key.
    heard: Option<HeardOf>,
}

impl Stamp {
    /// Whether none of the tags has been invalidated since.
    pub(crate) fn is_current(&self) -> bool {
        let is_older = |tag: &Arc<Tag>| tag.last.load(Ordering::Acquire) <= self.since;
        let heard = self.heard.as_ref();
        self.tags.iter().all(is_older) && heard.is_none_or(|heard| heard.last() <= self.since)
    }

    /// Whether an entry in process is what a flight would find: it is current, and nobody else has changed its key in
    /// a remote storage since. A flight keeps what it has then, since who changed it may have kept the same.
    pub(crate) fn is_unchanged(&self) -> bool {
        let heard = self.heard.as_ref();
        self.is_current() && heard.is_none_or(|heard| heard.last_change() <= self.since)
    }

    /// Whether it has ended, and may have before so many invalidations: of each tag only the last one is known.
    pub(crate) fn ended_before(&self, count: u64) -> bool {
        self.since < count && !self.is_current()
    }

    pub(crate) fn tags(&self) -> &[Arc<Tag>] {
        &self.tags
    }
}

/// What an entry is of.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Identity {
    /// The id of its prefix, within which tags are.
    pub(crate) prefix: u64,
    /// The digest of its node.
    pub(crate) node: u64,
    /// By what other processes are told of its key.
    pub(crate) key: u64,
}

/// The tags of a runtime that anything has.
#[derive(Debug, Default)]
pub(crate) struct Tags {
    /// How many invalidations there have been.
    count: AtomicU64,
    /// Moments, to know what came first.
    moments: AtomicU64,
    table: Mutex<Table>,
    /// What comes over the bus, if there is one.
    heard: OnceLock<Arc<Heard>>,
    /// How often that was about more than keys and tags.
    news: AtomicU64,
}

#[derive(Debug, Default)]
struct Table {
    /// By the scope of their prefix and their name.
    known: HashMap<(u64, Arc<str>), Weak<Tag>>,
    /// How many there are when those that nobody has any more are taken out.
    most: usize,
    random: RandomState,
    /// The last invalidation of any tag whose hash has these bits: for tags that nobody had at that time, and
    /// that a load under way may still give. Empty until there is one.
    past: Vec<u64>,
}

/// How many parts [`Table::past`] has.
const PARTS: usize = 1024;

impl Tags {
    /// How many invalidations there have been.
    pub(crate) fn now(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    /// A number that is later than all before.
    pub(crate) fn next_moment(&self) -> u64 {
        self.moments.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The stamp of an entry that has the tags of these names, and began when there had been `since` invalidations;
    /// `None` if nothing ends it.
    pub(crate) fn stamp<'n>(
        &self,
        of: Identity,
        since: u64,
        names: impl IntoIterator<Item = &'n str>,
    ) -> Option<Arc<Stamp>> {
        let scope = of.prefix;
        let heard = self.heard.get().map(|heard| heard.of(of.key, of.node));
        let mut names = names.into_iter().peekable();
        let mut tags: Vec<Arc<Tag>> = Vec::new();
        if names.peek().is_none() {
            let of_key = |heard| Stamp {
                since,
                tags,
                heard: Some(heard),
            };
            return heard.map(of_key).map(Arc::new);
        }
        let mut table = lock(&self.table);
        for name in names {
            if !tags.iter().any(|tag| *tag.name == *name) {
                tags.push(table.find(scope, name));
            }
        }
        Some(Arc::new(Stamp { since, tags, heard }))
    }

    /// Ends all that has the tag, and all that is under way and will have it.
    pub(crate) fn invalidate(&self, scope: u64, name: &str) {
        let mut table = lock(&self.table);
        let number = self.count.load(Ordering::Relaxed) + 1;
        let part = table.part(scope, name);
        table.past.resize(PARTS, 0);
        table.past[part] = number;
        // After that, for a tag that is new.
        table
            .find(scope, name)
            .last
            .store(number, Ordering::Release);
        // The last of all: what begins now, and is as new, has this number.
        self.count.store(number, Ordering::Release);
    }

    /// From now on entries are ended by what is heard.
    pub(crate) fn hear(&self) {
        self.heard.get_or_init(Arc::default);
    }

    /// Whether they are, so that they need the digests of their keys.
    pub(crate) fn is_hearing(&self) -> bool {
        self.heard.get().is_some()
    }

    /// Ends what has these keys, as [`invalidate`](Self::invalidate) does.
    pub(crate) fn end_keys(&self, digests: &[u64]) {
        self.end(|heard, number| {
            for digest in digests {
                heard.end(*digest, number);
            }
        });
    }

    /// Ends what is kept in process of these keys, which others changed in a remote storage.
    pub(crate) fn change_keys(&self, digests: &[u64]) {
        self.end(|heard, number| {
            for digest in digests {
                heard.change(*digest, number);
            }
        });
    }

    /// Ends what has the node of this digest.
    pub(crate) fn end_node(&self, digest: u64) {
        self.news.fetch_add(1, Ordering::Relaxed);
        self.end_keys(&[digest]);
    }

    /// Ends all entries that are ended by what is heard.
    pub(crate) fn end_all(&self) {
        self.news.fetch_add(1, Ordering::Relaxed);
        self.end(Heard::end_all);
    }

    /// How often something was heard that remote storages say more of.
    pub(crate) fn news(&self) -> u64 {
        self.news.load(Ordering::Relaxed)
    }

    fn end(&self, end: impl FnOnce(&Heard, u64)) {
        let Some(heard) = self.heard.get() else {
            return;
        };
        // The lock of the count.
        let _table = lock(&self.table);
        let number = self.count.load(Ordering::Relaxed) + 1;
        end(heard, number);
        self.count.store(number, Ordering::Release);
    }
}

impl Table {
    fn find(&mut self, scope: u64, name: &str) -> Arc<Tag> {
        let name: Arc<str> = name.into();
        let key = (scope, Arc::clone(&name));
        if let Some(tag) = self.known.get(&key).and_then(Weak::upgrade) {
            return tag;
        }
        if self.known.len() >= self.most {
            self.known.retain(|_, tag| tag.strong_count() > 0);
            self.most = (2 * self.known.len()).max(64);
        }
        let part = self.part(scope, &name);
        let past = self.past.get(part).copied().unwrap_or(0);
        let last = AtomicU64::new(past);
        let made = tokio::sync::Mutex::default();
        let tag = Arc::new(Tag { name, last, made });
        self.known.insert(key, Arc::downgrade(&tag));
        tag
    }

    fn part(&self, scope: u64, name: &str) -> usize {
        let hash = self.random.hash_one((scope, name));
        usize::try_from(hash % PARTS as u64).unwrap_or(0)
    }
}

#[cfg(all(test, shuttle))]
mod models;

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(tags: &Tags, names: &[&str]) -> Arc<Stamp> {
        since(tags, tags.now(), names)
    }

    fn since(tags: &Tags, since: u64, names: &[&str]) -> Arc<Stamp> {
        let stamp = tags.stamp(Identity::default(), since, names.iter().copied());
        stamp.expect("it has tags")
    }

    #[test]
    fn an_invalidation_ends_what_began_before_it_and_has_the_tag() {
        let tags = Tags::default();
        let before = stamp(&tags, &["one", "two"]);
        let other = stamp(&tags, &["two"]);
        tags.invalidate(0, "one");
        let after = stamp(&tags, &["one", "two"]);
        assert!(!before.is_current() && other.is_current() && after.is_current());
        // Of another prefix.
        tags.invalidate(1, "two");
        assert!(other.is_current() && after.is_current());
        tags.invalidate(0, "two");
        assert!(!other.is_current() && !after.is_current());
    }

    #[test]
    fn a_tag_that_nobody_had_is_invalidated_for_what_was_under_way() {
        let tags = Tags::default();
        let begun = tags.now();
        tags.invalidate(0, "late");
        // The load says now that it has the tag.
        let late = since(&tags, begun, &["late"]);
        assert!(!late.is_current());
        assert!(stamp(&tags, &["late"]).is_current());
    }

    #[test]
    fn what_is_heard_ends_what_has_the_key() {
        let tags = Tags::default();
        tags.end_all();
        tags.hear();
        let of = |key| {
            let of = Identity {
                key,
                node: key + 10,
                prefix: 0,
            };
            tags.stamp(of, tags.now(), []).expect("it is ended by it")
        };
        let (one, two) = (of(1), of(2));
        tags.end_keys(&[1, 3]);
        assert!(!one.is_current() && two.is_current() && of(1).is_current());
        tags.change_keys(&[2]);
        assert!(two.is_current() && !two.is_unchanged() && of(2).is_unchanged());
        let one = of(1);
        tags.end_node(11);
        assert!(!one.is_current() && two.is_current() && of(1).is_current());
        tags.end_all();
        assert!(!two.is_current() && of(2).is_current());
    }

    #[test]
    fn what_has_no_tags_has_no_stamp() {
        let tags = Tags::default();
        assert!(tags.stamp(Identity::default(), 0, []).is_none());
        let twice = stamp(&tags, &["one", "one"]);
        assert_eq!(twice.tags().len(), 1);
    }

    #[test]
    fn tags_that_nobody_has_any_more_take_no_room() {
        let tags = Tags::default();
        let kept = stamp(&tags, &["kept"]);
        for number in 0..10_000 {
            let name = number.to_string();
            drop(stamp(&tags, &[&name]));
            tags.invalidate(0, &name);
        }
        assert!(kept.is_current());
        assert!(lock(&tags.table).known.len() <= 64);
        tags.invalidate(0, "kept");
        assert!(!kept.is_current());
    }
}
