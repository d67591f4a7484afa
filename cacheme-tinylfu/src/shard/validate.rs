//! A walk over everything that always holds in a shard, for tests.

use std::collections::HashSet;

use super::Shard;
use crate::clock::Deadline;

impl<K, V> Shard<K, V> {
    /// Panics unless table, slab, order and times agree with each other and with the capacity.
    pub(crate) fn validate(&self) {
        self.slab.validate();
        assert!(self.weight() <= self.capacity, "too heavy");
        assert!(
            self.len() as u64 <= self.weight(),
            "an entry weighs nothing"
        );

        let ordered = self.order.validate(&self.slab);
        let distinct: HashSet<u32> = ordered.iter().copied().collect();
        assert_eq!(ordered.len(), distinct.len(), "a slot is in two lists");
        assert_eq!(ordered.len(), self.len(), "a slot is in no list");

        let mut tabled = self.table.validate(|slot| self.slab[slot].upper);
        tabled.sort_unstable();
        let mut held: Vec<u32> = self.iter().map(|(slot, _)| slot).collect();
        held.sort_unstable();
        assert_eq!(tabled, held, "the table has other slots than the slab");

        let times = self.times.iter();
        for slot in times.flat_map(|times| times.validate()) {
            assert!(distinct.contains(&slot), "slot {slot} expires and is free");
            assert_ne!(self.deadline(slot), Deadline::NEVER);
        }
    }
}
