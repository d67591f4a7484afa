//! What a flight does with a value: put it into the tiers that lack it.

use std::time::Duration;

use super::invalidate::remove;
use super::marks::Marks;
use super::run::{Arrived, Leg, Run, Seen, quietly};
use crate::bus::Telling;
use crate::chain::{Link, Remote};
use crate::codec::Cacheable;
use crate::envelope::Span;
use crate::error::{BoxError, Result};
use crate::node::Node;
use crate::storage::Entry;

impl<N: Node, V: Cacheable<N::Codec>> Run<N, V> {
    /// The life left to a value; `None` is for ever.
    fn left(&self, arrived: &Arrived<V>) -> Option<Duration> {
        let now = self.runtime.clock().monotonic();
        arrived.until.map(|until| until.saturating_sub(now))
    }

    /// How old a value is by now.
    fn age(&self, arrived: &Arrived<V>) -> Duration {
        let since = self.runtime.clock().monotonic().saturating_sub(arrived.at);
        arrived.age.saturating_add(since)
    }

    /// Puts values into the local tiers that lack them.
    pub(super) fn keep_local(&self, arrived: &[Arrived<V>]) {
        if !self.runtime.is_enabled() {
            return;
        }
        let is_local = |link: &Link| link.local().is_some();
        for arrived in arrived {
            if !self.chain().tiers[..arrived.lacking].iter().any(is_local) {
                continue;
            }
            let aim = self.started.aim(arrived.leg.place);
            let table = self.started.flights().lock();
            let (left, age) = (self.left(arrived), self.age(arrived));
            if !table.lets(&self.started, arrived.leg.place)
                || !arrived.leg.is_current()
                || left == Some(Duration::ZERO)
            {
                continue;
            }
            let draw = self.started.draw(arrived.leg.place);
            for link in &self.chain().tiers[..arrived.lacking] {
                let Some(cache) = link.local() else {
                    continue;
                };
                let (node, value) = (aim.node().duplicate(), arrived.value.clone());
                let ttl = self.chain().ttl(link, left, draw);
                let mut stay = self.chain().stay(cache, &value, ttl, draw);
                stay.age = age;
                stay.stamp.clone_from(&arrived.leg.stamp);
                if let Some(stale) = arrived.stale {
                    stay.make_old(stale);
                }
                cache.put(aim.scope, node, value, &stay);
                link.counters.wrote(1);
            }
        }
    }

    /// Writes values into the remote tiers that lack them. What one of them doesn't take is an
    /// error, the first one; the others have it all the same.
    pub(super) async fn keep_remote(&self, arrived: &[Arrived<V>], seen: &mut Seen) -> Result<()> {
        let mut outcome = Ok(());
        if !self.runtime.is_enabled() {
            return outcome;
        }
        for (place, link) in self.chain().tiers.iter().enumerate() {
            let Some(remote) = link.remote() else {
                continue;
            };
            let lacks = |arrived: &&Arrived<V>| {
                arrived.lacking > place && arrived.stale.is_none() && self.is_current(&arrived.leg)
            };
            let lacking: Vec<_> = arrived.iter().filter(lacks).collect();
            if seen.down.contains(&place) {
                // It has just cost its deadline, or wasn't asked, and would be no better now.
                link.counters.failed(lacking.len());
            } else {
                let written = self.write(link, remote, &lacking, seen.marks(place));
                outcome = outcome.and(written.await);
            }
        }
        outcome
    }

    /// Whether the flight may change tiers.
    fn is_current(&self, leg: &Leg) -> bool {
        self.started.is_current(leg.place) && leg.is_current()
    }

