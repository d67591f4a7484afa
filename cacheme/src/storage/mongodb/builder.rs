//! How to connect to MongoDB.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use mongodb::Client;
use mongodb::bson::serialize_to_raw_document_buf;
use mongodb::options::{ClientOptions, ConnectionString};
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout_at};

use super::failure::Failure;
use super::{Core, MongodbStorage, place};
use crate::error::BoxError;
use crate::storage::driver::course::Courses;
use crate::storage::driver::reach::{Reach, reach_setters};
use crate::storage::driver::server_clock::ServerClock;
use crate::storage::driver::sweep;
use crate::storage::driver::table::{Table, table_setters};
use crate::storage::url::BadUrl;

/// How to connect to MongoDB; made by [`MongodbStorage::builder`].
#[derive(Clone)]
pub struct MongodbStorageBuilder {
    pub(in crate::storage) url: Result<ConnectionString, BadUrl>,
    reach: Reach,
    table: Table,
    database: String,
}

impl MongodbStorageBuilder {
    /// Reads the URL. What is wrong with it is said by [`connect`](Self::connect).
    pub(super) fn new(url: &str) -> Self {
        let mut reach = Reach::new(8);
        let mut table = Table::default();
        let mut database = table.name.clone();
        let url = place::read(url, &mut reach, &mut table, &mut database);
        Self {
            url,
            reach,
            table,
            database,
        }
    }

    reach_setters!();
    table_setters!(collection);

    /// Sets the database's name, that of the URL's path by default, or `cacheme` without one.
    ///
    /// The one of the path is also where the URL's user is looked for, unless `authSource` says
    /// otherwise.
    #[must_use]
    pub fn database(mut self, name: impl Into<String>) -> Self {
        self.database = name.into();
        self
    }

    /// Connects. Beside the connections of the pool, and one more for a bus, each server has two on which the driver watches
    /// it. Connections that are lost are made again when they are needed.
    ///
    /// # Errors
    ///
    /// When the URL is wrong, when the DNS knows nothing of a `mongodb+srv` one and, unless
    /// [`lazy`](Self::lazy), when no server can be reached within the time for connecting, one
    /// refuses the password, or the collection isn't ours or is missing and not to be created.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the connections up.
    pub async fn connect(self) -> Result<MongodbStorage, BoxError> {
        let Self {
            url,
            reach,
            table,
            database,
        } = self;
        let url = url?;
        place::check(&database, &table.name)?;
        let until = Instant::now() + reach.connect_timeout;
        let parsing = timeout_at(until, ClientOptions::parse(url)).await;
        let parsed = parsing.map_err(|_| "the DNS didn't answer in the time for connecting")?;
        let mut options = parsed.map_err(Failure::new)?;
        let pool = u32::try_from(reach.pool).unwrap_or(u32::MAX);
        // One more, on which a bus nearly always waits.
        options.max_pool_size = Some(pool.saturating_add(1));
        // As many operations as there are places: none waits in the driver's queue.
        options.max_connecting = Some(pool);
        options.connect_timeout = Some(reach.connect_timeout);
        // A little less than there is time for, since its error says why there is no server.
        let selection = reach.deadline.min(reach.connect_timeout) * 9 / 10;
        options.server_selection_timeout = Some(selection);
        let client = Client::with_options(options).map_err(Failure::new)?;
        let collection = client.database(&database).collection(&table.name);
        let concern = collection.write_concern();
        let core = Arc::new(Core {
            concern: concern.map(serialize_to_raw_document_buf).transpose()?,
            collection,
            deadline: reach.deadline,
            clock: ServerClock::new(),
            courses: Courses::new(&reach),
            ready: OnceCell::new(),
            table,
        });
        if !reach.lazy {
            core.found(until).await?;
        }
        let mut background = vec![ServerClock::follow(&core)];
        if let Some(every) = core.table.sweep {
            background.push(sweep::in_background(&core, every));
        }
        Ok(MongodbStorage {
            core,
            _background: background.into(),
        })
    }
}

impl fmt::Debug for MongodbStorageBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the URL, which may hold a password.
        f.debug_struct("MongodbStorageBuilder")
            .field("reach", &self.reach)
            .field("table", &self.table)
            .field("database", &self.database)
            .finish_non_exhaustive()
    }
}
