//! A remote tier as a request uses it: its entries read with what may have ended them, and opened.

use std::sync::Arc;
use std::time::Duration;

use super::ValueType;
use super::leg::Leg;
use super::marks::{Known, Marks};
use super::run::quietly;
use crate::cached::Asked;
use crate::chain::{Chain, Remote};
use crate::codec::Cacheable;
use crate::ended;
use crate::envelope::{Opened, names_tags};
use crate::key::{Digest, Key};
use crate::lease::There;
use crate::prefix::Prefix;
use crate::runtime::Cacheme;
use crate::stats::Miss;
use crate::storage::Found;
use crate::tag::Stamp;
use crate::tag::mark::{self, Mark};

/// What a request has in common for all tiers.
#[derive(Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) runtime: &'a Cacheme,
    pub(super) prefix: &'a Prefix,
    pub(super) chain: &'a Chain,
    pub(super) value_type: ValueType,
    /// How many invalidations of tags there had been when it began.
    pub(super) since: u64,
    /// The moment at which it came, where its node has leases and it waits for others' flights; otherwise 0.
    pub(super) moment: u64,
}

/// A remote tier as a request uses it.
#[derive(Clone, Copy)]
pub(super) struct Tagged<'a> {
    pub(super) remote: Remote<'a>,
    pub(super) request: Request<'a>,
    /// How long after their time entries are read.
    stale: Duration,
}

impl<'a> Request<'a> {
    /// When it came.
    pub(super) fn asked(self) -> Asked {
        Asked {
            invalidations: self.since,
            moment: self.moment,
        }
    }

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
    /// that only the entries name. Those that it is known to lack aren't read.
    pub(super) async fn read(self, marks: &mut Marks, legs: &[Leg]) -> Vec<Result<There, Miss>> {
        let asked = legs.iter().filter(|leg| leg.lacks.is_none());
        let keys = asked.filter_map(Leg::key).cloned().collect();
        let own = legs.iter().flat_map(Leg::tags).map(|tag| tag.name());
        let mut frames = self.fetch(marks, keys, own).await;
        if frames.len() < legs.len() {
            let mut read = frames.into_iter();
            let mut read = || read.next().unwrap_or(Err(Miss::Unavailable));
            let frame = |leg: &Leg| leg.lacks.map_or_else(&mut read, Err);
            frames = legs.iter().map(frame).collect();
        }
        self.read_named(marks, legs.iter().map(Leg::digest), &frames)
            .await;
        frames
    }

    /// The same of nodes that have no tags by themselves.
    pub(super) async fn read_plain(
        self,
        marks: &mut Marks,
        keys: Vec<Key>,
        digests: &[Digest],
    ) -> Vec<Result<There, Miss>> {
        let frames = self.fetch(marks, keys, []).await;
        self.read_named(marks, digests.iter().copied(), &frames)
            .await;
        frames
    }

    /// Reads the marks of tags that entries name.
    async fn read_named(
        self,
        marks: &mut Marks,
        digests: impl Iterator<Item = Digest>,
        frames: &[Result<There, Miss>],
    ) {
        let mut there = frames.iter().flatten();
        if !there.any(|there| names_tags(there.frame())) {
            return;
        }
        let now = self.now();
        let opened = digests.zip(frames).filter_map(|(digest, frame)| {
            let frame = frame.as_ref().ok()?.frame();
            if !names_tags(frame) {
                return None;
            }
            let seal = self.request.value_type.seal(digest.sealed);
            Some(seal.open(frame, now, self.stale).ok()?.tags)
        });
        let named = opened.flatten().map(|(name, _)| Arc::from(name));
        let named: Vec<_> = named.collect();
        self.fetch(marks, Vec::new(), &named).await;
    }

