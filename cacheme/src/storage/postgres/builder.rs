//! How to connect: what the URL says and what the setters say.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustls::RootCertStore;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::PostgresStorage;
use crate::error::BoxError;
use crate::storage::driver::reach::{Reach, reach_setters};
use crate::storage::driver::table::{Table, table_setters};
use crate::storage::driver::tls;
use crate::storage::url::{BadUrl, Parameter, StorageUrl};

/// How to connect to PostgreSQL; made by [`PostgresStorage::builder`].
#[derive(Clone)]
pub struct PostgresStorageBuilder {
    /// For the driver.
    pub(in crate::storage) config: Result<Config, BadUrl>,
    pub(super) reach: Reach,
    pub(super) table: Table,
    pub(super) unlogged: bool,
    pub(super) prepare: bool,
    ca: Option<PathBuf>,
}

impl PostgresStorageBuilder {
    /// Parameters of ours beside those of every server and every table.
    const OURS: [&str; 4] = ["unlogged", "prepare", "sslmode", "ca"];

    /// Parameters of the driver.
    const THEIRS: [&str; 15] = [
        "user",
        "password",
        "host",
        "hostaddr",
        "port",
        "dbname",
        "application_name",
        "options",
        "channel_binding",
        "keepalives",
        "keepalives_idle",
        "keepalives_interval",
        "keepalives_retries",
        "load_balance_hosts",
        "target_session_attrs",
    ];

    pub(super) fn new(url: &str) -> Self {
        let mut builder = Self {
            config: Ok(Config::new()),
            reach: Reach::new(8),
            table: Table::default(),
            unlogged: false,
            prepare: true,
            ca: None,
        };
        builder.config = builder.read(url);
        builder
    }

    reach_setters!();

    table_setters!(table);

    /// Creates a missing table as an `UNLOGGED` one: writes are cheaper, and the server empties the
    /// table when it crashes and has it not at all on its replicas.
    #[must_use]
    pub fn unlogged(mut self) -> Self {
        self.unlogged = true;
        self
    }

    /// Sends each statement with its text instead of preparing it once on each connection. Reads
    /// take about twice the server's time then. For a pooler between that mixes connections and
    /// doesn't know of prepared statements, such as `PgBouncer` before 1.21 by transactions.
    #[must_use]
    pub fn without_prepare(mut self) -> Self {
        self.prepare = false;
        self
    }

    /// Trusts the certificates of this PEM file instead of those that the system trusts.
    #[must_use]
    pub fn ca(mut self, file: impl Into<PathBuf>) -> Self {
        self.ca = Some(file.into());
        self
    }

    fn read(&mut self, url: &str) -> Result<Config, BadUrl> {
        // The driver would take anything else for options of its own, and quote it in its error.
        if !["postgresql://", "postgres://"]
            .iter()
            .any(|scheme| url.starts_with(scheme))
        {
            let problem = "not the URL of a database: one is `postgresql://host/database`";
            return Err(BadUrl::new(problem));
        }
        let ours: Vec<&str> = [&Reach::PARAMETERS[..], &Table::PARAMETERS, &Self::OURS].concat();
        let url = StorageUrl::parse(url, &ours, &Self::THEIRS)?;
        self.reach.read(&url)?;
        self.table.read(&url, "table")?;
        self.table.check(2)?;
        url.read("unlogged", &mut self.unlogged)?;
        url.read("prepare", &mut self.prepare)?;
        let mut mode = SslMode::Prefer;
        url.read("sslmode", &mut mode)?;
        self.ca = url.get::<String>("ca")?.map(PathBuf::from);
        let config = url.without(&ours).parse::<Config>();
        let mut config = config.map_err(|error| {
            // Its source names the parameter; neither has anything of the value.
            let source = std::error::Error::source(&error);
            BadUrl::new(source.map_or_else(|| error.to_string(), ToString::to_string))
        })?;
        let odd = |host: &Host| matches!(host, Host::Tcp(name) if name.contains('@'));
        if config.get_hosts().iter().any(odd) {
            let problem = "a `@` in a user or a password is to be written as `%40`";
            return Err(BadUrl::new(problem));
        }
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            let example = "postgresql://user:password@host:5432/database";
            let problem = format_args!("it names no host; one looks like `{example}`");
            return Err(BadUrl::new(problem));
        }
        if config.get_application_name().is_none() {
            config.application_name("cacheme");
        }
        config.ssl_mode(mode);
        Ok(config)
    }

    /// Connects, and makes sure that the table is there. More connections are made as they are
    /// needed, and lost ones replaced.
    ///
    /// # Errors
    ///
    /// When the URL is wrong and, unless [`lazy`](Self::lazy), when the server can't be reached
    /// within the time for connecting, refuses the user, or has another table of this name.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the connection up.
    pub async fn connect(self) -> Result<PostgresStorage, BoxError> {
        self.table.check(2)?;
        let config = self.config.clone()?;
        let tls = tls_for(&config, self.ca.as_deref())?;
        PostgresStorage::open(self, config, tls).await
    }
}

/// TLS by `sslmode`, which is in `config`.
fn tls_for(config: &Config, ca: Option<&Path>) -> Result<MakeRustlsConnect, BoxError> {
    let config = match (config.get_ssl_mode(), ca) {
        (SslMode::Disable, _) => tls::trusting(RootCertStore::empty()),
        // That nothing is trusted matters only where the server offers TLS, and is said then.
        (SslMode::Prefer, None) => tls::trusting(tls::system()),
        (_, ca) => tls::config(ca),
    };
    Ok(MakeRustlsConnect::new(config?))
}

impl Parameter for SslMode {
    const KIND: &'static str = "`disable`, `prefer`, `require` or `verify-full`";

    fn read(value: &str) -> Option<Self> {
        match value {
            "disable" => Some(Self::Disable),
            "prefer" => Some(Self::Prefer),
            // The certificate is always verified, and so is the name in it.
            "require" | "verify-full" => Some(Self::Require),
            _ => None,
        }
    }
}

impl fmt::Debug for PostgresStorageBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the configuration, which may hold a password.
        f.debug_struct("PostgresStorageBuilder")
            .field("reach", &self.reach)
            .field("table", &self.table)
            .field("unlogged", &self.unlogged)
            .field("prepare", &self.prepare)
            .field("ca", &self.ca)
            .finish_non_exhaustive()
    }
}
