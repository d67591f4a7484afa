//! The runtime: a handle on storages, node types, state and figures.

mod scope;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, OnceLock, RwLock};
use std::time::Duration;

use crate::builder::Builder;
use crate::bus::Follower;
use crate::chain::Chain;
use crate::clock::Clock;
use crate::debounce::Waiting;
use crate::dynamic::{DynamicEntry, DynamicTable};
use crate::epoch::Epoch;
use crate::error::{Error, Result};
use crate::fetch::Fetch;
use crate::guard::Guard;
use crate::key::{Key, Keys};
use crate::lock::lock;
use crate::meta::Meta;
use crate::node::Node;
use crate::pending::Aloft;
use crate::prefix::Prefix;
use crate::registry::TypeMap;
use crate::stats::Stats;
use crate::storage::{IntoStorage, Ready, Unopened};
use crate::tag::Tags;
#[cfg(feature = "testing")]
use crate::testing::StandIns;

/// A cache runtime: the storages by name, and everything known of the nodes that use them.
///
/// Cloning it is cheap; clones share everything. The functions at the crate's root use the
/// [global](crate::global) one. A runtime of its own keeps a test or a tenant apart.
///
/// ```
/// use cacheme::{Cacheme, Load, LoadContext, LoadResult, LocalStorage};
///
/// struct Greetings(&'static str);
///
/// #[cacheme::node(storage = "hot", ttl = "1m", key = "greeting:{name}")]
/// struct Greeting { name: String }
///
/// impl Load for Greeting {
///     type Value = String;
///
///     async fn load(&self, cx: &LoadContext) -> LoadResult<String> {
///         let Greetings(word) = cx.state()?;
///         Ok(format!("{word}, {}", self.name))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> cacheme::Result<()> {
/// let runtime = Cacheme::builder()
///     .storage("hot", LocalStorage::tlfu(1000))
///     .state(Greetings("Hello"))
///     .build()
///     .await?;
/// let greeting = runtime.get(Greeting { name: "Ada".into() }).await?;
/// assert_eq!(greeting, "Hello, Ada");
/// println!("{}", runtime.stats());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Cacheme {
    core: Arc<Core>,
}

struct Core {
    settings: Settings,
    storages: Mutex<BTreeMap<Arc<str>, Ready>>,
    /// A `Fetch<N>` for each node type in use.
    fetches: TypeMap,
    /// The dynamic nodes, also the lock under which one is added.
    dynamics: Mutex<DynamicTable>,
    /// The chains of all of these, also the lock under which one is added.
    chains: Mutex<Vec<Arc<Chain>>>,
    state: TypeMap,
    tags: Arc<Tags>,
    /// Its part in the bus, if it has one.
    follower: OnceLock<Follower>,
    /// The flights under way.
    aloft: Arc<Aloft>,
    /// The invalidations that wait for their time.
    waiting: Waiting,
    prefix: RwLock<Prefix>,
    /// Steps when everything is ended, under the prefix's lock.
    epoch: Epoch,
    /// The prefix's scope, for hits; [`NOWHERE`](crate::switch::NOWHERE) while caching is off.
    scope: AtomicU64,
}

/// What the builder settles for a runtime's life.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) load_timeout: Duration,
    pub(crate) storage_timeout: Duration,
    pub(crate) load_concurrency: usize,
    /// What stands for storages that aren't registered.
    #[cfg(feature = "testing")]
    pub(crate) stand_ins: Option<StandIns>,
}