    /// Writes values into one remote tier, in one round trip; those with tags that it wasn't asked for yet take
    /// one or two more.
    async fn write(
        &self,
        link: &Link,
        remote: Remote<'_>,
        lacking: &[&Arrived<V>],
        marks: &mut Marks,
    ) -> Result<()> {
        let first = lacking.iter().find_map(|arrived| arrived.leg.key());
        if let Some(key) = first {
            remote.admit(key, lacking.len()).await?;
        }
        let tier = self.tagged(remote);
        let stamps = lacking
            .iter()
            .filter_map(|arrived| arrived.leg.stamp.as_ref());
        let new: Vec<_> = stamps.flat_map(|stamp| marks.unknown(stamp)).collect();
        if !new.is_empty() {
            let ttl = self.chain().kept(link);
            let work = self.started.work();
            tier.mark(marks, new.into_iter(), ttl, work).await;
        }
        let now = tier.now();
        let mut outcome = Ok(());
        let mut written = Vec::new();
        let mut entries = Vec::new();
        for arrived in lacking {
            match self.entry(link, arrived, marks, now) {
                Ok(Some(entry)) => {
                    written.push(&arrived.leg);
                    entries.push(entry);
                }
                Ok(None) => {}
                Err(error) => outcome = outcome.and(Err(remote.refused(1, error))),
            }
        }
        if entries.is_empty() {
            return outcome;
        }
        outcome = outcome.and(remote.write(entries).await);
        written.retain(|leg| !self.is_current(leg));
        if !written.is_empty() {
            // Voided while it was written, and others may have read it since. They have heard of what ended a tag, or
            // came over the bus.
            let (told, voided): (Vec<_>, Vec<_>) = written
                .into_iter()
                .partition(|leg| self.started.is_current(leg.place));
            self.remove(voided, self.runtime.telling()).await;
            self.remove(told, Telling::NOTHING).await;
        }
        outcome
    }

    /// Removes the older values of those that no tier gets: a load said so, or caching is off and may
    /// be on again before they expire.
    pub(super) async fn forget(&self, arrived: &[Arrived<V>]) {
        let is_on = self.runtime.is_enabled();
        let is_unkept =
            |arrived: &&Arrived<V>| !is_on || self.left(arrived) == Some(Duration::ZERO);
        let unkept = arrived.iter().filter(is_unkept).map(|arrived| &arrived.leg);
        let current = unkept.filter(|leg| self.started.is_current(leg.place));
        let current: Vec<_> = current.collect();
        // Whoever has them forgotten tells of it.
        self.remove(current, Telling::NOTHING).await;
    }

    /// Removes the values of these flights from all tiers.
    async fn remove(&self, legs: Vec<&Leg>, telling: Telling<'_>) {
        if legs.is_empty() {
            return telling.nothing();
        }
        let values = legs
            .into_iter()
            .map(|leg| (self.started.aim(leg.place), leg));
        let values: Vec<_> = values.collect();
        // Its bars concern everybody, so it mustn't depend on a caller.
        self.started.work().share();
        // A failure is counted there.
        let _ = remove(telling, self.started.flights(), &values).await;
    }

    /// Whether a remote tier lacks one of the values.
    pub(super) fn lacks_remote(&self, arrived: &[Arrived<V>]) -> bool {
        let lacking = arrived.iter().map(|arrived| arrived.lacking).max();
        let mut tiers = self.chain().tiers[..lacking.unwrap_or(0)].iter();
        tiers.any(|link| link.remote().is_some())
    }

    /// The entry of a value at a time of its storage, unless its life has ended.
    fn entry(
        &self,
        link: &Link,
        arrived: &Arrived<V>,
        marks: &Marks,
        now: Duration,
    ) -> Result<Option<Entry>, BoxError> {
        let (leg, left) = (&arrived.leg, self.left(arrived));
        let Some(key) = leg.key().filter(|_| left != Some(Duration::ZERO)) else {
            return Ok(None);
        };
        let tags = leg.stamp.as_ref().map(|stamp| {
            let tags = marks.named(stamp);
            tags.ok_or("what it knows of a tag could not be read or written")
        });
        let span = Span {
            now,
            age: self.age(arrived),
            ttl: self.chain().ttl(link, left, self.started.draw(leg.place)),
        };
        let encode = |out: &mut Vec<u8>| quietly(|| arrived.value.encode(out));
        let seal = self.value_type.seal(leg.digest());
        let frame = seal.close(span, &tags.transpose()?.unwrap_or_default(), encode)?;
        let entry = Entry::new(key.clone(), frame);
        let stale = self.chain().meta.stale().unwrap_or_default();
        Ok(Some(match span.ttl {
            Some(ttl) => entry.with_ttl(ttl.saturating_add(stale)),
            None => entry,
        }))
    }
}
