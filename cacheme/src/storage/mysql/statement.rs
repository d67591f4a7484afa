//! The SQL, the same for MariaDB and MySQL.
//!
//! One key or entry goes as a prepared statement, its bytes as they are. Batches differ in length,
//! and there would be a prepared statement for each length, each prepared with a round trip of its
//! own. So they go as text, their bytes in hexadecimal, which no setting of a session can make the
//! server read differently.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mysql_async::Value;

use crate::key::Key;
use crate::storage::driver::batch::{Limit, bounded};
use crate::storage::driver::sweep;
use crate::storage::{Entry, Swap};

/// What is sent to the server.
pub(super) enum Statement {
    Text(Vec<u8>),
    Prepared(Arc<str>, Vec<Parameter>),
}

/// What stands for a `?`.
pub(super) enum Parameter {
    Bytes(Bytes),
    Number(u64),
    Null,
}

impl Parameter {
    pub(super) fn value(&self) -> Value {
        match self {
            Self::Bytes(bytes) => Value::Bytes(bytes.to_vec()),
            Self::Number(number) => Value::UInt(*number),
            Self::Null => Value::NULL,
        }
    }

    fn ttl(entry: &Entry) -> Self {
        let ttl = entry.ttl().map(millis);
        ttl.map_or(Self::Null, Self::Number)
    }

    fn key(key: &Key) -> Self {
        Self::Bytes(bounded(key).into_owned().into())
    }
}

impl Statement {
    fn text(sql: String) -> Self {
        Self::Text(sql.into_bytes())
    }
}

/// The statements for a table.
#[derive(Debug)]
pub(super) struct Statements {
    /// The table's name as a string.
    name: String,
    /// The table's name, quoted.
    table: String,
    get: OfKeys,
    remove: OfKeys,
    put: Put,
    put_absent: Arc<str>,
    put_over: Arc<str>,
}

/// A statement about the rows of some keys.
#[derive(Debug)]
struct OfKeys {
    one: Arc<str>,
    before: String,
    after: String,
}

/// A statement that writes rows.
#[derive(Debug)]
struct Put {
    one: Arc<str>,
    before: String,
    after: &'static str,
}

/// The server's time in milliseconds since the Unix epoch, at the start of the statement. In UTC,
/// which has no hour twice.
const NOW: &str = "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(3)) DIV 1000";

/// The columns, as [`Statements::columns`] finds them.
pub(super) const COLUMNS: [&str; 3] = [
    "expires bigint",
    "key varbinary(1024) not null primary key",
    "value longblob not null",
];

/// The most keys in a statement: with more of them MySQL runs out of the memory that it gives to
/// planning, and would read the whole table.
const KEYS: usize = 5000;

/// The most bytes in a statement, whatever the server takes: they are in memory at both ends.
const BYTES: usize = 4 << 20;

/// Bytes of a statement beside those of its rows, and of a row beside those of its key and value:
/// a bit more than there are.
const AROUND: usize = 1024;
const AROUND_ROW: usize = 128;

impl OfKeys {
    fn new(before: String, after: String) -> Self {
        let one = format!("{before}(?){after}").into();
        Self { one, before, after }
    }

    fn of(&self, keys: &[&Key]) -> Statement {
        if let [key] = keys {
            return Statement::Prepared(Arc::clone(&self.one), vec![Parameter::key(key)]);
        }
        let size: usize = keys.iter().copied().map(key).sum();
        let mut sql = Vec::with_capacity(AROUND + size);
        sql.extend_from_slice(self.before.as_bytes());
        for (place, key) in keys.iter().enumerate() {
            sql.push(if place == 0 { b'(' } else { b',' });
            push_hex(&mut sql, bounded(key).as_bytes());
        }
        sql.push(b')');
        sql.extend_from_slice(self.after.as_bytes());
        Statement::Text(sql)
    }
}

impl Put {
    fn new(before: String) -> Self {
        let after =
            " ON DUPLICATE KEY UPDATE `value` = VALUES(`value`), `expires` = VALUES(`expires`)";
        let one = format!("{before}(?, ?, {NOW} + ?){after}").into();
        Self { one, before, after }
    }

