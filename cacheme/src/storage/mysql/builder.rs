//! How a [`MysqlStorage`] is reached: from a URL, or set one by one.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mysql_async::{Opts, OptsBuilder, SslOpts};
use tokio::sync::OnceCell;

use super::abandoned::Abandoned;
use super::pool::Pool;
use super::statement::Statements;
use super::{Core, MysqlStorage};
use crate::error::BoxError;
use crate::storage::driver::background::Background;
use crate::storage::driver::reach::{Reach, reach_setters};
use crate::storage::driver::server_clock::ServerClock;
use crate::storage::driver::sweep;
use crate::storage::driver::table::{Table, table_setters};
use crate::storage::url::{BadUrl, StorageUrl};

/// How to connect to MariaDB or MySQL; made by [`MysqlStorage::builder`].
#[derive(Clone)]
pub struct MysqlStorageBuilder {
    pub(in crate::storage) opts: Result<Opts, BadUrl>,
    reach: Reach,
    table: Table,
    tls: Tls,
}

/// Whether connections are encrypted, and whose certificates are trusted.
#[derive(Clone, Debug)]
enum Tls {
    Off,
    On { ca: Option<PathBuf> },
}

impl MysqlStorageBuilder {
    /// Parameters of the driver that are handed on. The rest of them would be in the way of ours.
    const THEIRS: [&str; 5] = [
        "compression",
        "enable_cleartext_plugin",
        "secure_auth",
        "socket",
        "tcp_keepalive",
    ];

    pub(super) fn new(url: &str) -> Self {
        let (mut reach, mut table, mut tls) = (Reach::new(8), Table::default(), Tls::Off);
        let opts = Self::read(url, &mut reach, &mut table, &mut tls);
        Self {
            opts,
            reach,
            table,
            tls,
        }
    }

    reach_setters!();

    table_setters!(table);

    /// Encrypts connections, and trusts the certificates that Mozilla does.
    #[must_use]
    pub fn tls(mut self) -> Self {
        self.tls = Tls::On { ca: None };
        self
    }

    /// Encrypts connections, and trusts the certificates of this PEM file, no others.
    #[must_use]
    pub fn ca(mut self, file: impl AsRef<Path>) -> Self {
        let ca = Some(file.as_ref().to_owned());
        self.tls = Tls::On { ca };
        self
    }

    fn read(
        url: &str,
        reach: &mut Reach,
        table: &mut Table,
        tls: &mut Tls,
    ) -> Result<Opts, BadUrl> {
        let rest = url.strip_prefix("mysql:").or(url.strip_prefix("mariadb:"));
        let Some(rest) = rest.filter(|rest| rest.starts_with("//")) else {
            let problem = "not the URL of a database: one is `mysql://host/database`";
            return Err(BadUrl::new(problem));
        };
        let ours = [&Reach::PARAMETERS[..], &Table::PARAMETERS, &["tls", "ca"]].concat();
        let url = StorageUrl::parse(&format!("mysql:{rest}"), &ours, &Self::THEIRS)?;
        reach.read(&url)?;
        table.read(&url, "table")?;
        let ca: Option<String> = url.get("ca")?;
        *tls = match (url.get("tls")?, ca) {
            (Some(false), Some(_)) => return Err(BadUrl::new("`ca` is given with `tls=false`")),
            (Some(true), None) => Tls::On { ca: None },
            (_, Some(file)) => Tls::On {
                ca: Some(file.into()),
            },
            _ => Tls::Off,
        };
        let opts = Opts::from_url(&url.without(&ours)).map_err(BadUrl::new)?;
        match opts.db_name() {
            Some(_) => Ok(opts),
            None => Err(BadUrl::new(
                "it names no database: write `mysql://host/database`",
            )),
        }
    }

    /// Connects, and creates the table if it is missing.
    ///
    /// # Errors
    ///
    /// When the URL, the name of the table or the file of certificates is wrong and, unless
    /// [`lazy`](Self::lazy), when the server can't be reached within the time for connecting or
    /// refuses the user, or when the table is missing and can't be created, or has other columns.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the connection up. The table may have been created.
    pub async fn connect(self) -> Result<MysqlStorage, BoxError> {
        let Self {
            opts,
            reach,
            table,
            tls,
        } = self;
        let opts = opts?;
        table.check(1)?;
        let place = format!("{}:{}", opts.ip_or_hostname(), opts.tcp_port());
        let opts = OptsBuilder::from_opts(opts)
            // The URL says where to connect to.
            .prefer_socket(false)
            // A swap goes by the rows that were changed.
            .client_found_rows(false)
            // What these are is asked of the server unless they are set, and needn't be: a
            // connection knows the server's limit, and one that the server closed is replaced.
            .max_allowed_packet(Some(1 << 30))
            .wait_timeout(Some(0))
            .ssl_opts(tls.opts()?);
        let pool = Pool::new(
            opts.into(),
            reach.pool,
            reach.connect_timeout,
            reach.deadline,
        );
        let (lazy, sweep) = (reach.lazy, table.sweep);
        let core = Arc::new(Core {
            pool: Arc::new(pool),
            statements: Statements::new(&table.name, table.quoted('`')),
            reach,
            table,
            clock: ServerClock::new(),
            ready: OnceCell::new(),
            abandoned: Abandoned::default(),
            place,
        });
        if !lazy {
            core.pool.lease().await?;
            let looked = tokio::time::timeout(core.reach.connect_timeout, core.lease());
            looked
                .await
                .map_err(|_| "the server doesn't say in time whether there is a table")??;
            ServerClock::ask(&*core).await?;
        }
        let swept = sweep.map(|every| sweep::in_background(&core, every));
        let background: Vec<Background> = [ServerClock::follow(&core)]
            .into_iter()
            .chain(swept)
            .collect();
        Ok(MysqlStorage {
            core,
            _background: background.into(),
        })
    }
}

impl Tls {
    fn opts(self) -> Result<Option<SslOpts>, BoxError> {
        let Self::On { ca } = self else {
            return Ok(None);
        };
        let opts = SslOpts::default();
        let Some(path) = ca else {
            return Ok(Some(opts));
        };
        let certificates = std::fs::read(&path).map_err(|error| {
            format!(
                "no certificates can be read from {}: {error}",
                path.display()
            )
        })?;
        let opts = opts
            .with_disable_built_in_roots(true)
            .with_root_certs(vec![certificates.into()]);
        Ok(Some(opts))
    }
}

impl fmt::Debug for MysqlStorageBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the URL, which may hold a password.
        f.debug_struct("MysqlStorageBuilder")
            .field("reach", &self.reach)
            .field("table", &self.table)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}
