//! Least recently used, by second chance: a list in the order of insertion, whose back leaves unless it
//! was used since it came there. The paper is named at [`Policy::Lru`](crate::Policy::Lru).

use crate::list::List;
use crate::slab::{Region, Slab};

/// How many used entries may get their second chance for one that leaves, so that an insertion never
/// takes long. If there are more, the next leaves though it was used.
const STEPS: u32 = 16;

#[derive(Debug)]
pub(crate) struct Lru {
    recent: List,
}

impl Lru {
    pub(super) fn new() -> Self {
        Self {
            recent: List::new(Region::Probation),
        }
    }

    pub(super) fn weight(&self) -> u64 {
        self.recent.weight()
    }

    pub(super) fn insert<K, V>(&mut self, slab: &mut Slab<K, V>, slot: u32) {
        self.recent.push_front(slab, slot);
    }

    pub(super) fn remove<K, V>(&mut self, slab: &mut Slab<K, V>, slot: u32) {
        self.recent.remove(slab, slot);
    }

    #[inline]
    pub(super) fn last(&self) -> Option<u32> {
        self.recent.back()
    }

    pub(super) fn evict<K, V>(&mut self, slab: &mut Slab<K, V>) -> Option<u32> {
        let mut steps = STEPS;
        loop {
            let slot = self.recent.pop_back(slab)?;
            if !slab[slot].mark.take_used(0) || steps == 0 {
                return Some(slot);
            }
            steps -= 1;
            self.recent.push_front(slab, slot);
        }
    }

    pub(super) fn heats<K, V>(&self, slab: &Slab<K, V>) -> Vec<(u32, u64)> {
        let from_back = (0..).zip(self.recent.iter_from_back(slab));
        let heat = |slot| u64::from(slab[slot].mark.is_used()) << u32::BITS;
        from_back
            .map(|(at, slot)| (slot, heat(slot) + at))
            .collect()
    }
}

#[cfg(test)]
impl Lru {
    pub(super) fn validate<K, V>(&self, slab: &Slab<K, V>) -> Vec<u32> {
        self.recent.validate(slab)
    }
}