    /// Reads the entries of `keys`, and those marks of tags of these names that nothing is known of.
    pub(super) async fn fetch<'n>(
        self,
        marks: &mut Marks,
        mut keys: Vec<Key>,
        names: impl IntoIterator<Item = &'n Arc<str>>,
    ) -> Vec<Result<There, Miss>> {
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
        let tags = self.request.runtime.tags();
        let number = tags.next_moment();
        let runtime = self.request.runtime;
        let (at, news) = (runtime.clock().monotonic(), tags.news());
        let ends = self.asks_what_ended(entries);
        if ends {
            let (prefix, chain) = (self.request.prefix.text(), self.request.chain);
            keys.extend([
                ended::key_of(prefix, &chain.meta),
                ended::key_of_all(prefix),
            ]);
        }
        let mut found = self.remote.read(keys).await;
        if ends {
            self.learn(found.drain(entries + asked.len()..), at, news);
        }
        for (name, there) in asked.into_iter().zip(found.drain(entries..)) {
            let known = match there {
                Ok(there) => Known::Read(Mark::read(there.frame()), number),
                Err(Miss::Unavailable) => Known::Unknown,
                Err(_) => Known::Read(None, number),
            };
            marks.0.insert(name, known);
        }
        found
    }

    /// Whether a read of so many entries is to read with them what was ended.
    fn asks_what_ended(self, entries: usize) -> bool {
        let Request {
            runtime,
            chain,
            prefix,
            ..
        } = self.request;
        let (now, news) = (runtime.clock().monotonic(), runtime.tags().news());
        let is_due = entries > 0 && self.remote.ended().is_due(now, news, prefix.id);
        // Who has leases wants to know each time.
        is_due || (entries > 0 && chain.meta.lease().is_some())
    }

    /// Takes what was read of what was ended.
    fn learn(self, marks: impl Iterator<Item = Result<There, Miss>>, at: Duration, news: u64) {
        let (ended, mut is_known) = (self.remote.ended(), true);
        for mark in marks {
            match mark.as_ref().map(|there| ended::read(there.frame())) {
                Ok(Some(until)) => {
                    ended.learn(until);
                    self.remote.storage().knows(until);
                }
                Err(Miss::Unavailable) => is_known = false,
                Ok(None) | Err(_) => {}
            }
        }
        if is_known {
            ended.was_read(at, news);
        }
    }

    /// The value in an entry that was read, if it still has its tags.
    pub(super) fn open<V: Cacheable<C>, C>(
        self,
        marks: &Marks,
        leg: &Leg,
        there: &There,
        now: Duration,
    ) -> Result<Found<V>, Miss> {
        self.found(marks, leg.digest(), leg.stamp.as_ref(), there, now)
    }

    /// The same of a node that has no tags by itself, with the digest of its key.
    pub(super) fn open_plain<V: Cacheable<C>, C>(
        self,
        marks: &Marks,
        digest: Digest,
        there: &There,
        now: Duration,
    ) -> Result<Found<V>, Miss> {
        self.found(marks, digest, None, there, now)
    }

    fn found<V: Cacheable<C>, C>(
        self,
        marks: &Marks,
        digest: Digest,
        own: Option<&Arc<Stamp>>,
        there: &There,
        now: Duration,
    ) -> Result<Found<V>, Miss> {
        let seal = self.request.value_type.seal(digest.sealed);
        let frame = there.frame();
        if there.is_ended() {
            return Err(Miss::Invalidated);
        }
        if frame.is_empty() && there.lease().is_some() {
            return Err(Miss::Absent);
        }
        let Opened {
            value,
            left,
            is_stale,
            created,
            age,
            tags,
        } = seal.open(frame, now, self.stale)?;
        if created <= self.remote.ended_until() {
            return Err(Miss::Invalidated);
        }
        let stamp = self.stamp(marks, digest.told, own, tags)?;
        let value = quietly(|| V::decode(value)).map_err(|_| Miss::Corrupt)?;
        Ok(Found {
            value,
            left,
            age,
            stamp,
            is_stale,
            draw: digest.sealed ^ created,
        })
    }
}
