//! A node whose loader does what the test says, and counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cacheme::testing::{Gate, Mode};
use cacheme::{Load, LoadContext, LoadResult, Loaded};
use tokio::sync::watch;

/// The node `number`, in a chain of the storages `near` and `far`. Its value tells the loads apart.
#[cacheme::node(caches(cache(storage = "near"), cache(storage = "far", ttl = "1h")))]
#[derive(Clone, Debug)]
pub struct Numbered {
    /// What tells the node from others.
    pub number: u64,
}

/// The node `number`, in the storage `far` only.
#[cacheme::node(storage = "far", ttl = "1h")]
#[derive(Clone, Debug)]
pub struct Remote {
    /// What tells the node from others.
    pub number: u64,
}

/// The node `number`, in the storage `near` only, of which two are loaded at once while three wait.
#[cacheme::node(storage = "near", max_loads(at_once = 2, queue = 3))]
#[derive(Clone, Debug)]
pub struct Limited {
    /// What tells the node from others.
    pub number: u64,
}

/// The node `number`, in the storage `near` only, of which four at most are loaded together.
#[cacheme::node(storage = "near", batch(max = 4, delay = "1h"))]
#[derive(Clone, Debug)]
pub struct Gathered {
    /// What tells the node from others.
    pub number: u64,
}

/// What loaders do and did; the state of the runtime. Clones share it.
#[derive(Clone, Debug)]
pub struct Script {
    gate: Gate<u64>,
    source: Arc<AtomicUsize>,
    acts: watch::Sender<Acts>,
    time: watch::Sender<Duration>,
}

/// What loaders do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acts {
    /// Load.
    Load,
    /// Return an error.
    Fail,
    /// Panic.
    Panic,
    /// Wait for another act.
    Wait,
    /// Load, but fail for this number.
    FailFor(u64),
    /// Load, but leave this number out.
    Omit(u64),
}

impl Script {
    /// A script by which loaders do this.
    pub fn new(acts: Acts) -> Self {
        let script = Self {
            gate: Gate::new(),
            source: Arc::default(),
            acts: watch::Sender::new(acts),
            time: watch::Sender::new(Duration::ZERO),
        };
        script.set(acts);
        script
    }

    /// Changes what loaders do, those that wait included.
    pub fn set(&self, acts: Acts) {
        self.acts.send_replace(acts);
        self.gate.set_mode(match acts {
            Acts::Fail => Mode::Fails,
            Acts::Panic => Mode::Panics,
            Acts::Wait => Mode::Waits,
            Acts::Load | Acts::FailFor(_) | Acts::Omit(_) => Mode::Works,
        });
    }

    /// Sets how long loads take, for tests in which tokio's clock is paused.
    pub fn set_time(&self, time: Duration) {
        self.time.send_replace(time);
    }

    /// The numbers that each call of a loader was for, as the calls began.
    pub fn calls(&self) -> Vec<Vec<u64>> {
        self.gate.calls()
    }

    /// Changes the source: values loaded from now on are `number + 1000 * version`.
    pub fn set_source(&self, version: usize) {
        self.source.store(version, Ordering::SeqCst);
    }

    /// Does it for a batch of one's own node.
    ///
    /// # Errors
    ///
    /// When the loader is told to fail.
    ///
    /// # Panics
    ///
    /// When it is told to.
    pub async fn load_all(&self, numbers: Vec<u64>) -> LoadResult<Vec<(u64, LoadResult<u64>)>> {
        let source = self.source.load(Ordering::SeqCst) as u64;
        self.gate.pass(numbers.iter().copied()).await?;
        let time = *self.time.borrow();
        if !time.is_zero() {
            tokio::time::sleep(time).await;
        }
        let acts = *self.acts.borrow();
        let load = |number| match acts {
            Acts::Omit(omitted) if number == omitted => None,
            Acts::FailFor(bad) if number == bad => Some((number, Err("told to fail".into()))),
            _ => Some((number, Ok(number + 1000 * source))),
        };
        Ok(numbers.into_iter().filter_map(load).collect())
    }

    async fn load(&self, number: u64) -> LoadResult<u64> {
        let mut loaded = self.load_all(vec![number]).await?;
        loaded.pop().ok_or("left out")?.1
    }
}

/// Loads in batches.
macro_rules! loads_all {
    ($($node:ident)*) => {$(
        impl Load for $node {
            type Value = u64;

            async fn load(&self, cx: &LoadContext) -> LoadResult<u64> {
                cx.state::<Script>()?.load(self.number).await
            }

            async fn load_all(nodes: &[Self], cx: &LoadContext) -> LoadResult<Loaded<Self, u64>> {
                let numbers = nodes.iter().map(|node| node.number).collect();
                let loaded = cx.state::<Script>()?.load_all(numbers).await?;
                let named = loaded
                    .into_iter()
                    .map(|(number, value)| (Self { number }, value));
                Ok(named.collect())
            }
        }
    )*};
}

loads_all!(Gathered Numbered);

/// Loads one by one, by the default `load_all`.
impl Load for Limited {
    type Value = u64;

    async fn load(&self, cx: &LoadContext) -> LoadResult<u64> {
        cx.state::<Script>()?.load(self.number).await
    }
}

/// Loads one by one, by the default `load_all`.
impl Load for Remote {
    type Value = u64;

    async fn load(&self, cx: &LoadContext) -> LoadResult<u64> {
        cx.state::<Script>()?.load(self.number).await
    }
}
