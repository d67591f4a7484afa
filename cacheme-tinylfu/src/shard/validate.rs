//! A walk over everything that always holds in a shard, for tests.

use std::collections::HashSet;

use super::Shard;

impl<K, V> Shard<K, V> {
    /// Panics unless table, slab and order agree with each other and with the capacity.
    pub(crate) fn validate(&self) {
        let slots = self.slab.validate();
        assert!(slots <= self.capacity as usize, "more slots than capacity");

        let ordered = self.order.validate(&self.slab.nodes, self.capacity);
        let distinct: HashSet<u32> = ordered.iter().copied().collect();
        assert_eq!(ordered.len(), distinct.len(), "a slot is in two lists");
        assert_eq!(ordered.len(), self.len(), "a slot is in no list");
        assert_eq!(self.table.len(), self.len(), "the table has another count");
        for slot in ordered {
            assert!(
                self.slab.get(slot).is_some(),
                "slot {slot} is listed, not held"
            );
            let hash = self.slab.nodes[slot].hash;
            let found = self.table.find(hash, |&other| other == slot);
            assert!(found.is_some(), "slot {slot} is not in the table");
        }
    }
}
