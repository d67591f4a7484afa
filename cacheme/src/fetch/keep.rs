//! What a flight does with a value: put it into the tiers that lack it.

use std::time::Duration;

use super::invalidate::remove;
use super::leg::{Arrived, Leg};
use super::marks::Marks;
use super::run::{Run, quietly};
use super::seen::{Leasing, Seen};
use crate::bus::Telling;
use crate::cached::Origin;
use crate::chain::{Chain, Link, Remote};
use crate::codec::Cacheable;
use crate::envelope::Span;
use crate::error::{BoxError, Result};
use crate::flight::Aim;
use crate::node::Node;
use crate::storage::Entry;

impl<N: Node, V: Cacheable<N::Codec>> Run<N, V> {
    /// The life left to a value; `None` is for ever.
    fn left(&self, arrived: &Arrived<V>) -> Option<Duration> {
        arrived.left(self.runtime.clock().monotonic())
    }

    /// How old a value is by now.
    fn age(&self, arrived: &Arrived<V>) -> Duration {
        arrived.age(self.runtime.clock().monotonic())
    }

    /// Puts what was loaded into the tiers; the load began at this moment. Where there are leases, remote tiers come
    /// first: there it shows what was invalidated meanwhile.
    pub(super) async fn keep(
        &self,
        mut loaded: Vec<Arrived<V>>,
        begun: u64,
        seen: &mut Seen,
    ) -> Vec<Arrived<V>> {
        // What couldn't be written is counted, and no failure of the load.
        if seen.leasing == Leasing::Not {
            self.keep_local(&loaded);
            let _ = self.keep_remote(&loaded, seen).await;
            return loaded;
        }
        let written = self.moment();
        if self.runtime.is_enabled() {
            for arrived in &mut loaded {
                // Without a lease nothing tells what others have ended since.
                let is_leased = seen.leases.has_any(arrived.leg.place);
                arrived.seen = if is_leased { written } else { begun };
            }
        }
        let _ = self.keep_remote(&loaded, seen).await;
        let is_refused = |arrived: &mut Arrived<V>| seen.refused.contains(&arrived.leg.place);
        let refused: Vec<_> = loaded.extract_if(.., is_refused).collect();
        self.keep_local(&loaded);
        let refused = refused.into_iter().map(|arrived| Arrived {
            seen: begun,
            ..arrived
        });
        loaded.extend(refused);
        loaded
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
            let place = arrived.leg.place;
            let table = self.started.flights().lock();
            if table.lets(&self.started, place) {
                let now = self.runtime.clock().monotonic();
                let (aim, draw) = (self.started.aim(place), self.started.draw(place));
                arrived.keep_local(self.chain(), aim, draw, now);
            }
        }
    }

    /// Writes values into the remote tiers that lack them. What one of them doesn't take is an
    /// error, the first one; the others have it all the same.
    pub(super) async fn keep_remote(&self, arrived: &[Arrived<V>], seen: &mut Seen) -> Result<()> {
        let (mut outcome, mut voided) = (Ok(()), Vec::new());
        if !self.runtime.is_enabled() {
            return outcome;
        }
        for (place, link) in self.chain().tiers.iter().enumerate() {
            let Some(remote) = link.remote() else {
                continue;
            };
            let lacks = |arrived: &&Arrived<V>| arrived.lacking > place && arrived.stale.is_none();
            let (lacking, past): (Vec<_>, Vec<_>) = arrived
                .iter()
                .filter(lacks)
                .partition(|arrived| self.is_current(&arrived.leg));
            if seen.replaces {
                voided.extend(past.iter().map(|arrived| &arrived.leg));
            }
            if seen.down.contains(&place) {
                // It has just cost its deadline, or wasn't asked, and would be no better now.
                link.counters.failed(lacking.len());
                self.missed(remote, legs(&lacking), seen);
            } else {
                let written = self.write(place, remote, &lacking, seen);
                outcome = outcome.and(written.await);
            }
        }
        // What ended these may have come to a tier before they began, and others have written there since.
        outcome.and(self.remove(voided, Telling::NOTHING).await)
    }

    /// Whether the flight may change tiers.
    pub(super) fn is_current(&self, leg: &Leg) -> bool {
        self.started.is_current(leg.place) && leg.is_current()
    }

    /// Writes values into one remote tier, in one round trip; those with tags that it wasn't asked for yet take
    /// one or two more.
    async fn write(
        &self,
        place: usize,
        remote: Remote<'_>,
        lacking: &[&Arrived<V>],
        seen: &mut Seen,
    ) -> Result<()> {
        let link = &self.chain().tiers[place];
        let first = lacking.iter().find_map(|arrived| arrived.leg.key());
        if let Some(key) = first
            && let Err(error) = remote.admit(key, lacking.len()).await
        {
            self.missed(remote, legs(lacking), seen);
            return Err(error);
        }
        let ended = seen.ended(place);
        let (tier, marks) = (self.tagged(remote), seen.marks(place));
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
        let (mut entries, mut unwritable) = (Vec::new(), Vec::new());
        for arrived in lacking {
            match self.entry(link, arrived, marks, (now, ended)) {
                Ok(Some(entry)) => entries.push((&arrived.leg, entry)),
                Ok(None) => {}
                Err(error) => {
                    unwritable.push(&arrived.leg);
                    outcome = outcome.and(Err(remote.refused(1, error)));
                }
            }
        }
        self.missed(remote, unwritable, seen);
        if entries.is_empty() {
            return outcome;
        }
        if seen.leasing != Leasing::Not {
            let swapped = self.swap_out(place, remote, entries, seen).await;
            return outcome.and(swapped);
        }
        let (written, entries): (Vec<_>, Vec<_>) = entries.into_iter().unzip();
        let wrote = remote.write(entries).await;
        if wrote.is_err() {
            self.missed(remote, written.iter().copied(), seen);
        }
        outcome = outcome.and(wrote);
        self.take_back(written).await;
        outcome
    }

    /// Removes what was voided while it was written, since others may have read it. They have heard of what ended a tag, or
    /// came over the bus.
    async fn take_back(&self, mut written: Vec<&Leg>) {
        written.retain(|leg| !self.is_current(leg));
        if written.is_empty() {
            return;
        }
        let (told, voided): (Vec<_>, Vec<_>) = written
            .into_iter()
            .partition(|leg| self.started.is_current(leg.place));
        // A failure is counted there, and made up for.
        let _ = self.remove(voided, self.runtime.telling()).await;
        let _ = self.remove(told, Telling::NOTHING).await;
    }

    /// What is there of these, which can't be replaced, is to go.
    pub(super) fn missed<'l>(
        &self,
        remote: Remote<'_>,
        legs: impl IntoIterator<Item = &'l Leg>,
        seen: &Seen,
    ) {
        if seen.replaces {
            let keys = legs.into_iter().filter_map(Leg::key).cloned();
            let (keys, clock) = (keys.collect::<Vec<_>>(), &**self.runtime.clock());
            remote.storage().missed(&keys, &self.prefix, clock);
        }
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
        let _ = self.remove(current, Telling::NOTHING).await;
    }

    /// Removes the values of these flights from all tiers.
    async fn remove(&self, mut legs: Vec<&Leg>, telling: Telling<'_>) -> Result<()> {
        legs.sort_unstable_by_key(|leg| leg.place);
        legs.dedup_by_key(|leg| leg.place);
        if legs.is_empty() {
            telling.nothing();
            return Ok(());
        }
        let values = legs
            .into_iter()
            .map(|leg| (self.started.aim(leg.place), leg));
        let values: Vec<_> = values.collect();
        // Its bars concern everybody, so it mustn't depend on a caller.
        self.started.work().share();
        let (runtime, prefix) = (&self.runtime, &self.prefix);
        remove(runtime, prefix, telling, self.started.flights(), &values).await
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
        (now, ended): (Duration, u64),
    ) -> Result<Option<Entry>, BoxError> {
        let (leg, left) = (&arrived.leg, self.left(arrived));
        let Some(key) = leg.key().filter(|_| left != Some(Duration::ZERO)) else {
            return Ok(None);
        };
        let tags = leg.stamp.as_ref().map(|stamp| {
            let tags = marks.named(stamp);
            tags.ok_or("what it knows of a tag could not be read or written")
        });
        // What another tier gave may be older.
        let is_new = matches!(arrived.origin, Origin::Loaded);
        let earliest = if is_new { ended.saturating_add(1) } else { 0 };
        let span = Span {
            now,
            age: self.age(arrived),
            earliest,
            ttl: self.chain().ttl(link, left, self.started.draw(leg.place)),
        };
        let encode = |out: &mut Vec<u8>| quietly(|| arrived.value.encode(out));
        let seal = self.value_type.seal(leg.digest().sealed);
        let frame = seal.close(span, &tags.transpose()?.unwrap_or_default(), encode)?;
        let entry = Entry::new(key.clone(), frame);
        let stale = self.chain().meta.stale().unwrap_or_default();
        Ok(Some(match span.ttl {
            Some(ttl) => entry.with_ttl(ttl.saturating_add(stale)),
            None => entry,
        }))
    }
}

