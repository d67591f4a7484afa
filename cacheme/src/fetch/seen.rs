//! What a run has seen of the remote tiers, and has to do with leases.

use super::lease::Leases;
use super::leg::Leg;
use super::marks::Marks;
use crate::chain::{Chain, Remote};

/// What a run has seen of the remote tiers, by their places in the chain.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Those that don't answer.
    pub(super) down: Vec<usize>,
    /// Whether what it has is to stand in place of what is there, which has to go where that can't be written.
    pub(super) replaces: bool,
    marks: Vec<(usize, Marks)>,
    /// Until when entries of each tier were ended when the load began.
    ended: Vec<u64>,
    pub(super) leasing: Leasing,
    pub(super) leases: Leases,
    /// Flights for whose keys others have leases.
    pub(super) left: Vec<Leg>,
    /// The places of flights whose values others renew.
    pub(super) renewed: Vec<usize>,
    /// The places of flights whose lease was ended while they loaded.
    pub(super) refused: Vec<usize>,
}

/// What a run does about leases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Leasing {
    /// It has nothing to do with them.
    #[default]
    Not,
    /// It takes those of what it is to load, and writes only in their place.
    Takes,
    /// It doesn't load, so it takes none and writes nothing to remote tiers.
    Leaves,
}

impl Seen {
    pub(super) fn new(leasing: Leasing) -> Self {
        Self {
            leasing,
            ..Self::default()
        }
    }

    /// A load begins, or has been done just now: what it gives is newer than all that was ended.
    pub(super) fn begins(&mut self, chain: &Chain) {
        let ended = chain.tiers.iter().map(|link| {
            let remote = link.remote();
            remote.map_or(0, Remote::ended_until)
        });
        self.ended = ended.collect();
    }

    /// Until when what began was ended in the tier of a place when the load began; 0 where there was none.
    pub(super) fn ended(&self, place: usize) -> u64 {
        self.ended.get(place).copied().unwrap_or(0)
    }

    /// Nothing is known of marks any more.
    pub(super) fn forget_marks(&mut self) {
        self.marks.clear();
    }

    /// What is known of the marks in the tier of a place.
    pub(super) fn marks(&mut self, place: usize) -> &mut Marks {
        let known = self.marks.iter().position(|(known, _)| *known == place);
        let at = known.unwrap_or_else(|| {
            self.marks.push((place, Marks::default()));
            self.marks.len() - 1
        });
        &mut self.marks[at].1
    }
}
