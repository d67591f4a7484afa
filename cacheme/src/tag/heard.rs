//! What is heard of keys over the bus, by parts of their digests.
//!
//! An entry isn't told by its key, which a process that has it in its local tiers would have to keep for each. Its part is
//! a number that few others share: with 65,536 of them, an invalidation ends one entry of so many others as well.

use std::sync::Arc;

use crate::sync::{AtomicU64, OnceLock, Ordering};

/// Numbers of last invalidations. It takes 512 KiB, and from the first change by others on as much again.
#[derive(Debug)]
pub(super) struct Heard {
    /// That of everything.
    all: AtomicU64,
    parts: Parts,
    /// Those of changes in a remote storage, once there is one.
    changed: OnceLock<Parts>,
}

type Parts = Box<[AtomicU64]>;

/// What is heard of one key and its node.
#[derive(Clone, Debug)]
pub(super) struct HeardOf {
    heard: Arc<Heard>,
    parts: [usize; 2],
}

const PARTS: usize = if cfg!(all(test, shuttle)) { 4 } else { 1 << 16 };

impl Heard {
    /// What is heard of the key and the node of these digests.
    pub(super) fn of(self: &Arc<Self>, key: u64, node: u64) -> HeardOf {
        HeardOf {
            heard: Arc::clone(self),
            parts: [key, node].map(part),
        }
    }

    pub(super) fn end(&self, digest: u64, number: u64) {
        self.parts[part(digest)].store(number, Ordering::Release);
    }

    /// Takes it that others changed the key in a remote storage.
    pub(super) fn change(&self, digest: u64, number: u64) {
        self.changed.get_or_init(parts)[part(digest)].store(number, Ordering::Release);
    }

    pub(super) fn end_all(&self, number: u64) {
        self.all.store(number, Ordering::Release);
    }
}

fn parts() -> Parts {
    (0..PARTS).map(|_| AtomicU64::new(0)).collect()
}

fn part(digest: u64) -> usize {
    // A digest is spread over all of its bits.
    usize::try_from(digest % PARTS as u64).unwrap_or(0)
}

impl HeardOf {
    /// The number of the last invalidation.
    pub(super) fn last(&self) -> u64 {
        let Self { heard, parts } = self;
        let [key, node] = parts.map(|part| heard.parts[part].load(Ordering::Acquire));
        key.max(node).max(heard.all.load(Ordering::Acquire))
    }

    /// The number of the last change of the key by others.
    pub(super) fn last_change(&self) -> u64 {
        let Self { heard, parts } = self;
        let changed = heard.changed.get();
        changed.map_or(0, |changed| changed[parts[0]].load(Ordering::Acquire))
    }
}

impl Default for Heard {
    fn default() -> Self {
        Self {
            all: AtomicU64::new(0),
            parts: parts(),
            changed: OnceLock::new(),
        }
    }
}
