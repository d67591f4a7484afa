//! From what the user registers, a URL or a typed storage, to a storage that is ready.

use std::fmt;
use std::sync::Arc;

#[cfg(feature = "local")]
use super::LocalStorage;
use super::{LocalCache, Storage};
use crate::clock::Clock;
use crate::error::{Error, Result};

/// What a storage is registered as: a URL (`&str` or `String`), a
/// [`LocalStorage`](crate::LocalStorage), or any [`Storage`].
///
/// | URL | storage | feature |
/// | --- | --- | --- |
/// | `local://tlfu?capacity=10000`, `local://lru?capacity=10000` | in process | `local` |
/// | `file:cache.redb`, `file:/var/cache/app.redb` | embedded file | `file` |
/// | `redis://localhost:6379`, `redis://user:password@host:6379/1` | Redis | `redis` |
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
    Remote(Arc<dyn Storage>),
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
    pub(crate) async fn open(self, name: &str, clock: &Arc<dyn Clock>) -> Result<Ready> {
        let opening = Opening { name, clock };
        if name.is_empty() {
            return Err(opening.refuse("its name is empty"));
        }
        match self {
            Self::Url(url) => opening.url(&url).await,
            #[cfg(feature = "local")]
            Self::Local(storage) => opening.local(storage),
            Self::Remote(storage) => Ok(Ready::Remote(storage)),
        }
    }
}

/// The opening of a storage under a name.
#[derive(Clone, Copy)]
struct Opening<'a> {
    name: &'a str,
    #[cfg_attr(
        not(any(feature = "file", feature = "local")),
        expect(dead_code, reason = "for the storages that expire entries themselves")
    )]
    clock: &'a Arc<dyn Clock>,
}

/// The schemes of URLs; each is named like the feature it needs.
const SCHEMES: [&str; 3] = ["file", "local", "redis"];

impl Opening<'_> {
    /// An error in what was registered under this name.
    fn refuse(self, problem: impl fmt::Display) -> Error {
        Error::config(format!("storage \"{}\": {problem}", self.name))
    }

    #[cfg(any(feature = "file", feature = "redis"))]
    fn failed(self, source: crate::error::BoxError) -> Error {
        Error::storage_failed(self.name, "be opened", source)
    }

    #[cfg(feature = "local")]
    fn local(self, storage: LocalStorage) -> Result<Ready> {
        let cache = storage.into_cache(Arc::clone(self.clock));
        let cache = cache.map_err(|problem| self.refuse(problem))?;
        Ok(Ready::Local(Arc::new(cache)))
    }

    #[cfg_attr(
        not(any(feature = "file", feature = "redis")),
        expect(clippy::unused_async, reason = "drivers await")
    )]
    async fn url(self, url: &str) -> Result<Ready> {
        let scheme = url.split(':').next().unwrap_or_default();
        match scheme {
            #[cfg(feature = "local")]
            "local" => {
                let storage = LocalStorage::parse(url);
                self.local(storage.map_err(|problem| self.refuse(problem))?)
            }
            #[cfg(feature = "file")]
            "file" => {
                let path = file_path(url).map_err(|problem| self.refuse(problem))?;
                let builder = super::FileStorage::builder(path).clock(Arc::clone(self.clock));
                // It may take a while to open a file that a crash left behind.
                let opened = tokio::task::spawn_blocking(|| builder.open()).await;
                let opened = opened.unwrap_or_else(|error| Err(error.into()));
                let storage = opened.map_err(|source| self.failed(source))?;
                Ok(Ready::Remote(Arc::new(storage)))
            }
            #[cfg(feature = "redis")]
            "redis" => {
                let storage = super::RedisStorage::connect(url).await;
                let storage = storage.map_err(|source| self.failed(source))?;
                Ok(Ready::Remote(Arc::new(storage)))
            }
            _ if SCHEMES.contains(&scheme) => {
                Err(self.refuse(format_args!("needs cacheme's feature `{scheme}`")))
            }
            _ => Err(self
                .refuse("not the URL of a storage: one begins with `local:`, `file:` or `redis:`")),
        }
    }
}

/// The path in a URL such as `file:cache.redb` or `file:///var/cache.redb`.
#[cfg(feature = "file")]
fn file_path(url: &str) -> Result<&str, &'static str> {
    let rest = url.strip_prefix("file:").unwrap_or(url);
    let path = match rest.strip_prefix("//") {
        Some(path) if path.starts_with('/') => path,
        Some(_) => return Err("a file URL is `file:relative/path` or `file:/absolute/path`"),
        None => rest,
    };
    if path.is_empty() {
        return Err("a file URL names a path, such as `file:cache.redb`");
    }
    Ok(path)
}
