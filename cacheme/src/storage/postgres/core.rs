//! What clones of a storage share: the connections, and the statements on them.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod};
use futures_core::Stream as _;
use tokio::runtime::Handle;
use tokio::sync::OnceCell;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Config, Row};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::builder::PostgresStorageBuilder;
use super::dial::Dialer;
use super::error::{explain, unconnected};
use super::lease::{Lease, Purpose, Rescue, Unsettled};
use super::schema::Schema;
use crate::error::BoxError;
use crate::key::Key;
use crate::storage::copies::Copies;
use crate::storage::driver::batch::{Limit, bounded, by_key, each_once, last_of_each, size};
use crate::storage::driver::reach::Reach;
use crate::storage::driver::server_clock::{ServerClock, Timed};
use crate::storage::driver::sweep::Sweep;
use crate::storage::driver::together::AT_ONCE;
use crate::storage::{Entry, Swap};
use crate::together::together;

/// The connections and the table, as clones of a storage share them.
pub(super) struct Core {
    pub(super) pool: Pool,
    pub(super) reach: Reach,
    pub(super) schema: Schema,
    /// Whether the table was seen to be right.
    ready: OnceCell<()>,
    rescue: Arc<Rescue>,
    prepare: bool,
    pub(super) clock: ServerClock,
}

impl Core {
    /// The most that goes into one statement. The server would take 1 GiB.
    const LIMIT: Limit = Limit {
        entries: 50_000,
        bytes: 32 << 20,
    };

    /// More connections than any server takes.
    const MOST_CONNECTIONS: usize = 10_000;

    /// No connection yet.
    pub(super) fn new(
        builder: PostgresStorageBuilder,
        config: Config,
        tls: MakeRustlsConnect,
    ) -> Result<Self, BoxError> {
        let reach = builder.reach;
        let most = reach.pool.min(Self::MOST_CONNECTIONS);
        let dialer = Dialer::new(tls.clone(), reach.connect_timeout, most);
        let recycling = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let manager = Manager::from_connect(config, dialer, recycling);
        let rescue = Rescue {
            runtime: Handle::current(),
            tls,
            deadline: reach.deadline,
            unsettled: Unsettled::new(),
        };
        Ok(Self {
            pool: Pool::builder(manager).max_size(most).build()?,
            schema: Schema::new(builder.table, builder.unlogged),
            ready: OnceCell::new(),
            rescue: Arc::new(rescue),
            prepare: builder.prepare,
            clock: ServerClock::new(),
            reach,
        })
    }

    /// Makes sure once that the table is there and is right.
    pub(super) async fn ready(&self) -> Result<(), BoxError> {
        let ensure = || async {
            let lease = self.lease(Purpose::Read).await?;
            let ensured = self.schema.ensure(&lease).await;
            lease.end();
            ensured
        };
        self.ready.get_or_try_init(ensure).await.copied()
    }

    /// A connection of the pool.
    pub(super) async fn lease(&self, purpose: Purpose) -> Result<Lease, BoxError> {
        let client = self.pool.get().await.map_err(unconnected)?;
        Ok(Lease::new(client, purpose, &self.rescue))
    }

    /// A connection for a write: the table is there, and nothing that was given up comes later.
    pub(super) async fn lease_to_write(&self) -> Result<Lease, BoxError> {
        self.ready().await?;
        self.rescue.unsettled.none().await;
        self.lease(Purpose::Write).await
    }

    /// Runs one statement, and gives `take` each row as it arrives. A row is dropped before the next one is made, so
    /// that the allocator has its memory for that.
    async fn query(
        &self,
        lease: &Lease,
        statement: &str,
        parameters: &[(&(dyn ToSql + Sync), Type)],
        mut take: impl FnMut(&Row) -> Result<(), BoxError>,
    ) -> Result<(), BoxError> {
        let rows = async {
            if !self.prepare {
                let parameters = parameters.iter().cloned();
                return lease.query_typed_raw(statement, parameters).await;
            }
            let (values, types): (Vec<_>, Vec<_>) = parameters.iter().cloned().unzip();
            let prepared = lease.prepare_typed_cached(statement, &types).await?;
            lease.query_raw(&prepared, values).await
        };
        let rows = rows.await.map_err(|error| explain(&error))?;
        let mut rows = pin!(rows);
        let mut taken = Ok(());
        // To the end in any case: the connection goes back to the pool.
        while let Some(row) = poll_fn(|cx| rows.as_mut().poll_next(cx)).await {
            let row = row.map_err(|error| explain(&error))?;
            taken = taken.and_then(|()| take(&row));
        }
        taken
    }

    pub(super) async fn get(
        &self,
        lease: &Lease,
        keys: &[Key],
    ) -> Result<Vec<Option<Bytes>>, BoxError> {
        if let [key] = keys {
            // The server is half as fast with an array of one.
            let key = bounded(key);
            let key = key.as_bytes();
            let parameters = [parameter(&key, Type::BYTEA)];
            let mut value = None;
            let take = |row: &Row| {
                value = Some(Bytes::copy_from_slice(row.try_get(0)?));
                Ok(())
            };
            let taken = self.query(lease, &self.schema.get, &parameters, take);
            return taken.await.map(|()| vec![value]);
        }
        let mut copies = Copies::of(keys.len());
        let mut found = vec![None; keys.len()];
        let mut rest = &mut found[..];
        for keys in Self::LIMIT.chunks(keys, |key| key.as_str().len()) {
            let (found, others) = rest.split_at_mut(keys.len());
            rest = others;
            let keys: Vec<_> = keys.iter().map(bounded).collect();
            let keys: Vec<_> = keys.iter().map(|key| key.as_bytes()).collect();
            let parameters = [parameter(&keys, Type::BYTEA_ARRAY)];
            let (mut places, mut twins) = (by_key::<&[u8], usize>(keys.len()), Vec::new());
            for (place, key) in keys.iter().enumerate() {
                if let Some(twin) = places.insert(key, place) {
                    twins.push((twin, place));
                }
            }
            let take = |row: &Row| {
                let place = places.get(row.try_get::<_, &[u8]>(0)?);
                let place = place.ok_or("the server has other keys than it was asked for")?;
                found[*place] = Some(copies.copy(row.try_get(1)?));
                Ok(())
            };
            let taken = self.query(lease, &self.schema.get_many, &parameters, take);
            taken.await?;
            for (twin, place) in twins.into_iter().rev() {
                let value = found[place].clone();
                found[twin] = value;
            }
        }
        Ok(found)
    }

