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
use crate::key::Key;
use crate::runtime::{Cacheme, Prefix};
use crate::stats::Miss;
use crate::storage::Found;
use crate::tag::Stamp;
use crate::tag::mark::{self, Mark};

/// What is known of the marks in one remote tier, by the names of their tags; `None` where one isn't there, or
/// couldn't be read or written.
#[derive(Debug, Default)]
pub(super) struct Marks(HashMap<Arc<str>, Option<Mark>>);

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
        let frames = self
            .fetch(marks, keys, legs.iter().flat_map(Leg::tags))
            .await;
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
                marks.0.insert(Arc::clone(name), None);
                keys.push(mark::key(self.request.prefix.text(), name));
                asked.push(Arc::clone(name));
            }
        }
        if keys.is_empty() {
            return Vec::new();
        }
        let mut found = self.remote.read(keys).await;
        for (name, bytes) in asked.into_iter().zip(found.drain(entries..)) {
            let mark = bytes.ok().and_then(|bytes| Mark::read(&bytes));
            marks.0.insert(name, mark);
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
            let mark = marks.0.get(name).copied().flatten();
            mark.is_some_and(|mark| mark.version == version)
        };
        // One that the node has come to have since isn't named yet.
        let is_named = |name: &Arc<str>| listed.into_iter().any(|(other, _)| *other == **name);
        if !listed.into_iter().all(is_valid) || !own.clone().all(is_named) {
            return Err(Miss::Invalidated);
        }
        let names = listed.into_iter().map(|(name, _)| name);
        Ok(self
            .request
            .runtime
            .tags()
            .stamp(self.request.prefix.scope, self.request.since, names))
    }

    /// Sees to it that these tags have marks for as long as entries that are kept for `ttl`. Those that aren't
    /// there are made, which ends what others may have of the tag there.
    pub(super) async fn mark<'n>(
        self,
        marks: &mut Marks,
        names: impl Iterator<Item = &'n Arc<str>> + Clone,
        ttl: Option<Duration>,
    ) {
        self.fetch(marks, Vec::new(), names.clone()).await;
        let now = self.now();
        let (mut made, mut entries) = (Vec::new(), Vec::new());
        for name in names {
            let known = marks.0.get_mut(name).filter(|mark| {
                let lasts = |mark: Mark| mark.outlasts(now, ttl);
                !mark.is_some_and(lasts)
            });
            if let Some(known) = known {
                let mark = Mark::new(now, ttl);
                *known = Some(mark);
                entries.push(mark.entry(mark::key(self.request.prefix.text(), name), now));
                made.push(name);
            }
        }
        if !entries.is_empty() && self.remote.mark(entries).await.is_err() {
            for name in made {
                marks.0.insert(Arc::clone(name), None);
            }
        }
    }
}

impl Marks {
    /// The tags of a stamp of which nothing is known.
    pub(super) fn unknown<'s>(&self, stamp: &'s Stamp) -> impl Iterator<Item = &'s Arc<str>> {
        let names = stamp.tags().iter().map(|tag| tag.name());
        names.filter(|name| !self.0.contains_key(*name))
    }

    /// The tags that an entry with this stamp names; `None` if one of them has no mark.
    pub(super) fn named(&self, stamp: &Stamp) -> Option<Vec<(Arc<str>, u64)>> {
        let tags = stamp.tags().iter().map(|tag| {
            let mark = self.0.get(tag.name()).copied().flatten()?;
            Some((Arc::clone(tag.name()), mark.version))
        });
        tags.collect()
    }
}