    fn of(&self, entries: &[&Entry]) -> Statement {
        if let [entry] = entries {
            let parameters = vec![
                Parameter::key(entry.key()),
                Parameter::Bytes(entry.value().clone()),
                Parameter::ttl(entry),
            ];
            return Statement::Prepared(Arc::clone(&self.one), parameters);
        }
        let size: usize = entries.iter().copied().map(row).sum();
        let mut sql = Vec::with_capacity(AROUND + size);
        sql.extend_from_slice(self.before.as_bytes());
        for (place, entry) in entries.iter().enumerate() {
            sql.extend_from_slice(if place == 0 { b"(" } else { b", (" });
            push_hex(&mut sql, bounded(entry.key()).as_bytes());
            sql.extend_from_slice(b", ");
            push_hex(&mut sql, entry.value());
            let expires = entry
                .ttl()
                .map(millis)
                .map_or_else(|| ", NULL)".to_owned(), |ttl| format!(", {NOW} + {ttl})"));
            sql.extend_from_slice(expires.as_bytes());
        }
        sql.extend_from_slice(self.after.as_bytes());
        Statement::Text(sql)
    }
}

impl Statements {
    pub(super) fn new(name: &str, table: String) -> Self {
        let name = name.to_owned();
        let get = OfKeys::new(
            format!("SELECT `key`, `value` FROM {table} WHERE `key` IN "),
            format!(" AND (`expires` IS NULL OR `expires` > {NOW})"),
        );
        let remove = OfKeys::new(
            format!("DELETE FROM {table} WHERE `key` IN "),
            String::new(),
        );
        let put = Put::new(format!(
            "INSERT INTO {table} (`key`, `value`, `expires`) VALUES "
        ));
        // `expires` is set last: it is looked at for both.
        let put_absent = format!(
            "INSERT INTO {table} (`key`, `value`, `expires`) VALUES (?, ?, {NOW} + ?) \
             ON DUPLICATE KEY UPDATE `value` = IF(`expires` <= {NOW}, VALUES(`value`), `value`), \
             `expires` = IF(`expires` <= {NOW}, VALUES(`expires`), `expires`)"
        );
        let put_over = format!(
            "UPDATE {table} SET `value` = ?, `expires` = {NOW} + ? \
             WHERE `key` = ? AND `value` = ? AND (`expires` IS NULL OR `expires` > {NOW})"
        );
        Self {
            name,
            table,
            get,
            remove,
            put,
            put_absent: put_absent.into(),
            put_over: put_over.into(),
        }
    }

    /// Creates the table unless it is there.
    pub(super) fn create(&self) -> Statement {
        Statement::text(format!(
            "CREATE TABLE IF NOT EXISTS {} (
                `key` VARBINARY(1024) NOT NULL PRIMARY KEY,
                `value` LONGBLOB NOT NULL,
                `expires` BIGINT NULL,
                KEY `expires` (`expires`)
            ) ENGINE = InnoDB ROW_FORMAT = DYNAMIC",
            self.table
        ))
    }

    /// A row for each of the table's columns, of one text such as `expires bigint`.
    pub(super) fn columns(&self) -> Statement {
        // MariaDB writes `bigint(20)` for what MySQL calls `bigint`.
        Statement::text(format!(
            "SELECT CONCAT_WS(' ', column_name,
                REPLACE(LOWER(column_type), 'bigint(20)', 'bigint'),
                IF(is_nullable = 'NO', 'not null', NULL),
                IF(column_key = 'PRI', 'primary key', NULL))
            FROM information_schema.columns
            WHERE table_schema = DATABASE() AND table_name = '{}'",
            self.name
        ))
    }

    /// Rows of key and value, those of them that aren't expired.
    pub(super) fn get(&self, keys: &[&Key]) -> Statement {
        self.get.of(keys)
    }

    pub(super) fn remove(&self, keys: &[&Key]) -> Statement {
        self.remove.of(keys)
    }

    /// Writes entries, which have to be in the order of their keys: batches that overlap don't wait
    /// for each other in a circle then.
    pub(super) fn put(&self, entries: &[&Entry]) -> Statement {
        self.put.of(entries)
    }

    /// Swaps an entry: no row is affected when that isn't done.
    pub(super) fn swap(&self, swap: &Swap) -> Statement {
        let entry = swap.entry();
        let (key, ttl) = (Parameter::key(entry.key()), Parameter::ttl(entry));
        let value = Parameter::Bytes(entry.value().clone());
        match swap.expected() {
            None => Statement::Prepared(Arc::clone(&self.put_absent), vec![key, value, ttl]),
            Some(expected) => {
                let expected = Parameter::Bytes(expected.clone());
                let parameters = vec![value, ttl, key, expected];
                Statement::Prepared(Arc::clone(&self.put_over), parameters)
            }
        }
    }

    /// Removes a batch of expired rows.
    pub(super) fn sweep(&self) -> Statement {
        Statement::text(format!(
            "DELETE FROM {} WHERE `expires` <= {NOW} ORDER BY `expires` LIMIT {}",
            self.table,
            sweep::BATCH
        ))
    }

    /// One row: 1 when this connection has the lock of those who sweep, or else 0.
    pub(super) fn lock(&self) -> Statement {
        Statement::text(format!("SELECT GET_LOCK({}, 0)", self.lock_name()))
    }

    pub(super) fn unlock(&self) -> Statement {
        Statement::text(format!("SELECT RELEASE_LOCK({})", self.lock_name()))
    }

    /// A lock is the whole server's, and its name has up to 64 characters.
    fn lock_name(&self) -> String {
        format!("LEFT(CONCAT('cacheme:', DATABASE(), '.{}'), 64)", self.name)
    }
}

