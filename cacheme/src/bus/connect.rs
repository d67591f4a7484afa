//! A runtime's connection to a bus.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::{Bus, Follower, Given, IntoBus, Telling};
use crate::error::{Error, Result};
use crate::runtime::Cacheme;
use crate::storage::Ready;

impl Cacheme {
    /// Has invalidations go to, and come from, all runtimes that use the same bus: a storage that has one, by its name,
    /// or any [`Bus`]. What [`invalidate`](Self::invalidate), [`invalidate_tag`](Self::invalidate_tag),
    /// [`put`](Self::put) and [`refresh`](Self::refresh) change here leaves the local tiers there, usually within
    /// milliseconds.
    ///
    /// Entries that local tiers have already don't hear of it, so it comes before the first request. Since a text may be
    /// lost with a connection, a runtime drops all that its local tiers have when it may have missed one, and again
    /// when it listens once more; in between they serve what they load, for its time to live.
    ///
    /// ```no_run
    /// # async fn run() -> cacheme::Result<()> {
    /// let runtime = cacheme::Cacheme::builder()
    ///     .storage("hot", "local://tlfu?capacity=10000")
    ///     .storage("my-redis", "redis://localhost:6379")
    ///     .bus("my-redis")
    ///     .build()
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When there is a bus already, the storage isn't registered or has none, the bus can't be listened to or doesn't carry
    /// back what is sent, or no tokio runtime is running.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, there is no bus.
    pub async fn connect_bus(&self, bus: impl IntoBus) -> Result<()> {
        self.follow(bus.into_bus()).await
    }

    pub(crate) async fn follow(&self, given: Given) -> Result<()> {
        let bus: Arc<dyn Bus> = match given {
            Given::Itself(bus) => bus,
            Given::OfStorage(name) => self.bus_of(&name)?,
        };
        let taken = || Error::config("the runtime has a bus already");
        if self.follower().get().is_some() {
            return Err(taken());
        }
        if Handle::try_current().is_err() {
            return Err(Error::config(
                "a bus needs a tokio runtime, and none is running here",
            ));
        }
        let deadline = self.storage_timeout();
        let follower = Follower::start(bus, self.tags(), deadline).await;
        let follower = follower.map_err(|error| Error::bus("be listened to", error))?;
        // Before it tells of anything: by the digests of keys.
        self.tags().hear();
        self.follower().set(follower).map_err(|_| taken())
    }

    /// The bus of a storage.
    fn bus_of(&self, name: &str) -> Result<Arc<dyn Bus>> {
        let problem = match self.storage(name) {
            Some(Ready::Remote(storage)) => match storage.bus() {
                Some(bus) => return Ok(bus),
                None => "can't carry invalidations: those in Redis, PostgreSQL and MongoDB can",
            },
            Some(Ready::Local(_)) => "is a local one, which nobody else hears",
            None => "is not registered: register it before",
        };
        Err(Error::config(format!(
            "the bus: storage \"{name}\" {problem}"
        )))
    }

    /// Begins to tell the runtimes that use the same bus, if there is one.
    pub(crate) fn telling(&self) -> Telling<'_> {
        let follower = self.follower().get();
        follower.map_or(Telling::NOTHING, Follower::telling)
    }

    /// Whether there is a bus, which needs tokio.
    pub(crate) fn has_bus(&self) -> bool {
        self.follower().get().is_some()
    }
}
