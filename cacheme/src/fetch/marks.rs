//! The tags of entries in a remote tier: read with them, and marked before what will have them is loaded.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::tier::{Request, Tagged};
use crate::envelope::Listed;
use crate::flight::Work;
use crate::stats::Miss;
use crate::tag::mark::{self, Made, Mark};
use crate::tag::{Stamp, Tag};

/// What is known of the marks in one remote tier, by the names of their tags.
#[derive(Debug, Default)]
pub(super) struct Marks(pub(super) HashMap<Arc<str>, Known>);

/// What is known of a mark.
#[derive(Clone, Copy, Debug)]
pub(super) enum Known {
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

impl Tagged<'_> {
    /// The stamp of an entry that names these tags, of a node that has its own.
    pub(super) fn stamp(
        self,
        marks: &Marks,
        told: u64,
        own: Option<&Arc<Stamp>>,
        listed: Listed<'_>,
    ) -> Result<Option<Arc<Stamp>>, Miss> {
        let tags = self.request.runtime.tags();
        if listed.is_empty() && own.is_none() && !tags.is_hearing() {
            return Ok(None);
        }
        let is_valid = |(name, version): (&str, u64)| {
            let mark = marks.0.get(name).and_then(|known| known.mark());
            mark.is_some_and(|mark| mark.version == version)
        };
        // One that the node has come to have since isn't named yet.
        let is_named = |tag: &Arc<Tag>| listed.into_iter().any(|(name, _)| *name == **tag.name());
        let mut own = own.into_iter().flat_map(|stamp| stamp.tags());
        if !listed.into_iter().all(is_valid) || !own.all(is_named) {
            return Err(Miss::Invalidated);
        }
        let names = listed.into_iter().map(|(name, _)| name);
        let Request {
            prefix,
            chain,
            since,
            ..
        } = self.request;
        Ok(tags.stamp(chain.identity(prefix, told), since, names))
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
        let at = self.request.runtime.tags().next_moment();
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
