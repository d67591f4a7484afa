//! The figures at one moment.

use std::any::TypeId;
use std::fmt;
use std::time::Duration;

use super::Miss;
use crate::node::Node;

/// The figures of every node that a runtime has seen, in the order of their paths.
///
/// The counters are read one after the other while others count on, so figures taken under load
/// may be a few requests apart. `Display` prints a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    nodes: Vec<NodeStats>,
}

impl Stats {
    pub(crate) fn new(mut nodes: Vec<NodeStats>) -> Self {
        nodes.sort_by(|a, b| a.path.cmp(&b.path));
        Self { nodes }
    }

    /// The figures by node.
    pub fn nodes(&self) -> &[NodeStats] {
        &self.nodes
    }

    /// The figures of one node; `None` where it hasn't been used yet.
    pub fn node<N: Node>(&self) -> Option<&NodeStats> {
        let id = TypeId::of::<N>();
        self.nodes.iter().find(|node| node.id == id)
    }
}

/// The figures of a node.
///
/// Every request is a [hit](NodeStats::hits), [joined](NodeStats::joined) another's flight, or is a
/// [miss](NodeStats::misses): the three add up to [`requests`](NodeStats::requests) when nothing is
/// under way; one that was begun anew, since the tokio runtime it waited for was shut down, is two
/// requests. Every instance of a generic node has figures of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeStats {
    pub(super) id: TypeId,
    pub(super) name: String,
    pub(super) path: String,
    pub(super) requests: u64,
    pub(super) joined: u64,
    pub(super) misses: u64,
    pub(super) loads: u64,
    pub(super) failed_loads: u64,
    pub(super) load_calls: u64,
    pub(super) load_time: Duration,
    pub(super) stale: u64,
    pub(super) tiers: Vec<TierStats>,
}

impl NodeStats {
    /// The node's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The node's name with its module, and the parameters of a generic one.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// How often a value was asked for, each node of a `get_all` counted.
    pub fn requests(&self) -> u64 {
        self.requests
    }

    /// Requests that a tier answered.
    pub fn hits(&self) -> u64 {
        self.tiers.iter().map(TierStats::hits).sum()
    }

    /// Requests that were answered by the flight of another one.
    pub fn joined(&self) -> u64 {
        self.joined
    }

    /// Requests that no tier could answer, so that a loader was called, or `get_if_present` gave
    /// nothing.
    pub fn misses(&self) -> u64 {
        self.misses
    }

    /// The part of the requests that was answered without a load of their own, 0 to 1; 0 where
    /// there were none.
    pub fn hit_ratio(&self) -> f64 {
        ratio(self.hits() + self.joined, self.requests)
    }

    /// Values that loaders gave.
    pub fn loads(&self) -> u64 {
        self.loads
    }

    /// Values that loaders failed to give: errors, panics, deadlines.
    pub fn failed_loads(&self) -> u64 {
        self.failed_loads
    }

    /// Calls of loaders; a batch is one call.
    pub fn load_calls(&self) -> u64 {
        self.load_calls
    }

    /// The time that all calls of loaders took together.
    pub fn load_time(&self) -> Duration {
        self.load_time
    }

    /// The mean time of a call of a loader.
    pub fn mean_load_time(&self) -> Duration {
        let calls = u32::try_from(self.load_calls).unwrap_or(u32::MAX);
        self.load_time.checked_div(calls).unwrap_or_default()
    }

    /// Values that were returned though their time to live was over: for a load that failed, whoever waited for it,
    /// and for each request that didn't wait for one. Hits in a local tier until such a value is loaded again aren't
    /// counted.
    pub fn stale(&self) -> u64 {
        self.stale
    }

    /// The figures by tier, nearest first.
    pub fn tiers(&self) -> &[TierStats] {
        &self.tiers
    }
}

/// The figures of one tier of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TierStats {
    pub(super) storage: String,
    pub(super) hits: u64,
    pub(super) misses: [u64; Miss::ALL.len()],
    pub(super) writes: u64,
    pub(super) failed_writes: u64,
}

impl TierStats {
    /// The name of the tier's storage.
    pub fn storage(&self) -> &str {
        &self.storage
    }

    /// Look-ups that found a value.
    pub fn hits(&self) -> u64 {
        self.hits
    }

    /// Look-ups that found none.
    pub fn misses(&self) -> u64 {
        self.misses.iter().sum()
    }

    /// Look-ups that found none for this reason.
    pub fn missed(&self, reason: Miss) -> u64 {
        self.misses[reason as usize]
    }

    /// The part of the look-ups that found a value, 0 to 1; 0 where there were none.
    pub fn hit_ratio(&self) -> f64 {
        ratio(self.hits, self.hits + self.misses())
    }

    /// Entries written, loaded and refilled ones.
    pub fn writes(&self) -> u64 {
        self.writes
    }

    /// Entries that couldn't be written or removed.
    pub fn failed_writes(&self) -> u64 {
        self.failed_writes
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts beyond 2^52 may lose their last digits in a ratio"
)]
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    part as f64 / whole as f64
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for node in &self.nodes {
            writeln!(f, "{node}")?;
        }
        Ok(())
    }
}

impl fmt::Display for NodeStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parameters = self.path.find('<').map_or("", |at| &self.path[at..]);
        write!(
            f,
            "{}{parameters}: {} requests, {:.1} % hit ({} hits, {} joined, {} misses); \
             {} loaded, {} failed",
            self.name,
            self.requests,
            100.0 * self.hit_ratio(),
            self.hits(),
            self.joined,
            self.misses,
            self.loads,
            self.failed_loads,
        )?;
        if self.stale > 0 {
            write!(f, ", {} stale", self.stale)?;
        }
        if self.load_calls > 0 {
            write!(f, ", {:.2?} a call", self.mean_load_time())?;
        }
        for tier in &self.tiers {
            write!(f, "\n  {tier}")?;
        }
        Ok(())
    }
}

impl fmt::Display for TierStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} hits, {} misses",
            self.storage,
            self.hits,
            self.misses()
        )?;
        let reasons = Miss::ALL.map(|reason| (reason, self.missed(reason)));
        let mut open = " (";
        for (reason, count) in reasons.into_iter().filter(|(_, count)| *count > 0) {
            write!(f, "{open}{count} {reason}")?;
            open = ", ";
        }
        if open == ", " {
            f.write_str(")")?;
        }
        write!(f, ", {} written", self.writes)?;
        if self.failed_writes > 0 {
            write!(f, ", {} failed", self.failed_writes)?;
        }
        Ok(())
    }
}
