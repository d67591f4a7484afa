//! The tags of entries in a remote tier: read with them, and marked before what will have them is loaded.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::ValueType;
use super::run::{Leg, quietly};
use crate::chain::Remote;
use crate::codec::Cacheable;
use crate::envelope::{Listed, Opened, names_tags};
use crate::flight::Work;
use crate::key::Key;
use crate::prefix::Prefix;
use crate::runtime::Cacheme;
use crate::stats::Miss;
use crate::storage::Found;
use crate::tag::mark::{self, Made, Mark};
use crate::tag::{Stamp, Tag};

/// What is known of the marks in one remote tier, by the names of their tags.
#[derive(Debug, Default)]
pub(super) struct Marks(HashMap<Arc<str>, Known>);

/// What is known of a mark.
#[derive(Clone, Copy, Debug)]
enum Known {
    /// What was there, if anything, for a read of this number.
    Read(Option<Mark>, u64),
    /// It couldn't be read or written. What has the tag isn't written either.
    Unknown,
}

impl Known {
    fn mark(self) -> Option<Mark> {
        match self {
            Self::Read(mark, _) => mark,
            Self::Unknown => None,
        }
    }
}

/// What a request has in common for all tiers.
#[derive(Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) runtime: &'a Cacheme,
    pub(super) prefix: &'a Prefix,
    pub(super) value_type: ValueType,
    /// How many invalidations of tags there had been when it began.
    pub(super) since: u64,
}

/// A remote tier as a request uses it.
#[derive(Clone, Copy)]
pub(super) struct Tagged<'a> {
    remote: Remote<'a>,
    request: Request<'a>,
    /// How long after their time entries are read.
    stale: Duration,
}

impl<'a> Request<'a> {
    /// A tier, whose entries are read for `stale` after their time.
    pub(super) fn of(self, remote: Remote<'a>, stale: Duration) -> Tagged<'a> {
        Tagged {
            remote,
            request: self,
            stale,
        }
    }
}

impl Tagged<'_> {
    /// The time by which the tier's entries expire.
    pub(super) fn now(self) -> Duration {
        self.remote.now(&**self.request.runtime.clock())
    }

    /// Reads the entries of these, and the marks of their tags with them; in another round trip the marks of tags
    /// that only the entries name.
    pub(super) async fn read(self, marks: &mut Marks, legs: &[Leg]) -> Vec<Result<Bytes, Miss>> {
        let keys = legs.iter().filter_map(Leg::key);
        let keys = keys.cloned().collect();
        let own = legs.iter().flat_map(Leg::tags).map(|tag| tag.name());
        let frames = self.fetch(marks, keys, own).await;
        if frames.iter().flatten().any(|frame| names_tags(frame)) {
            let now = self.now();
            let frames = legs.iter().zip(&frames);
            let opened = frames.filter_map(|(leg, frame)| {
                let frame = frame.as_ref().ok().filter(|frame| names_tags(frame))?;
                let opened = self
                    .request
                    .value_type
                    .seal(leg.digest())
                    .open(frame, now, self.stale);
                Some(opened.ok()?.tags)
            });
            let named = opened.flatten().map(|(name, _)| Arc::from(name));
            let named: Vec<_> = named.collect();
            self.fetch(marks, Vec::new(), &named).await;
        }
        frames
    }