/// The server's time in microseconds since the Unix epoch.
pub(super) fn time() -> Statement {
    let sql = "SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))";
    Statement::text(sql.to_owned())
}

/// How keys are cut for a server that takes packets of so many bytes, each of this [size](key).
pub(super) fn limit(packet: usize) -> Limit {
    Limit {
        entries: KEYS,
        bytes: packet.min(BYTES).saturating_sub(AROUND),
    }
}

/// The bytes of a key in a statement.
pub(super) fn key(key: &Key) -> usize {
    2 * bounded(key).len() + AROUND_ROW
}

/// The bytes of an entry in a statement.
pub(super) fn row(entry: &Entry) -> usize {
    key(entry.key()) + 2 * entry.value().len()
}

/// Whether a server that takes packets of so many bytes can take the entry, by itself.
pub(super) fn fits(entry: &Entry, packet: usize) -> bool {
    AROUND + bounded(entry.key()).len() + entry.value().len() <= packet
}

/// Writes bytes as a literal, `X'...'`.
fn push_hex(sql: &mut Vec<u8>, bytes: &[u8]) {
    const PAIRS: [[u8; 2]; 256] = {
        const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
        let mut pairs = [[0; 2]; 256];
        let mut byte = 0;
        while byte < pairs.len() {
            pairs[byte] = [DIGITS[byte >> 4], DIGITS[byte & 15]];
            byte += 1;
        }
        pairs
    };
    sql.extend_from_slice(b"X'");
    for byte in bytes {
        sql.extend_from_slice(&PAIRS[usize::from(*byte)]);
    }
    sql.push(b'\'');
}

/// In milliseconds, at most ten thousand years, so that sums with it don't overflow.
fn millis(ttl: Duration) -> u64 {
    const MOST: u64 = 10_000 * 366 * 24 * 3600 * 1000;
    u64::try_from(ttl.as_millis()).map_or(MOST, |ttl| ttl.min(MOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(statement: Statement) -> String {
        match statement {
            Statement::Text(sql) => String::from_utf8(sql).expect("it is all ASCII"),
            Statement::Prepared(sql, _) => sql.to_string(),
        }
    }

    #[test]
    fn bytes_go_in_hexadecimal() {
        let keys = ["a'`", "\0é"].map(Key::new);
        let sql = text(Statements::new("t", "`t`".to_owned()).remove(&keys.each_ref()));
        assert_eq!(sql, "DELETE FROM `t` WHERE `key` IN (X'612760',X'00C3A9')");
    }

    #[test]
    fn statements_are_no_larger_than_they_are_counted() {
        let name = "x".repeat(48);
        let statements = Statements::new(&name, format!("`{name}`"));
        let keys = [String::new(), "k".repeat(1024), "k".repeat(5000)].map(Key::new);
        let keys = keys.each_ref();
        let size: usize = keys.into_iter().map(key).sum();
        assert!(text(statements.get(&keys)).len() <= AROUND + size);
        let longest = Duration::from_secs(u64::MAX);
        let entries = keys.map(|key| Entry::new(key.clone(), vec![b'x'; 300]).with_ttl(longest));
        let entries = entries.each_ref();
        let size: usize = entries.into_iter().map(row).sum();
        assert!(text(statements.put(&entries)).len() <= AROUND + size);
    }
}
