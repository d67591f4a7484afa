//! A remote tier, as the flights of a node use it.

use std::sync::Arc;
use std::time::Duration;

use super::Link;
use crate::clock::Clock;
use crate::ended::{self, Ended};
use crate::error::{BoxError, Error, Result};
use crate::guard::{Behind, Guard, Writing};
use crate::key::Key;
use crate::lease::There;
use crate::prefix::Prefix;
use crate::stats::Miss;
use crate::storage::{Entry, Swap};

/// A remote tier, whose operations are counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Remote<'a> {
    pub(super) storage: &'a Guard,
    pub(super) link: &'a Link,
}

impl<'a> Remote<'a> {
    /// The time by which its entries expire, since the Unix epoch.
    pub(crate) fn now(self, clock: &dyn Clock) -> Duration {
        self.storage.now(clock)
    }

    /// Reads the entries of `keys`, in their order.
    pub(crate) async fn read(self, keys: Vec<Key>) -> Vec<Result<There, Miss>> {
        let asked = keys.len();
        // Before: what is made up for meanwhile may be read as it was.
        let behind = self.storage.behind(&keys);
        let Ok(found) = self.storage.read(keys).await else {
            return vec![Err(Miss::Unavailable); asked];
        };
        let there = found
            .into_iter()
            .map(|entry| entry.map(There::new).ok_or(Miss::Absent));
        let Some(behind) = behind else {
            return there.collect();
        };
        there
            .zip(behind)
            .map(|(there, behind)| caught_up(there, behind))
            .collect()
    }

    /// Counts entries that were read and can be used.
    pub(crate) fn found(self, entries: usize) {
        self.link.counters.hits(entries);
    }

    /// Whether the storage is to be asked to write, beginning with the entry of `key`; otherwise the error of
    /// `entries` that aren't written, counted.
    pub(crate) async fn admit(self, key: &Key, entries: usize) -> Result<()> {
        let admitted = self.storage.admit(|| vec![key.clone()]).await;
        admitted.map_err(|error| self.refused(entries, error))
    }

    /// Writes entries, and counts whether it could.
    pub(crate) async fn write(self, entries: Vec<Entry>) -> Result<()> {
        let count = entries.len();
        let written = self.storage.write(entries).await;
        written.map_err(|error| self.refused(count, error))?;
        self.link.counters.wrote(count);
        Ok(())
    }

    /// What is known of when its entries were ended.
    pub(crate) fn ended(self) -> &'a Ended {
        &self.link.ended
    }

    /// Until when what began is ended, by the storage's clock.
    pub(crate) fn ended_until(self) -> u64 {
        self.link.ended.until().max(self.storage.flushed())
    }

    pub(crate) fn storage(self) -> &'a Guard {
        self.storage
    }

    /// The storage's name.
    pub(crate) fn name(self) -> &'a Arc<str> {
        self.link.name()
    }

    /// Swaps entries, which isn't counted.
    pub(crate) async fn swap(self, swaps: Vec<Swap>) -> Result<Vec<bool>, BoxError> {
        if swaps.is_empty() {
            return Ok(Vec::new());
        }
        let first = || swaps.first().map(|swap| swap.entry().key().clone());
        self.storage.admit(|| first().into_iter().collect()).await?;
        self.storage.swap(swaps).await
    }

    /// Writes entries in place of their leases, which was begun before, and counts whether it could.
    pub(crate) async fn write_leased(
        self,
        swaps: Vec<Swap>,
        writing: Option<Writing>,
    ) -> Result<Vec<bool>> {
        let count = swaps.len();
        if count == 0 {
            return Ok(Vec::new());
        }
        let keys: Vec<_> = match writing {
            Some(_) => swaps
                .iter()
                .map(|swap| swap.entry().key().clone())
                .collect(),
            None => Vec::new(),
        };
        let written = self.swap(swaps).await;
        let written = written.map_err(|error| self.refused(count, error))?;
        let over = keys.iter().zip(&written);
        let over = over.filter_map(|(key, written)| written.then_some(key));
        self.storage.wrote(writing, over);
        let wrote = written.iter().filter(|written| **written).count();
        self.link.counters.wrote(wrote);
        Ok(written)
    }

    /// Whether the storage has a compare-and-swap.
    pub(crate) fn can_swap(self) -> bool {
        self.storage.can_swap()
    }

    /// Writes marks of tags, which aren't counted.
    pub(crate) async fn mark(self, marks: Vec<Entry>) -> Result<(), BoxError> {
        let key = || marks.first().map(|mark| mark.key().clone());
        self.storage.admit(|| key().into_iter().collect()).await?;
        self.storage.write(marks).await
    }

    /// The error of entries that could not be written, counted.
    pub(crate) fn refused(self, entries: usize, error: BoxError) -> Error {
        self.link.counters.failed(entries);
        Error::storage_failed(&self.link.name, "write entries", error)
    }

    /// Removes the entries of `keys`, of this prefix; what it can't remove isn't read, and removed later.
    pub(crate) async fn remove(
        self,
        keys: Vec<Key>,
        prefix: &Prefix,
        clock: &dyn Clock,
    ) -> Result<()> {
        let count = keys.len();
        let removed = self.storage.remove(keys, prefix, clock).await;
        removed.map_err(|error| {
            self.link.counters.failed(count);
            Error::storage_failed(&self.link.name, "remove entries", error)
        })
    }
}

/// What is read of a key, as it will be when the storage isn't behind any more.
fn caught_up(there: Result<There, Miss>, behind: Behind) -> Result<There, Miss> {
    match behind {
        Behind::Nothing => there,
        Behind::Removal => there.map(There::ended),
        Behind::End(until) => {
            let last = there.ok().and_then(|there| ended::read(there.bytes()));
            let until = last.map_or(until, |last| last.max(until));
            Ok(There::new(ended::bytes(until)))
        }
    }
}
