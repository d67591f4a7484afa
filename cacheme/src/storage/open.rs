//! From what the user registers, a URL or a typed storage, to a storage that is ready.

use std::fmt;
use std::sync::Arc;

#[cfg(feature = "local")]
use super::LocalStorage;
use super::url::BadUrl;
use super::{LocalCache, Storage, StorageFuture};
use crate::clock::{Clock, SystemClock};
use crate::error::{BoxError, Error, Result};
use crate::guard::Guard;
use crate::runtime::Settings;

/// What a storage is registered as: a URL (`&str` or `String`; the [module](crate::storage) lists
/// them), a [`LocalStorage`](crate::LocalStorage), or any [`Storage`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither a storage nor the URL of one",
    note = "register a URL such as \"redis://localhost:6379\", a `LocalStorage`, or a type that implements `cacheme::Storage`"
)]
pub trait IntoStorage: Send {
    /// The storage, still closed.
    #[doc(hidden)]
    fn into_storage(self) -> Unopened;
}

/// A storage that is to be opened.
#[doc(hidden)]
#[derive(Debug)]
pub enum Unopened {
    /// What the URL says.
    Url(String),
    /// A cache in process.
    #[cfg(feature = "local")]
    Local(LocalStorage),
    /// Ready as it is.
    Remote(Arc<dyn Storage>),
}

impl<S: Storage> IntoStorage for S {
    fn into_storage(self) -> Unopened {
        Unopened::Remote(Arc::new(self))
    }
}

#[cfg(feature = "local")]
impl IntoStorage for LocalStorage {
    fn into_storage(self) -> Unopened {
        Unopened::Local(self)
    }
}

impl IntoStorage for &str {
    fn into_storage(self) -> Unopened {
        Unopened::Url(self.to_owned())
    }
}

impl IntoStorage for String {
    fn into_storage(self) -> Unopened {
        Unopened::Url(self)
    }
}

/// A storage that is open.
#[derive(Clone)]
pub(crate) enum Ready {
    #[cfg_attr(
        not(feature = "local"),
        expect(dead_code, reason = "there are no local storages then")
    )]
    Local(Arc<LocalCache>),
    Remote(Guard),
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(cache) => cache.fmt(f),
            Self::Remote(storage) => storage.fmt(f),
        }
    }
}

impl Unopened {
    /// Opens what is registered under `name`.
    pub(crate) async fn open(self, name: &str, settings: &Settings) -> Result<Ready> {
        let opening = Opening { name, settings };
        if name.is_empty() {
            return Err(opening.refuse("its name is empty"));
        }
        match self {
            Self::Url(url) => opening.url(&url).await,
            #[cfg(feature = "local")]
            Self::Local(storage) => opening.local(storage),
            Self::Remote(storage) => Ok(opening.remote(storage)),
        }
    }
}

/// The opening of a storage under a name.
#[derive(Clone, Copy)]
struct Opening<'a> {
    name: &'a str,
    settings: &'a Settings,
}

impl Opening<'_> {
    /// An error in what was registered under this name.
    fn refuse(self, problem: impl fmt::Display) -> Error {
        Error::config(format!("storage \"{}\": {problem}", self.name))
    }

    fn remote(self, storage: Arc<dyn Storage>) -> Ready {
        Ready::Remote(Guard::new(
            self.name,
            storage,
            self.settings.storage_timeout,
        ))
    }

    #[cfg(feature = "local")]
    fn local(self, storage: LocalStorage) -> Result<Ready> {
        let cache = storage.into_cache(Arc::clone(&self.settings.clock));
        let cache = cache.map_err(|problem| self.refuse(problem))?;
        Ok(Ready::Local(Arc::new(cache)))
    }

    async fn url(self, url: &str) -> Result<Ready> {
        #[cfg(feature = "local")]
        if url.starts_with("local:") {
            let storage = LocalStorage::parse(url);
            return self.local(storage.map_err(|problem| self.refuse(problem))?);
        }
        match remote(url, &self.settings.clock).await {
            Ok(storage) => Ok(self.remote(storage)),
            Err(error) if error.is::<BadUrl>() => Err(self.refuse(error)),
            Err(error) => Err(Error::storage_failed(self.name, "be opened", error)),
        }
    }
}

