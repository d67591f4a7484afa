//! The mixes of operations whose throughput is measured.

use crate::number::share;

/// A mix of lookups and inserts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mix {
    /// Lookups only, of keys that are all in the cache.
    ReadOnly,
    /// 95 % lookups and 5 % inserts, of keys that are all in the cache.
    Writes5,
    /// A lookup, then an insert if it was a miss; the cache has room for 10 % of the keys.
    GetOrInsert,
    /// Half lookups, half inserts; the cache has room for 10 % of the keys.
    Writes50,
    /// Lookups of one single key by all threads: what contention on one entry costs.
    OneKey,
}

impl Mix {
    /// The mixes of the main table.
    pub(crate) const TABLE: [Self; 4] = [
        Self::ReadOnly,
        Self::Writes5,
        Self::GetOrInsert,
        Self::Writes50,
    ];

    /// What it is called in tables and by `--mix`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ReadOnly => "read-only",
            Self::Writes5 => "95/5",
            Self::GetOrInsert => "get-or-insert",
            Self::Writes50 => "50/50",
            Self::OneKey => "one-key",
        }
    }

    /// Whether all keys fit into the cache.
    pub(crate) fn is_resident(self) -> bool {
        matches!(self, Self::ReadOnly | Self::Writes5 | Self::OneKey)
    }

    /// How many entries the cache is made for when there are `keys` different ones. What is to be
    /// resident gets half as much again, for libraries that bound each shard by itself.
    pub(crate) fn capacity(self, keys: usize) -> usize {
        if self.is_resident() {
            keys + keys / 2
        } else {
            keys / 10
        }
    }

    /// The part of its operations that are lookups.
    pub(crate) fn lookups(self) -> f64 {
        match self {
            Self::ReadOnly | Self::GetOrInsert | Self::OneKey => 1.0,
            Self::Writes5 => share(19, 20),
            Self::Writes50 => share(1, 2),
        }
    }
}