fn legs<'a, V>(arrived: &'a [&Arrived<V>]) -> impl Iterator<Item = &'a Leg> {
    arrived.iter().map(|arrived| &arrived.leg)
}

impl<V: Clone + Send + Sync + 'static> Arrived<V> {
    /// The life left to it at a time of the monotonic clock; `None` is for ever.
    fn left(&self, now: Duration) -> Option<Duration> {
        self.until.map(|until| until.saturating_sub(now))
    }

    /// How old it is at a time of the monotonic clock.
    fn age(&self, now: Duration) -> Duration {
        self.age.saturating_add(now.saturating_sub(self.at))
    }

    /// Puts it into the local tiers that lack it, unless it has ended. The table, under whose lock this is called, lets
    /// it in.
    pub(super) fn keep_local<N: Node>(
        &self,
        chain: &Chain,
        aim: &Aim<N>,
        draw: u64,
        now: Duration,
    ) {
        let left = self.left(now);
        if !self.leg.is_current() || left == Some(Duration::ZERO) {
            return;
        }
        for link in &chain.tiers[..self.lacking] {
            let Some(cache) = link.local() else {
                continue;
            };
            let (node, value) = (aim.node().duplicate(), self.value.clone());
            let ttl = chain.ttl(link, left, draw);
            let mut stay = chain.stay(cache, &value, ttl, draw);
            stay.age = self.age(now);
            stay.stamp.clone_from(&self.leg.stamp);
            if let Some(stale) = self.stale {
                stay.make_old(stale);
            }
            cache.put(aim.scope, node, value, &stay);
            link.counters.wrote(1);
        }
    }
}
