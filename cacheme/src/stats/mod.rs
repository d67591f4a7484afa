//! Figures: what a node was asked for and what its tiers answered.
//!
//! Counting costs a hit one load and one store in a cache line that most threads have to themselves ([`striped`]);
//! everything else is worked out when somebody asks for a [`Stats`].

mod counters;
mod snapshot;
mod striped;
mod thread;

pub(crate) use self::counters::{NodeCounters, NodeEvent, TierCounters};
pub use self::snapshot::{NodeStats, Stats, TierStats};

use std::fmt;

/// Why a tier had no value to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Miss {
    /// Nothing was there.
    Absent,
    /// The entry was past its time to live.
    Expired,
    /// The bytes were cut or damaged, or the codec couldn't read them.
    Corrupt,
    /// The entry belongs to another key, or wasn't written by cacheme.
    Foreign,
    /// The entry was written by another codec.
    Codec,
    /// The value's type had another structure when the entry was written.
    Schema,
    /// The storage failed or took too long.
    Unavailable,
    /// A tag of the entry was invalidated after its value was loaded, or the storage lost what it knew of
    /// the tag.
    Invalidated,
}

impl Miss {
    /// Every reason, in the order of declaration.
    pub const ALL: [Self; 8] = [
        Self::Absent,
        Self::Expired,
        Self::Corrupt,
        Self::Foreign,
        Self::Codec,
        Self::Schema,
        Self::Unavailable,
        Self::Invalidated,
    ];

    /// The reason in one lower-case word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Expired => "expired",
            Self::Corrupt => "corrupt",
            Self::Foreign => "foreign",
            Self::Codec => "codec",
            Self::Schema => "schema",
            Self::Unavailable => "unavailable",
            Self::Invalidated => "invalidated",
        }
    }
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
