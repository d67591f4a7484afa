//! Where the database is, and how its table is made or looked at.
//!
//! Nothing is changed before it is known that the table is ours or is to be made.

use std::fs;
use std::path::{self, Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection as Raw, ErrorCode, MAIN_DB, OpenFlags, Row, TransactionBehavior};

use super::connection::{Connection, is_busy};
use crate::error::BoxError;
use crate::storage::driver::table::Table;
use crate::storage::embedded::Settings;

/// A database to open connections of.
pub(super) struct Database {
    /// `None` is in memory.
    path: Option<PathBuf>,
    table: Table,
    durable: bool,
}

/// The columns, as [`column`] shows them.
const COLUMNS: [&str; 3] = [
    "key TEXT NOT NULL PRIMARY KEY",
    "value BLOB NOT NULL",
    "expires INTEGER",
];

const MAY_ONLY_BE_READ: &str = "it or its folder may only be read";

/// Says what may be wrong where SQLite's message doesn't.
fn explained(error: BoxError) -> BoxError {
    let code = error.downcast_ref::<rusqlite::Error>();
    match code.and_then(rusqlite::Error::sqlite_error_code) {
        Some(ErrorCode::CannotOpen) => "it or its folder isn't there, or may not be opened".into(),
        Some(ErrorCode::ReadOnly) => MAY_ONLY_BE_READ.into(),
        _ => error,
    }
}

/// A column's name, type and constraints.
fn column(row: &Row<'_>) -> rusqlite::Result<String> {
    let (name, kind): (String, String) = (row.get(0)?, row.get(1)?);
    let (required, primary): (bool, bool) = (row.get(2)?, row.get(3)?);
    let required = if required { " NOT NULL" } else { "" };
    let primary = if primary { " PRIMARY KEY" } else { "" };
    Ok(format!("{name} {kind}{required}{primary}"))
}

impl Database {
    /// How long opening may wait for another process.
    const PATIENCE: Duration = Duration::from_secs(5);

    /// Between two attempts.
    const PAUSE: Duration = Duration::from_millis(2);

    /// The database at this path, with a table whose name was checked.
    pub(super) fn new(path: &Path, table: Table, durable: bool) -> Result<Self, BoxError> {
        let in_memory = path.as_os_str() == ":memory:";
        Ok(Self {
            // SQLite takes other names too for something else than a path.
            path: (!in_memory).then(|| path::absolute(path)).transpose()?,
            table,
            durable,
        })
    }

    pub(super) fn is_in_memory(&self) -> bool {
        self.path.is_none()
    }

    /// Opens a connection and makes what is missing.
    pub(super) fn open(&self, settings: &Settings) -> Result<Connection, BoxError> {
        let until = Instant::now() + Self::PATIENCE;
        loop {
            // SQLite itself doesn't wait where that might be in vain, as for the change to WAL.
            match self.attempt() {
                Err(error) if is_busy(&error) && Instant::now() < until => {
                    thread::sleep(Self::PAUSE);
                }
                opened => {
                    let raw = opened.map_err(explained)?;
                    raw.busy_timeout(settings.patience())?;
                    return Ok(Connection::new(raw, &self.table));
                }
            }
        }
    }

    /// SQLite takes a file of one byte for an empty one, and would write over it.
    fn check_length(path: &Path) -> Result<(), BoxError> {
        match fs::metadata(path).map(|file| file.len()) {
            Ok(1..512) => Err("file is not a database".into()),
            _ => Ok(()),
        }
    }

    fn attempt(&self) -> Result<Raw, BoxError> {
        let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        flags.set(OpenFlags::SQLITE_OPEN_CREATE, self.table.create);
        let mut raw = match &self.path {
            Some(path) => {
                Self::check_length(path)?;
                Raw::open_with_flags(path, flags)?
            }
            None => Raw::open_in_memory_with_flags(flags)?,
        };
        raw.busy_timeout(Self::PATIENCE)?;
        let exists = self.look(&raw)?;
        if !exists && !self.table.create {
            return Err(self.table.missing());
        }
        if raw.is_readonly(MAIN_DB)? {
            return Err(MAY_ONLY_BE_READ.into());
        }
        self.tune(&raw)?;
        if self.table.create {
            self.create(&mut raw)?;
        }
        Ok(raw)
    }

    /// Whether the table is there. One of another shape is an error.
    fn look(&self, raw: &Raw) -> Result<bool, BoxError> {
        let columns = r#"SELECT name, type, "notnull", pk FROM pragma_table_info(?1)"#;
        let mut columns = raw.prepare(columns)?;
        let columns = columns.query_map([&self.table.name], column)?;
        let columns: Vec<_> = columns.collect::<Result<_, _>>()?;
        if columns.is_empty() {
            return Ok(false);
        }
        self.table.refuse_other(&COLUMNS, &columns)?;
        Ok(true)
    }

    fn tune(&self, raw: &Raw) -> Result<(), BoxError> {
        let mode: String = raw.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
        if mode != "wal" && self.path.is_some() {
            return Err(format!("it can't be in WAL mode, but only in that of `{mode}`").into());
        }
        let synchronous = if self.durable { "FULL" } else { "NORMAL" };
        raw.pragma_update(None, "synchronous", synchronous)?;
        // What a large batch left behind doesn't stay that large.
        raw.pragma_update(None, "journal_size_limit", 16 << 20)?;
        Ok(())
    }

    fn create(&self, raw: &mut Raw) -> Result<(), BoxError> {
        let name = &self.table.name;
        let index = format!("{name}_expires");
        let there = "SELECT EXISTS (SELECT 1 FROM sqlite_schema \
                     WHERE type = 'index' AND name = ?1 AND tbl_name = ?2)";
        if raw.query_row(there, [&index, name], |row| row.get(0))? {
            return Ok(());
        }
        let (table, columns) = (self.table.quoted('"'), COLUMNS.join(", "));
        let transaction = raw.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(&format!(
            "CREATE TABLE IF NOT EXISTS {table} ({columns});
             CREATE INDEX IF NOT EXISTS \"{index}\" ON {table} (expires) WHERE expires IS NOT NULL"
        ))?;
        // Another process may have made one in the meantime.
        self.look(&transaction)?;
        Ok(transaction.commit()?)
    }
}
