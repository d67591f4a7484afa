//! What is counted, by node and by tier.

use std::any::TypeId;
use std::time::Duration;

use super::striped::Striped;
use super::{Miss, NodeStats, TierStats};

/// What happens to a node beside the hits of its tiers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NodeEvent {
    /// A request that the leading local tiers couldn't answer.
    Passed,
    /// A request that was answered by a flight it didn't start, or by an entry that came while
    /// it was about to start one.
    Joined,
    /// A request that had to load.
    Missed,
    /// A value that a loader gave.
    Loaded,
    /// A value that a loader failed to give.
    Failed,
    /// A call of a loader.
    Called,
    /// Nanoseconds that a call of a loader took.
    Spent,
    /// A value that was returned though its time to live was over.
    Stale,
}

/// The counters of a node.
#[derive(Debug)]
pub(crate) struct NodeCounters(Striped<8>);

impl NodeCounters {
    pub(crate) fn new() -> Self {
        Self(Striped::new())
    }

    pub(crate) fn add(&self, event: NodeEvent, by: usize) {
        self.0.add(event as usize, by as u64);
    }

    /// Counts a call of a loader.
    pub(crate) fn called(&self, took: Duration) {
        self.0.add(NodeEvent::Called as usize, 1);
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.0.add(NodeEvent::Spent as usize, nanos);
    }

    fn sum(&self, event: NodeEvent) -> u64 {
        self.0.sum(event as usize)
    }

    /// How long a call of the loader has taken, on average.
    pub(crate) fn mean_load_time(&self) -> Duration {
        let calls = self.sum(NodeEvent::Called).max(1);
        Duration::from_nanos(self.sum(NodeEvent::Spent) / calls)
    }

    /// The node's figures; `leading` is how many of its tiers, the first ones, are local.
    pub(crate) fn read(
        &self,
        id: TypeId,
        name: &str,
        path: &str,
        leading: usize,
        tiers: Vec<TierStats>,
    ) -> NodeStats {
        let in_process: u64 = tiers[..leading].iter().map(TierStats::hits).sum();
        let requests = self.sum(NodeEvent::Passed) + in_process;
        NodeStats {
            id,
            name: name.to_owned(),
            path: path.to_owned(),
            requests,
            joined: self.sum(NodeEvent::Joined),
            misses: self.sum(NodeEvent::Missed),
            loads: self.sum(NodeEvent::Loaded),
            failed_loads: self.sum(NodeEvent::Failed),
            load_calls: self.sum(NodeEvent::Called),
            stale: self.sum(NodeEvent::Stale),
            load_time: Duration::from_nanos(self.sum(NodeEvent::Spent)),
            tiers,
        }
    }
}

/// The counters of one tier of a node.
#[derive(Debug)]
pub(crate) struct TierCounters(Striped<{ TierCounters::MISSES + Miss::ALL.len() }>);

impl TierCounters {
    const HITS: usize = 0;
    const WRITES: usize = 1;
    const FAILED_WRITES: usize = 2;
    const MISSES: usize = 3;

    pub(crate) fn new() -> Self {
        Self(Striped::new())
    }

    #[inline]
    pub(crate) fn hit(&self) {
        self.0.add(Self::HITS, 1);
    }

    /// Counts so many hits.
    pub(crate) fn hits(&self, hits: usize) {
        self.0.add(Self::HITS, hits as u64);
    }

    pub(crate) fn miss(&self, reason: Miss) {
        self.0.add(Self::MISSES + reason as usize, 1);
    }

    /// Counts entries that were written.
    pub(crate) fn wrote(&self, entries: usize) {
        self.0.add(Self::WRITES, entries as u64);
    }

    /// Counts entries that couldn't be written or removed.
    pub(crate) fn failed(&self, entries: usize) {
        self.0.add(Self::FAILED_WRITES, entries as u64);
    }

    pub(crate) fn read(&self, storage: &str) -> TierStats {
        TierStats {
            storage: storage.to_owned(),
            hits: self.0.sum(Self::HITS),
            misses: Miss::ALL.map(|reason| self.0.sum(Self::MISSES + reason as usize)),
            writes: self.0.sum(Self::WRITES),
            failed_writes: self.0.sum(Self::FAILED_WRITES),
        }
    }
}