/// Opens the storage of a URL, any but a `local:` one: to wrap it before it is registered, or to use
/// it by itself.
///
/// ```
/// use cacheme::{Entry, Key, Storage};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// # let folder = tempfile::tempdir()?;
/// # let url = format!("file:{}/cache.redb", folder.path().display());
/// # if cfg!(feature = "file") {
/// let storage = cacheme::storage::open(&url).await?;
/// storage.put_many(&[Entry::new(Key::new("user:7"), "Ada")]).await?;
/// # }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// When the URL is wrong, or the storage can't be reached or opened.
///
/// # Cancel safety
///
/// Dropping the future gives the attempt up.
pub async fn open(url: &str) -> Result<Arc<dyn Storage>, BoxError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    remote(url, &clock).await
}

/// What a driver's URLs begin with, and how it opens one.
struct Driver {
    /// The feature that it needs, which may be off.
    feature: &'static str,
    schemes: &'static [&'static str],
    open: Option<Open>,
}

type Open = for<'a> fn(&'a str, &'a Arc<dyn Clock>) -> StorageFuture<'a, Arc<dyn Storage>>;

/// A driver: its feature, how it opens a URL, with a clock if it needs one, and its schemes.
macro_rules! driver {
    ($feature:literal: $storage:ident::$open:ident($url:ident) for $($scheme:literal),+) => {
        driver!(@ $feature, [$($scheme),+], |$url, _| super::$storage::$open($url))
    };
    ($feature:literal: $storage:ident::$open:ident($url:ident, $clock:ident) for $($scheme:literal),+) => {
        driver!(@ $feature, [$($scheme),+], |$url, $clock| super::$storage::$open($url, $clock))
    };
    (@ $feature:literal, $schemes:expr, |$url:pat_param, $clock:pat_param| $open:expr) => {
        Driver {
            feature: $feature,
            schemes: &$schemes,
            #[cfg(feature = $feature)]
            open: Some(|$url, $clock| {
                Box::pin(async move {
                    let storage: Arc<dyn Storage> = Arc::new($open.await?);
                    Ok(storage)
                })
            }),
            #[cfg(not(feature = $feature))]
            open: None,
        }
    };
}

/// All drivers.
static DRIVERS: &[Driver] = &[
    driver!("file": FileStorage::from_url(url, clock) for "file"),
    driver!("mongodb": MongodbStorage::connect(url) for "mongodb", "mongodb+srv"),
    driver!("mysql": MysqlStorage::connect(url) for "mysql", "mariadb"),
    driver!("postgres": PostgresStorage::connect(url) for "postgresql", "postgres"),
    driver!("redis": RedisStorage::connect(url) for "redis", "rediss", "redis+unix", "redis-cluster",
        "rediss-cluster", "redis-sentinel", "rediss-sentinel", "valkey", "valkeys", "valkey+unix",
        "valkey-cluster", "valkeys-cluster", "valkey-sentinel", "valkeys-sentinel"),
    driver!("sqlite": SqliteStorage::from_url(url, clock) for "sqlite"),
];

/// Opens the storage of a URL by its scheme.
async fn remote(url: &str, clock: &Arc<dyn Clock>) -> Result<Arc<dyn Storage>, BoxError> {
    let scheme = url.split(':').next().unwrap_or_default();
    let driver = DRIVERS
        .iter()
        .find(|driver| driver.schemes.contains(&scheme));
    let problem = match driver {
        Some(Driver {
            open: Some(open), ..
        }) => return open(url, clock).await,
        Some(driver) => format!("needs cacheme's feature `{}`", driver.feature),
        None if scheme == "local" && cfg!(feature = "local") => {
            "a `local:` storage keeps values, not bytes: register it on a runtime".to_owned()
        }
        None if scheme == "local" => "needs cacheme's feature `local`".to_owned(),
        None => {
            let schemes = DRIVERS.iter().flat_map(|driver| driver.schemes);
            let others: Vec<_> = schemes.map(|scheme| format!(", `{scheme}:`")).collect();
            let others = others.concat();
            format!("not the URL of a storage: one begins with one of `local:`{others}")
        }
    };
    Err(BadUrl::new(problem).into())
}