impl Cacheme {
    /// Begins a runtime.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn new(settings: Settings, state: TypeMap) -> Self {
        let core = Core {
            settings,
            storages: Mutex::default(),
            fetches: TypeMap::new(),
            dynamics: Mutex::default(),
            chains: Mutex::default(),
            state,
            tags: Arc::default(),
            follower: OnceLock::new(),
            aloft: Arc::default(),
            waiting: Waiting::default(),
            prefix: RwLock::default(),
            epoch: Epoch::default(),
            scope: AtomicU64::new(0),
        };
        let runtime = Self {
            core: Arc::new(core),
        };
        runtime.obey_environment();
        runtime
    }

    /// Registers a storage under the name that nodes use: a URL such as
    /// `"redis://localhost:6379"`, a [`LocalStorage`](crate::LocalStorage), or any
    /// [`Storage`](crate::Storage). [`IntoStorage`] lists the URLs.
    ///
    /// # Errors
    ///
    /// When the name is taken, the URL is wrong, the feature that it needs is off, or the storage
    /// can't be opened.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, the storage isn't registered.
    pub async fn register_storage(
        &self,
        name: impl Into<String>,
        storage: impl IntoStorage,
    ) -> Result<()> {
        self.add_storage(name.into().into(), storage.into_storage())
            .await
    }

    pub(crate) async fn add_storage(&self, name: Arc<str>, storage: Unopened) -> Result<()> {
        let taken = || Error::config(format!("a storage \"{name}\" is registered already"));
        if lock(&self.core.storages).contains_key(&name) {
            return Err(taken());
        }
        let ready = storage.open(&name, &self.core.settings).await?;
        let mut storages = lock(&self.core.storages);
        if storages.contains_key(&name) {
            return Err(taken());
        }
        if let Ready::Remote(guard) = &ready {
            let core = Arc::downgrade(&self.core);
            // Others may have read it until then, and have it in their local tiers.
            guard.when_made_up(move || {
                let core = core.upgrade();
                let bus = core.as_ref().and_then(|core| core.follower.get());
                if let Some(bus) = bus {
                    bus.has_missed();
                }
            });
        }
        storages.insert(name, ready);
        Ok(())
    }

    /// Registers a node type ahead of its first use, so that what is wrong with it shows at once.
    ///
    /// # Errors
    ///
    /// When the node names a storage that isn't registered, or another node type has the same key.
    pub fn register_node<N: Node>(&self) -> Result<()> {
        self.fetch::<N>().map(|_| ())
    }

    /// The key of `node` in remote storages, prefix included.
    ///
    /// # Errors
    ///
    /// When a field's `Serialize` fails.
    pub fn key<N: Node>(&self, node: &N) -> Result<Key> {
        let (key, _digest) = Keys::new(&N::meta(), self.prefix().text()).of(node)?;
        Ok(key)
    }

    /// The node types that were used or registered and the dynamic nodes, in the order of first sight.
    pub fn nodes(&self) -> Vec<Meta> {
        let chains = lock(&self.core.chains);
        chains.iter().map(|chain| chain.meta.clone()).collect()
    }

    /// The figures of every node type that was used or registered, and of the dynamic nodes.
    pub fn stats(&self) -> Stats {
        self.stats_of(|_| true)
    }

    /// The figures of those node types of which `is_asked` says so.
    pub(crate) fn stats_of(&self, is_asked: impl Fn(&Chain) -> bool) -> Stats {
        let chains = lock(&self.core.chains).clone();
        let asked = chains.iter().filter(|chain| is_asked(chain));
        Stats::new(asked.map(|chain| chain.stats()).collect())
    }

    /// Gives loaders a state, which they get by its type from
    /// [`LoadContext::state`](crate::LoadContext::state).
    ///
    /// # Errors
    ///
    /// When there is one of this type already.
    pub fn set_state<T: Send + Sync + 'static>(&self, state: T) -> Result<()> {
        if self.core.state.insert(state) {
            return Ok(());
        }
        Err(Error::second_state::<T>())
    }

    pub(crate) fn state<T: Send + Sync + 'static>(&self) -> Result<&T> {
        self.core.state.get().ok_or_else(Error::state::<T>)
    }

    /// What is known of the node type `N`.
    #[inline]
    pub(crate) fn fetch<N: Node>(&self) -> Result<&Fetch<N>> {
        match self.core.fetches.get() {
            Some(fetch) => Ok(fetch),
            None => self.add_fetch(),
        }
    }

    #[cold]
    fn add_fetch<N: Node>(&self) -> Result<&Fetch<N>> {
        let mut chains = lock(&self.core.chains);
        if self.core.fetches.get::<Fetch<N>>().is_none() {
            let name = N::type_name();
            let fetch = self.admit::<N>(&mut chains, N::meta(), name)?;
            self.core.fetches.insert(fetch);
        }
        let name = || Error::node_config(N::meta().name(), "the node type is not registered");
        self.core.fetches.get().ok_or_else(name)
    }

    /// What is known of the dynamic node of this meta, whose values have the codec `C`.
    pub(crate) fn dynamic_fetch<C: 'static>(&self, meta: &Arc<Meta>) -> Result<DynamicEntry<C>> {
        let mut dynamics = lock(&self.core.dynamics);
        if let Some(entry) = dynamics.find(meta)? {
            return Ok(entry);
        }
        let mut chains = lock(&self.core.chains);
        let path = meta.path().to_owned().into();
        let fetch = self.admit(&mut chains, Meta::clone(meta), path)?;
        Ok(dynamics.insert(meta, fetch))
    }

    /// Makes what is known of a node, and lists its chain.
    fn admit<N: Node>(
        &self,
        chains: &mut Vec<Arc<Chain>>,
        meta: Meta,
        type_name: Cow<'static, str>,
    ) -> Result<Fetch<N>> {
        #[cfg(not(feature = "testing"))]
        let is_stood_in = false;
        #[cfg(feature = "testing")]
        let is_stood_in = self.core.settings.stand_ins.is_some();
        #[cfg(feature = "testing")]
        if let Some(stand_ins) = &self.core.settings.stand_ins {
            let timeout = self.core.settings.storage_timeout;
            stand_ins.fill(&mut lock(&self.core.storages), &meta, timeout);
        }
        let fetch = Fetch::new(meta, type_name, &lock(&self.core.storages))?;
        // What stands in for a local storage keeps bytes.
        if !is_stood_in {
            fetch.chain().check_locals()?;
        }
        fetch.chain().check_remotes()?;
        refuse_same_key(chains, fetch.chain())?;
        chains.push(Arc::clone(fetch.chain()));
        Ok(fetch)
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.core.settings.clock
    }

    pub(crate) fn tags(&self) -> &Arc<Tags> {
        &self.core.tags
    }

    /// Its flights under way.
    pub(crate) fn aloft(&self) -> &Arc<Aloft> {
        &self.core.aloft
    }

    /// Its invalidations that wait for their time.
    pub(crate) fn waiting(&self) -> &Waiting {
        &self.core.waiting
    }

    /// Its part in the bus, once it has one.
    pub(crate) fn follower(&self) -> &OnceLock<Follower> {
        &self.core.follower
    }

    /// The storage of a name.
    pub(crate) fn storage(&self, name: &str) -> Option<Ready> {
        lock(&self.core.storages).get(name).cloned()
    }

    pub(crate) fn storage_timeout(&self) -> Duration {
        self.core.settings.storage_timeout
    }

    /// The storages that aren't local, by name.
    pub(crate) fn remotes(&self) -> Vec<(Arc<str>, Guard)> {
        let storages = lock(&self.core.storages);
        let remote = storages.iter().filter_map(|(name, storage)| match storage {
            Ready::Local(_) => None,
            Ready::Remote(guard) => Some((Arc::clone(name), guard.clone())),
        });
        remote.collect()
    }

    pub(crate) fn load_timeout(&self) -> Duration {
        self.core.settings.load_timeout
    }

    pub(crate) fn load_concurrency(&self) -> usize {
        self.core.settings.load_concurrency
    }
}

/// Two types with the same keys would take turns in evicting each other, or share entries. The
/// instances of a generic type have the types in their keys.
fn refuse_same_key(chains: &[Arc<Chain>], new: &Chain) -> Result<()> {
    let same = |chain: &&Arc<Chain>| {
        let (one, other) = (&chain.meta, &new.meta);
        one.pattern() == other.pattern()
            && one.version() == other.version()
            && chain.item() != new.item()
    };
    match chains.iter().find(same) {
        None => Ok(()),
        Some(other) => Err(Error::node_config(
            new.meta.name(),
            format!(
                "`{}` and `{}` have the same key `{}`: give one of them another by `key = \"...\"`",
                new.item(),
                other.item(),
                new.meta.pattern(),
            ),
        )),
    }
}

impl Default for Cacheme {
    /// A runtime without storages, with the builder's defaults.
    fn default() -> Self {
        Self::new(Settings::default(), TypeMap::new())
    }
}

impl fmt::Debug for Cacheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cacheme")
            .field("storages", &*lock(&self.core.storages))
            .field("prefix", &self.prefix().text())
            .field("settings", &self.core.settings)
            .finish_non_exhaustive()
    }
}
