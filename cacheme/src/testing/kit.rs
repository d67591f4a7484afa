//! Runtimes of a test's own, without servers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::MemoryStorage;
use crate::builder::Builder;
use crate::clock::ManualClock;
use crate::guard::Guard;
use crate::lock::lock;
use crate::meta::Meta;
use crate::runtime::Cacheme;
use crate::storage::Ready;

/// A clock that stands still, and a stand-in for every storage that a node names.
///
/// The runtimes of a kit have these. Several of one kit are like several processes that use the same
/// servers. Each storage that isn't registered is one for all of them, also one that is local in production: where each
/// runtime is to have a local tier of its own, register a `LocalStorage` by its name, and a
/// [`MemoryBus`](super::MemoryBus) in place of the storage that is the bus, since stand-ins have none.
///
/// ```
/// use std::time::Duration;
/// use cacheme::testing::Kit;
///
/// #[cacheme::node(storage = "my-redis", ttl = "1m")]
/// struct Answer;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> cacheme::Result<()> {
/// let kit = Kit::new();
/// let (one, other) = (kit.builder().build().await?, kit.builder().build().await?);
/// assert_eq!(one.get_with(Answer, |_cx| async { Ok(1) }).await?, 1);
/// assert_eq!(other.get_with(Answer, |_cx| async { Ok(2) }).await?, 1);
///
/// kit.advance(Duration::from_secs(60));
/// assert_eq!(other.get_with(Answer, |_cx| async { Ok(3) }).await?, 3);
/// assert_eq!(kit.storage("my-redis").entries().len(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Kit {
    clock: Arc<ManualClock>,
    storages: StandIns,
}

/// The stand-ins by the names that they stand for.
#[derive(Clone, Debug, Default)]
pub(crate) struct StandIns(Arc<Mutex<BTreeMap<String, MemoryStorage>>>);

impl Kit {
    /// A kit with a clock of its own and no storages yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins a runtime with the kit's clock. A storage that isn't registered by the time that a node
    /// names it is a [stand-in](Self::storage), which keeps bytes, so that a value passes envelope and codec
    /// and a mistake there shows. Where values are to stay as they are, as with
    /// [`codec::InProcess`](crate::codec::InProcess), register a [`LocalStorage`](crate::LocalStorage).
    ///
    /// A stand-in is a remote storage, whoever it stands for: what a farther tier gave is written to it
    /// after the `get` has returned. A test that moves the clock in between registers the nearer tier as
    /// the `LocalStorage` that it is.
    pub fn builder(&self) -> Builder {
        let clock = Arc::<ManualClock>::clone(&self.clock);
        Cacheme::builder()
            .clock(clock)
            .stand_ins(self.storages.clone())
    }

    /// The clock that entries expire by. Deadlines go by tokio's, which a test pauses by itself.
    pub fn clock(&self) -> &Arc<ManualClock> {
        &self.clock
    }

    /// Moves the clock on.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// What stands for the storage of this name, to be broken or looked at. It may be asked for before
    /// a node does.
    pub fn storage(&self, name: &str) -> MemoryStorage {
        self.storages.of(name)
    }
}

impl StandIns {
    /// Puts in what lacks of the storages that a node names.
    pub(crate) fn fill(
        &self,
        storages: &mut BTreeMap<Arc<str>, Ready>,
        meta: &Meta,
        timeout: Duration,
    ) {
        for tier in meta.tiers() {
            let name = tier.storage();
            let stand_in = || Ready::Remote(Guard::new(name, Arc::new(self.of(name)), timeout));
            storages.entry(name.into()).or_insert_with(stand_in);
        }
    }

    /// What stands for the storage of this name.
    fn of(&self, name: &str) -> MemoryStorage {
        let mut storages = lock(&self.0);
        storages.entry(name.to_owned()).or_default().clone()
    }
}