    pub(super) async fn put(&self, lease: &Lease, entries: &[Entry]) -> Result<(), BoxError> {
        let entries = last_of_each(entries);
        let mut entries: Vec<_> = entries
            .into_iter()
            .map(|entry| (bounded(entry.key()), entry))
            .collect();
        entries.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        for chunk in Self::LIMIT.chunks(&entries, |(_, entry)| size(entry)) {
            let keys: Vec<_> = chunk.iter().map(|(key, _)| key.as_bytes()).collect();
            let values: Vec<_> = chunk.iter().map(|(_, entry)| &**entry.value()).collect();
            let millis: Vec<_> = chunk.iter().map(|(_, entry)| millis(entry)).collect();
            let parameters = [
                parameter(&keys, Type::BYTEA_ARRAY),
                parameter(&values, Type::BYTEA_ARRAY),
                parameter(&millis, Type::INT8_ARRAY),
            ];
            let put = self.query(lease, &self.schema.put, &parameters, |_| Ok(()));
            put.await?;
        }
        Ok(())
    }

    /// Swaps entries, many on their way at once. Each is a transaction, so that nobody waits in a circle.
    pub(super) async fn swap(&self, lease: &Lease, swaps: &[Swap]) -> Result<Vec<bool>, BoxError> {
        let mut swapped = Vec::with_capacity(swaps.len());
        for swaps in swaps.chunks(AT_ONCE) {
            swapped.extend(self.swap_at_once(lease, swaps).await?);
        }
        Ok(swapped)
    }

    async fn swap_at_once(&self, lease: &Lease, swaps: &[Swap]) -> Result<Vec<bool>, BoxError> {
        let swapping = swaps.iter().map(|swap| async move {
            let (key, entry) = (bounded(swap.entry().key()), swap.entry());
            let (key, value, millis) = (key.as_bytes(), &**entry.value(), millis(entry));
            let expected = swap.expected().map(|expected| &**expected);
            let mut parameters = vec![
                parameter(&key, Type::BYTEA),
                parameter(&value, Type::BYTEA),
                parameter(&millis, Type::INT8),
            ];
            let mut statement = &self.schema.put_absent;
            if expected.is_some() {
                parameters.push(parameter(&expected, Type::BYTEA));
                statement = &self.schema.put_over;
            }
            let mut swapped = false;
            let take = |_: &Row| {
                swapped = true;
                Ok(())
            };
            self.query(lease, statement, &parameters, take).await?;
            Ok(swapped)
        });
        together(swapping).await.into_iter().collect()
    }

    pub(super) async fn remove(&self, lease: &Lease, keys: &[Key]) -> Result<(), BoxError> {
        let mut keys: Vec<_> = each_once(keys).into_iter().map(bounded).collect();
        keys.sort_unstable();
        for chunk in Self::LIMIT.chunks(&keys, |key| key.len()) {
            let keys: Vec<_> = chunk.iter().map(|key| key.as_bytes()).collect();
            let parameters = [parameter(&keys, Type::BYTEA_ARRAY)];
            let removed = self.query(lease, &self.schema.remove, &parameters, |_| Ok(()));
            removed.await?;
        }
        Ok(())
    }
}

impl Timed for Core {
    fn clock(&self) -> &ServerClock {
        &self.clock
    }

    async fn ask_time(&self) -> Result<Duration, BoxError> {
        let operation = async {
            let lease = self.lease(Purpose::Read).await?;
            let time = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
            let mut micros = None;
            let take = |row: &Row| {
                micros = Some(row.try_get::<_, i64>(0)?);
                Ok(())
            };
            let asked = self.query(&lease, time, &[], take).await;
            lease.end();
            asked?;
            let micros = micros.ok_or("the server has no time")?;
            Ok(Duration::from_micros(u64::try_from(micros)?))
        };
        self.reach.within(operation).await
    }
}

impl Sweep for Core {
    async fn sweep(&self) -> Result<u64, BoxError> {
        let operation = async {
            self.ready().await?;
            // It touches nothing that anybody writes: it isn't waited for when it is cut off.
            let lease = self.lease(Purpose::Read).await?;
            let swept = lease.execute_typed(&self.schema.sweep, &[]).await;
            lease.end();
            swept.map_err(|error| explain(&error))
        };
        // Nobody waits for it, and it may be a lot of work.
        let patience = 10 * self.reach.deadline;
        tokio::time::timeout(patience, operation).await?
    }
}

/// A statement's parameter.
fn parameter<T: ToSql + Sync>(value: &T, kind: Type) -> (&(dyn ToSql + Sync), Type) {
    (value, kind)
}

/// How long an entry is kept.
fn millis(entry: &Entry) -> Option<i64> {
    // A century: the server refuses a time that it can't count.
    const MOST: i64 = 100 * 366 * 24 * 3600 * 1000;
    let ttl = entry.ttl()?.as_millis();
    Some(i64::try_from(ttl).map_or(MOST, |ttl| ttl.min(MOST)))
}
