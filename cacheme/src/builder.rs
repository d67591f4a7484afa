//! What a runtime is built from.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::bus::IntoBus;
use crate::clock::{Clock, SystemClock};
use crate::error::{Error, Result};
use crate::node::Node;
use crate::registry::TypeMap;
use crate::runtime::{Cacheme, Settings};
use crate::storage::IntoStorage;
#[cfg(feature = "testing")]
use crate::testing::StandIns;

/// Builds a [`Cacheme`]; made by [`Cacheme::builder`].
pub struct Builder {
    settings: Settings,
    state: TypeMap,
    prefix: String,
    steps: Vec<Step>,
    failure: Option<Error>,
}

/// Something to do with the runtime once it is there.
type Step = Box<dyn FnOnce(Cacheme) -> Pin<Box<dyn Future<Output = Result<()>> + Send>> + Send>;

impl Default for Settings {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock::new()),
            load_timeout: Duration::from_secs(30),
            storage_timeout: Duration::from_secs(5),
            load_concurrency: 32,
            #[cfg(feature = "testing")]
            stand_ins: None,
        }
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            settings: Settings::default(),
            state: TypeMap::new(),
            prefix: String::new(),
            steps: Vec::new(),
            failure: None,
        }
    }
}

impl Builder {
    /// Registers a storage, as [`Cacheme::register_storage`] does.
    #[must_use]
    pub fn storage(mut self, name: impl Into<String>, storage: impl IntoStorage) -> Self {
        let (name, storage) = (name.into().into(), storage.into_storage());
        self.steps.push(Box::new(|runtime| {
            Box::pin(async move { runtime.add_storage(name, storage).await })
        }));
        self
    }

    /// Connects to a bus, as [`Cacheme::connect_bus`] does. Its storage comes before it.
    #[must_use]
    pub fn bus(mut self, bus: impl IntoBus) -> Self {
        let given = bus.into_bus();
        self.steps.push(Box::new(|runtime| {
            Box::pin(async move { runtime.follow(given).await })
        }));
        self
    }

    /// Registers a node type, as [`Cacheme::register_node`] does. Its storages come before it.
    #[must_use]
    pub fn node<N: Node>(mut self) -> Self {
        self.steps.push(Box::new(|runtime| {
            Box::pin(async move { runtime.register_node::<N>() })
        }));
        self
    }

    /// Gives loaders a state, as [`Cacheme::set_state`] does.
    #[must_use]
    pub fn state<T: Send + Sync + 'static>(mut self, state: T) -> Self {
        if !self.state.insert(state) {
            self.failure.get_or_insert_with(Error::second_state::<T>);
        }
        self
    }

    /// Puts `prefix:` in front of every key, as [`Cacheme::set_prefix`] does.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Sets how long a call of a loader may take, 30 s by default. What takes longer is
    /// dropped, and every waiter gets an error. A call of a [`load_all`](crate::Load::load_all) that
    /// the node overrides is one call; otherwise each load of a batch has this time.
    #[must_use]
    pub fn load_timeout(mut self, timeout: Duration) -> Self {
        self.settings.load_timeout = timeout;
        self
    }

    /// Sets how long an operation of a storage may take, 5 s by default; drivers have shorter
    /// deadlines of their own. A read that takes longer is a miss.
    ///
    /// A storage whose read failed after 100 ms or more, or whose last five reads failed, is left alone
    /// (a circuit breaker): reads are misses and writes fail, at once. After 100 ms, and then at growing
    /// intervals of up to half a second, one read is sent to it beside its caller, and when it answers it is in use
    /// again. Removals are always tried, and those that fail again until they succeed.
    #[must_use]
    pub fn storage_timeout(mut self, timeout: Duration) -> Self {
        self.settings.storage_timeout = timeout;
        self
    }

    /// Sets how many loads of one `get_all` may run at once, 32 by default and at least 1, where
    /// the node doesn't override [`load_all`](crate::Load::load_all).
    #[must_use]
    pub fn load_concurrency(mut self, loads: usize) -> Self {
        self.settings.load_concurrency = loads.max(1);
        self
    }

    /// Sets the clock that entries expire by, the system's by default. Deadlines go by tokio's, and
    /// a typed [`Storage`](crate::Storage) has a clock of its own.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.settings.clock = clock;
        self
    }

    /// Has these stand for storages that aren't registered.
    #[cfg(feature = "testing")]
    pub(crate) fn stand_ins(mut self, stand_ins: StandIns) -> Self {
        self.settings.stand_ins = Some(stand_ins);
        self
    }

    /// Opens the storages in the order they were given, and makes the runtime.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong; see [`Cacheme::register_storage`],
    /// [`Cacheme::register_node`] and [`Cacheme::set_state`].
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, storages that were opened are closed.
    pub async fn build(self) -> Result<Cacheme> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        let runtime = Cacheme::new(self.settings, self.state);
        runtime.set_prefix(self.prefix);
        for step in self.steps {
            step(runtime.clone()).await?;
        }
        Ok(runtime)
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("settings", &self.settings)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}
