//! What a flight does with a value: put it into the tiers that lack it.

use std::time::Duration;

use super::invalidate::remove;
use super::run::{Arrived, Run, quietly};
use crate::chain::{Link, Remote};
use crate::codec::Cacheable;
use crate::envelope::Span;
use crate::error::{BoxError, Result};
use crate::flight::Aim;
use crate::key::Key;
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
            if !table.lets(&self.started, arrived.leg.place) || left == Some(Duration::ZERO) {
                continue;
            }
            for link in &self.chain().tiers[..arrived.lacking] {
                if let Some(cache) = link.local() {
                    let (node, value) = (aim.node().duplicate(), arrived.value.clone());
                    let ttl = self
                        .chain()
                        .ttl(link, left, self.started.draw(arrived.leg.place));
                    let stay = self.chain().stay(cache, &value, ttl, age);
                    cache.put(aim.scope, node, value, stay);
                    link.counters.wrote(1);
                }
            }
        }
    }

    /// Writes values into the remote tiers that lack them. What one of them doesn't take is an
    /// error, the first one; the others have it all the same.
    pub(super) async fn keep_remote(&self, arrived: &[Arrived<V>], down: &[usize]) -> Result<()> {
        let mut outcome = Ok(());
        if !self.runtime.is_enabled() {
            return outcome;
        }
        for (place, link) in self.chain().tiers.iter().enumerate() {
            let Some(remote) = link.remote() else {
                continue;
            };
            let lacks = |arrived: &&Arrived<V>| {
                arrived.lacking > place && self.started.is_current(arrived.leg.place)
            };
            let lacking: Vec<_> = arrived.iter().filter(lacks).collect();
            if down.contains(&place) {
                // It has just cost its deadline, or wasn't asked, and would be no better now.
                link.counters.failed(lacking.len());
            } else {
                outcome = outcome.and(self.write(link, remote, &lacking).await);
            }
        }
        outcome
    }

    /// Writes values into one remote tier, in one round trip.
    async fn write(&self, link: &Link, remote: Remote<'_>, lacking: &[&Arrived<V>]) -> Result<()> {
        let first = lacking.iter().find_map(|arrived| arrived.leg.key.as_ref());
        if let Some((key, _)) = first {
            remote.admit(key, lacking.len()).await?;
        }
        let now = remote.now(&**self.runtime.clock());
        let mut outcome = Ok(());
        let mut written = Vec::new();
        let mut entries = Vec::new();
        for arrived in lacking {
            let left = self.left(arrived);
            let Some(key) = &arrived.leg.key else {
                continue;
            };
            if left == Some(Duration::ZERO) {
                continue;
            }
            let span = Span {
                now,
                age: self.age(arrived),
                ttl: self
                    .chain()
                    .ttl(link, left, self.started.draw(arrived.leg.place)),
            };
            match self.encode(key, &arrived.value, span) {
                Ok(entry) => {
                    written.push((arrived.leg.place, &key.0));
                    entries.push(entry);
                }
                Err(error) => outcome = outcome.and(Err(remote.refused(1, error))),
            }
        }
        if entries.is_empty() {
            return outcome;
        }
        outcome = outcome.and(remote.write(entries).await);
        written.retain(|(place, _)| !self.started.is_current(*place));
        if !written.is_empty() {
            // Voided while it was written, and others may have read it since.
            let voided = written
                .iter()
                .map(|(place, key)| (self.started.aim(*place), Some(*key)));
            self.remove(voided.collect()).await;
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
        let values = current.map(|leg| {
            (
                self.started.aim(leg.place),
                leg.key.as_ref().map(|(key, _)| key),
            )
        });
        let values: Vec<_> = values.collect();
        if !values.is_empty() {
            self.remove(values).await;
        }
    }

    async fn remove(&self, values: Vec<(&Aim<N>, Option<&Key>)>) {
        // Its bars concern everybody, so it mustn't depend on a caller.
        self.started.work().share();
        // A failure is counted there.
        let _ = remove(self.chain(), self.started.flights(), &values).await;
    }

    /// Whether a remote tier lacks one of the values.
    pub(super) fn lacks_remote(&self, arrived: &[Arrived<V>]) -> bool {
        let lacking = arrived.iter().map(|arrived| arrived.lacking).max();
        let mut tiers = self.chain().tiers[..lacking.unwrap_or(0)].iter();
        tiers.any(|link| link.remote().is_some())
    }

    fn encode(&self, (key, digest): &(Key, u64), value: &V, span: Span) -> Result<Entry, BoxError> {
        let encode = |out: &mut Vec<u8>| quietly(|| value.encode(out));
        let frame = self.value_type.seal(*digest).close(span, encode)?;
        let entry = Entry::new(key.clone(), frame);
        Ok(match span.ttl {
            Some(ttl) => entry.with_ttl(ttl),
            None => entry,
        })
    }
}