    /// Reads the entries of `keys`, and those marks of tags of these names that nothing is known of.
    async fn fetch<'n>(
        self,
        marks: &mut Marks,
        mut keys: Vec<Key>,
        names: impl IntoIterator<Item = &'n Arc<str>>,
    ) -> Vec<Result<Bytes, Miss>> {
        let entries = keys.len();
        let mut asked = Vec::new();
        for name in names {
            if !marks.0.contains_key(name) {
                marks.0.insert(Arc::clone(name), Known::Unknown);
                keys.push(mark::key(self.request.prefix.text(), name));
                asked.push(Arc::clone(name));
            }
        }
        if keys.is_empty() {
            return Vec::new();
        }
        let number = self.request.runtime.tags().next_mark();
        let mut found = self.remote.read(keys).await;
        for (name, bytes) in asked.into_iter().zip(found.drain(entries..)) {
            let known = match bytes {
                Ok(bytes) => Known::Read(Mark::read(&bytes), number),
                Err(Miss::Unavailable) => Known::Unknown,
                Err(_) => Known::Read(None, number),
            };
            marks.0.insert(name, known);
        }
        found
    }

    /// The value in an entry that was read, if it still has its tags.
    pub(super) fn open<V: Cacheable<C>, C>(
        self,
        marks: &Marks,
        leg: &Leg,
        frame: &[u8],
        now: Duration,
    ) -> Result<Found<V>, Miss> {
        let seal = self.request.value_type.seal(leg.digest());
        let Opened {
            value,
            left,
            is_stale,
            created,
            age,
            tags,
        } = seal.open(frame, now, self.stale)?;
        let stamp = self.stamp(marks, leg, tags)?;
        let value = quietly(|| V::decode(value)).map_err(|_| Miss::Corrupt)?;
        Ok(Found {
            value,
            left,
            age,
            stamp,
            is_stale,
            draw: leg.digest() ^ created,
        })
    }

    /// The stamp of an entry that names these tags.
    fn stamp(
        self,
        marks: &Marks,
        leg: &Leg,
        listed: Listed<'_>,
    ) -> Result<Option<Arc<Stamp>>, Miss> {
        let own = leg.tags();
        if listed.is_empty() && leg.stamp.is_none() {
            return Ok(None);
        }
        let is_valid = |(name, version): (&str, u64)| {
            let mark = marks.0.get(name).and_then(|known| known.mark());
            mark.is_some_and(|mark| mark.version == version)
        };
        // One that the node has come to have since isn't named yet.
        let is_named = |tag: &Arc<Tag>| listed.into_iter().any(|(name, _)| *name == **tag.name());
        if !listed.into_iter().all(is_valid) || !own.clone().all(is_named) {
            return Err(Miss::Invalidated);
        }
        let names = listed.into_iter().map(|(name, _)| name);
        let Request {
            runtime,
            prefix,
            since,
            ..
        } = self.request;
        let tags = runtime.tags();
        Ok(tags.stamp(prefix.scope, since, leg.digest(), names))
    }

    /// Sees to it that these tags have marks for as long as entries that are kept for `ttl`. Those that aren't
    /// there are made, which ends what others may have of the tag there.
    pub(super) async fn mark<'t>(
        self,
        marks: &mut Marks,
        tags: impl Iterator<Item = &'t Arc<Tag>> + Clone,
        ttl: Option<Duration>,
        work: &Work,
    ) {
        self.fetch(marks, Vec::new(), tags.clone().map(|tag| tag.name()))
            .await;
        let now = self.now();
        let lacks = |tag: &&Arc<Tag>| match marks.0.get(tag.name()) {
            Some(Known::Read(mark, _)) => !mark.is_some_and(|mark| mark.outlasts(now, ttl)),
            _ => false,
        };
        let mut lacking: Vec<_> = tags.filter(lacks).collect();
        // In an order, so that nobody waits for each other.
        lacking.sort_unstable_by_key(|tag| tag.name());
        lacking.dedup_by_key(|tag| tag.name());
        if !lacking.is_empty() {
            // Others may wait for it, so it mustn't depend on a caller.
            work.share();
            self.make(marks, &lacking, now, ttl).await;
        }
    }

    /// Makes marks of these tags, unless somebody here has since they were read: simultaneous loads have the same ones.
    async fn make(
        self,
        marks: &mut Marks,
        tags: &[&Arc<Tag>],
        now: Duration,
        ttl: Option<Duration>,
    ) {
        let (mut making, mut entries) = (Vec::new(), Vec::new());
        for tag in tags {
            let lately = tag.made.lock().await;
            let Some(Known::Read(mark, number)) = marks.0.get_mut(tag.name()) else {
                continue;
            };
            let mut made = lately
                .iter()
                .filter(|made| made.storage == *self.remote.name());
            if let Some(made) = made.find(|made| made.at > *number) {
                match made.mark {
                    Some(made) if made.outlasts(now, ttl) => {
                        *mark = Some(made);
                        continue;
                    }
                    Some(_) => {}
                    None => {
                        marks.0.insert(Arc::clone(tag.name()), Known::Unknown);
                        continue;
                    }
                }
            }
            let new = Mark::new(now, ttl);
            *mark = Some(new);
            let key = mark::key(self.request.prefix.text(), tag.name());
            entries.push(new.entry(key, now));
            making.push((tag, new, lately));
        }
        if entries.is_empty() {
            return;
        }
        let is_made = self.remote.mark(entries).await.is_ok();
        let at = self.request.runtime.tags().next_mark();
        for (tag, mark, mut lately) in making {
            if !is_made {
                marks.0.insert(Arc::clone(tag.name()), Known::Unknown);
            }
            let storage = self.remote.name();
            lately.retain(|made| made.storage != *storage);
            lately.push(Made {
                storage: Arc::clone(storage),
                mark: is_made.then_some(mark),
                at,
            });
        }
    }
}

impl Marks {
    /// The tags of a stamp of which nothing is known.
    pub(super) fn unknown<'s>(&self, stamp: &'s Stamp) -> impl Iterator<Item = &'s Arc<Tag>> {
        let tags = stamp.tags().iter();
        tags.filter(|tag| !self.0.contains_key(tag.name()))
    }

    /// The tags that an entry with this stamp names; `None` if one of them has no mark.
    pub(super) fn named(&self, stamp: &Stamp) -> Option<Vec<(Arc<str>, u64)>> {
        let tags = stamp.tags().iter().map(|tag| {
            let mark = self.0.get(tag.name())?.mark()?;
            Some((Arc::clone(tag.name()), mark.version))
        });
        tags.collect()
    }
}
