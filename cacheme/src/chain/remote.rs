//! A remote tier, as the flights of a node use it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::Link;
use crate::clock::Clock;
use crate::error::{BoxError, Error, Result};
use crate::guard::Guard;
use crate::key::Key;
use crate::stats::Miss;
use crate::storage::Entry;

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
    pub(crate) async fn read(self, keys: Vec<Key>) -> Vec<Result<Bytes, Miss>> {
        let asked = keys.len();
        match self.storage.read(keys).await {
            Ok(found) => {
                let found = found.into_iter();
                found.map(|entry| entry.ok_or(Miss::Absent)).collect()
            }
            Err(_) => vec![Err(Miss::Unavailable); asked],
        }
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

    /// The storage's name.
    pub(crate) fn name(self) -> &'a Arc<str> {
        self.link.name()
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

    /// Removes the entries of `keys`.
    pub(crate) async fn remove(self, keys: Vec<Key>) -> Result<()> {
        let count = keys.len();
        let removed = self.storage.remove(keys).await;
        removed.map_err(|error| {
            self.link.counters.failed(count);
            Error::storage_failed(&self.link.name, "remove entries", error)
        })
    }
}
