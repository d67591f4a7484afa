//! The table: the statements that make it and look at it, and those that entries go through.

use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::error::BoxError;
use crate::storage::driver::sweep::BATCH;
use crate::storage::driver::table::Table;

use super::error::explain;

/// A number of ours among the advisory locks of a database, "cach".
const LOCKS: i32 = 0x6361_6368;

/// The statements of one table.
#[derive(Debug)]
pub(super) struct Schema {
    table: Table,
    create: String,
    /// The value of `$1`.
    pub(super) get: String,
    /// The keys and values of `$1`.
    pub(super) get_many: String,
    /// Puts keys `$1` with values `$2` for so many milliseconds `$3`.
    pub(super) put: String,
    /// Puts key `$1` with value `$2` for so many milliseconds `$3` where it isn't there.
    pub(super) put_absent: String,
    /// The same where its value is `$4`.
    pub(super) put_over: String,
    /// Removes keys `$1`.
    pub(super) remove: String,
    pub(super) sweep: String,
}

impl Schema {
    /// Its columns, as the server names their types.
    const COLUMNS: [&str; 3] = [
        "key bytea primary key",
        "value bytea not null",
        "expires timestamp with time zone",
    ];

    /// The columns of a table that need not be there, by the catalog, which everybody may read.
    const FOUND: &str = "\
        SELECT a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || CASE \
            WHEN EXISTS (SELECT FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisprimary \
                AND i.indnatts = 1 AND i.indkey[0] = a.attnum) THEN ' primary key' \
            WHEN a.attnotnull THEN ' not null' ELSE '' END \
        FROM pg_attribute a \
        WHERE a.attrelid = to_regclass($1::text) AND a.attnum > 0 AND NOT a.attisdropped";

    /// The statements of a table whose name was checked.
    pub(super) fn new(table: Table, unlogged: bool) -> Self {
        let name = table.quoted('"');
        let last = table.name.rsplit('.').next().unwrap_or_default();
        let unlogged = if unlogged { "UNLOGGED " } else { "" };
        // Rows are locked in the order of their keys by all, so that nobody waits in a circle. An
        // array keeps the plan to the primary key, whatever is known of the table.
        Self {
            create: format!(
                "SELECT pg_advisory_xact_lock({LOCKS}, 0); \
                 CREATE {unlogged}TABLE IF NOT EXISTS {name} \
                 (key bytea PRIMARY KEY, value bytea NOT NULL, expires timestamptz); \
                 ALTER TABLE {name} ALTER COLUMN value SET STORAGE EXTERNAL; \
                 CREATE INDEX IF NOT EXISTS \"{last}_expires\" ON {name} (expires) \
                 WHERE expires IS NOT NULL"
            ),
            get: format!(
                "SELECT value FROM {name} WHERE key = $1 AND (expires IS NULL OR expires > now())"
            ),
            get_many: format!(
                "SELECT key, value FROM {name} \
                 WHERE key = ANY($1) AND (expires IS NULL OR expires > now())"
            ),
            put: format!(
                "INSERT INTO {name} (key, value, expires) \
                 SELECT key, value, clock_timestamp() + millis * interval '1 millisecond' \
                 FROM unnest($1::bytea[], $2::bytea[], $3::bigint[]) AS e (key, value, millis) \
                 ON CONFLICT (key) DO UPDATE \
                 SET value = excluded.value, expires = excluded.expires"
            ),
            put_absent: format!(
                "INSERT INTO {name} AS old (key, value, expires) \
                 VALUES ($1, $2, clock_timestamp() + $3 * interval '1 millisecond') \
                 ON CONFLICT (key) DO UPDATE \
                 SET value = excluded.value, expires = excluded.expires \
                 WHERE old.expires <= clock_timestamp() RETURNING true"
            ),
            put_over: format!(
                "UPDATE {name} SET value = $2, \
                 expires = clock_timestamp() + $3 * interval '1 millisecond' \
                 WHERE key = $1 AND value = $4 \
                 AND (expires IS NULL OR expires > clock_timestamp()) RETURNING true"
            ),
            remove: format!(
                "DELETE FROM {name} WHERE key = ANY(ARRAY(\
                 SELECT key FROM {name} WHERE key = ANY($1) ORDER BY key FOR UPDATE))"
            ),
            sweep: format!(
                "DELETE FROM {name} WHERE key = ANY(ARRAY(SELECT key FROM {name} \
                 WHERE expires <= now() \
                 AND (SELECT pg_try_advisory_xact_lock({LOCKS}, hashtext('{name}'))) \
                 ORDER BY expires LIMIT {BATCH} FOR UPDATE SKIP LOCKED))"
            ),
            table,
        }
    }

    /// The table's name.
    pub(super) fn name(&self) -> &str {
        &self.table.name
    }

    /// Makes sure that the table is there and is ours.
    pub(super) async fn ensure(&self, client: &Client) -> Result<(), BoxError> {
        let mut found = self.columns(client).await?;
        if found.is_empty() {
            if !self.table.create {
                return Err(self.table.missing());
            }
            let created = client.batch_execute(&self.create).await;
            created.map_err(|error| {
                let error = explain(&error);
                let table = &self.table.name;
                format!("the table `{table}` isn't there and can't be created: {error}")
            })?;
            found = self.columns(client).await?;
        }
        self.table.refuse_other(&Self::COLUMNS, &found)
    }

    /// The columns that there are, none without a table.
    async fn columns(&self, client: &Client) -> Result<Vec<String>, BoxError> {
        let table = self.table.quoted('"');
        let rows = client
            .query_typed(Self::FOUND, &[(&table, Type::TEXT)])
            .await;
        let rows = rows.map_err(|error| explain(&error))?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }
}
