use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

/// A table beside what it should hold: the hash of each slot.
#[derive(Default)]
struct Model {
    table: Table,
    hashes: HashMap<u32, u64>,
}

impl Model {
    fn insert(&mut self, slot: u32, hash: u64, limit: usize) {
        let hashes = &self.hashes;
        let upper = |slot| Print::new(hashes[&slot]).upper;
        self.table.insert(Print::new(hash), slot, limit, upper);
        self.hashes.insert(slot, hash);
    }

    fn remove(&mut self, slot: u32) {
        if let Some(hash) = self.hashes.remove(&slot) {
            self.table.remove(Print::new(hash).upper, slot);
        }
    }

    fn find(&self, slot: u32, hash: u64) -> Option<u32> {
        let same = |found| (found == slot).then_some(found);
        self.table.find(Print::new(hash), same)
    }

    fn check(&self) {
        let upper = |slot| Print::new(self.hashes[&slot]).upper;
        assert_eq!(self.table.validate(upper).len(), self.hashes.len());
        for (&slot, &hash) in &self.hashes {
            assert_eq!(self.find(slot, hash), Some(slot));
        }
    }
}

proptest! {
    #[test]
    fn table_finds_what_was_inserted_and_not_removed(
        steps in prop::collection::vec((0_u32..200, any::<u64>(), any::<bool>(), any::<bool>()), 1..400),
    ) {
        let mut model = Model::default();
        for (slot, hash, crowded, remove) in steps {
            // Some share few buckets, so that slots go on to later ones.
            let hash = if crowded { hash & 0x0000_0000_0000_0003 } else { hash };
            if remove {
                model.remove(slot);
            } else if !model.hashes.contains_key(&slot) {
                model.insert(slot, hash, 200);
            }
            model.check();
        }
    }
}

#[test]
fn slots_of_one_hash_are_all_found() {
    let mut model = Model::default();
    (0..500).for_each(|slot| model.insert(slot, 7, 500));
    model.check();
    (0..500).step_by(2).for_each(|slot| model.remove(slot));
    model.check();
    assert_eq!(model.find(2, 7), None);
    (0..500).for_each(|slot| model.remove(slot));
    model.check();
}

#[test]
fn empty_table_finds_nothing_and_takes_no_memory() {
    let table = Table::default();
    assert_eq!(table.find(Print::new(1), Some), None);
    assert_eq!(table.buckets.len(), 0);
}

#[test]
fn table_grows_no_further_than_its_limit_needs() {
    let mut model = Model::default();
    for slot in 0..1000 {
        model.insert(
            slot,
            u64::from(slot).wrapping_mul(0x9E37_79B9_7F4A_7C15),
            1000,
        );
        assert!(model.table.buckets.len() <= 1000_usize.div_ceil(FULL));
    }
    model.check();
}

#[test]
fn bucket_is_one_cache_line() {
    assert_eq!((size_of::<Bucket>(), align_of::<Bucket>()), (64, 64));
}
