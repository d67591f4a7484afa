//! A connection, as one thread uses it.

use std::time::Duration;

use bytes::Bytes;
use rusqlite::types::ValueRef;
use rusqlite::{CachedStatement, Connection as Raw, ErrorCode, OptionalExtension, params};

use crate::clock::NEVER;
use crate::error::BoxError;
use crate::key::Key;
use crate::storage::copies::Copies;
use crate::storage::driver::table::Table;
use crate::storage::embedded::{Change, Engine, Sweep, View};

pub(super) struct Connection {
    raw: Raw,
    find: String,
    put: String,
    remove: String,
    expired: String,
}

/// Whether another process, or another connection, is in the way.
pub(super) fn is_busy(error: &BoxError) -> bool {
    let error = error.downcast_ref::<rusqlite::Error>();
    let code = error.and_then(rusqlite::Error::sqlite_error_code);
    matches!(
        code,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}

impl Connection {
    pub(super) fn new(raw: Raw, table: &Table) -> Self {
        let table = table.quoted('"');
        Self {
            raw,
            find: format!(
                "SELECT value FROM {table} WHERE key = ?1 AND (expires IS NULL OR expires > ?2)"
            ),
            put: format!(
                "INSERT INTO {table} (key, value, expires) VALUES (?1, ?2, ?3) ON CONFLICT (key) \
                 DO UPDATE SET value = excluded.value, expires = excluded.expires"
            ),
            remove: format!("DELETE FROM {table} WHERE key = ?1"),
            expired: format!(
                "SELECT key, length(value) FROM {table} WHERE expires <= ?1 ORDER BY expires"
            ),
        }
    }

    /// Makes a lock of another process show at once.
    pub(super) fn wait_for_nobody(&self) -> Result<(), BoxError> {
        Ok(self.raw.busy_timeout(Duration::ZERO)?)
    }

    fn run(&self, statement: &str) -> Result<(), BoxError> {
        self.raw.prepare_cached(statement)?.execute([])?;
        Ok(())
    }

    /// Makes a change, and says which of its swaps were made.
    fn make(&self, change: &Change, now: u64) -> Result<Vec<bool>, BoxError> {
        let mut swapped = Vec::new();
        match change {
            Change::Put(entries) => {
                let mut put = self.raw.prepare_cached(&self.put)?;
                for (key, expires, value) in entries {
                    put.execute(params![key.as_str(), &value[..], end(*expires)])?;
                }
            }
            Change::Remove(keys) => {
                let mut remove = self.raw.prepare_cached(&self.remove)?;
                for key in keys {
                    remove.execute([key.as_str()])?;
                }
            }
            Change::Swap(swaps) => {
                let mut find = self.raw.prepare_cached(&self.find)?;
                let mut put = self.raw.prepare_cached(&self.put)?;
                for (key, expires, value, expected) in swaps {
                    let is_expected = |row: &rusqlite::Row<'_>| {
                        let there = row.get_ref(0)?.as_bytes().ok();
                        Ok(expected.is_some() && there == expected.as_deref())
                    };
                    let there = find.query_row(params![key.as_str(), signed(now)], is_expected);
                    let is_so = there.optional()?.unwrap_or(expected.is_none());
                    if is_so {
                        put.execute(params![key.as_str(), &value[..], end(*expires)])?;
                    }
                    swapped.push(is_so);
                }
            }
        }
        Ok(swapped)
    }

    /// Takes out what expired first.
    fn sweep(&self, mut sweep: Sweep, now: u64) -> Result<(), BoxError> {
        let mut gone: Vec<String> = Vec::new();
        let mut expired = self.raw.prepare_cached(&self.expired)?;
        let mut rows = expired.query([signed(now)])?;
        while sweep.goes_on()
            && let Some(row) = rows.next()?
        {
            sweep.count(row.get::<_, u32>(1)? as usize);
            gone.push(row.get(0)?);
        }
        drop(rows);
        let mut remove = self.raw.prepare_cached(&self.remove)?;
        for key in gone {
            remove.execute([key])?;
        }
        Ok(())
    }
}

/// The column of when an entry expires.
fn end(expires: u64) -> Option<i64> {
    (expires != NEVER).then(|| signed(expires))
}

/// SQLite's integers are signed.
fn signed(millis: u64) -> i64 {
    i64::try_from(millis).unwrap_or(i64::MAX)
}

impl Engine for Connection {
    type View<'a> = Reading<'a>;

    // SQLite's limit of 1,000,000,000 is for a row, with its header.
    const LARGEST: usize = 999_999_900;

    fn view(&self) -> Result<Reading<'_>, BoxError> {
        self.run("BEGIN")?;
        let end = End(self);
        Ok(Reading {
            find: self.raw.prepare_cached(&self.find)?,
            _end: end,
        })
    }

    fn lock(&self) -> Result<bool, BoxError> {
        match self.run("BEGIN IMMEDIATE") {
            Ok(()) => Ok(true),
            Err(error) if is_busy(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn commit(&mut self, changes: &[&Change], now: u64) -> Result<Vec<Vec<bool>>, BoxError> {
        let _end = End(self);
        let made = changes.iter().map(|change| self.make(change, now));
        let swapped = made.collect::<Result<_, _>>()?;
        self.sweep(Sweep::of(changes), now)?;
        self.run("COMMIT")?;
        Ok(swapped)
    }
}

/// A transaction that reads.
pub(super) struct Reading<'a> {
    find: CachedStatement<'a>,
    _end: End<'a>,
}

/// Ends the transaction, if it hasn't ended.
struct End<'a>(&'a Connection);

impl Drop for End<'_> {
    fn drop(&mut self) {
        if !self.0.raw.is_autocommit() {
            // SQLite documents it as harmless; should it fail, the next transaction says so.
            let _ = self.0.run("ROLLBACK");
        }
    }
}

impl View for Reading<'_> {
    fn find(
        &mut self,
        key: &Key,
        now: u64,
        copies: &mut Copies,
    ) -> Result<Option<Bytes>, BoxError> {
        let value = self
            .find
            .query_row(params![key.as_str(), signed(now)], |row| {
                Ok(match row.get_ref(0)? {
                    ValueRef::Blob(bytes) | ValueRef::Text(bytes) => Some(copies.copy(bytes)),
                    // Somebody else wrote it.
                    _ => None,
                })
            });
        Ok(value.optional()?.flatten())
    }
}
