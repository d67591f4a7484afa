use super::*;
use crate::slab::Entry;

/// A policy and the slab that it orders.
struct Bench {
    order: TinyLfu,
    slab: Slab<u32, ()>,
    capacity: u64,
}

impl Bench {
    fn new(capacity: u32) -> Self {
        Self {
            order: TinyLfu::new(capacity.into(), 7),
            slab: Slab::new(),
            capacity: capacity.into(),
        }
    }

    /// Adds a key, and returns those that leave for it.
    fn add(&mut self, key: u32) -> Vec<u32> {
        let mut left = Vec::new();
        while self.order.weight() >= self.capacity {
            let slot = self.order.evict(&mut self.slab).expect("it is full");
            left.push(self.slab.remove(slot).key);
        }
        let entry = Entry { key, value: () };
        // Odd multipliers spread the keys over the history.
        let upper = key.wrapping_mul(0x9E37_79B1);
        let slot = self.slab.insert(entry, upper, 1000);
        self.order.insert(&mut self.slab, slot);
        self.validate();
        left
    }

    fn find(&self, key: u32) -> Option<u32> {
        let mut entries = self.slab.iter();
        entries
            .find(|(_, node)| node.key == key)
            .map(|(slot, _)| slot)
    }

    fn set_used(&self, key: u32) {
        let slot = self.find(key).expect("it was added");
        self.slab[slot].mark.set_used();
    }

    fn count(&self, key: u32) -> u8 {
        let slot = self.find(key).expect("it was added");
        self.slab[slot].mark.count(self.order.epoch)
    }

    fn validate(&self) {
        let mut slots = self.order.validate(&self.slab);
        slots.sort_unstable();
        assert!(slots.into_iter().eq(self.slab.iter().map(|(slot, _)| slot)));
    }
}

#[test]
fn newest_entry_is_in_the_window() {
    let mut bench = Bench::new(100);
    for key in 0..300 {
        bench.add(key);
        let slot = bench.find(key).expect("it was just added");
        assert_eq!(bench.slab[slot].region, Region::Window);
    }
}

#[test]
fn scan_leaves_main_as_it_is() {
    let mut bench = Bench::new(100);
    (0..100).for_each(|key| {
        bench.add(key);
    });
    for key in 100..1000 {
        let left = bench.add(key);
        assert!(
            left.iter().all(|&left| left >= 99),
            "{left:?} left for {key}"
        );
    }
}

#[test]
fn key_that_comes_back_is_counted_on() {
    let mut bench = Bench::new(10);
    (0..10).for_each(|key| {
        bench.add(key);
    });
    bench.add(50);
    for round in 1..4 {
        assert_eq!(bench.count(50), round);
        let left = bench.add(100 + u32::from(round));
        if !left.contains(&50) {
            break;
        }
        bench.add(50);
    }
    assert!(
        bench.count(50) > 1,
        "it took another's place at the second try"
    );
    assert!((0..10).any(|key| bench.find(key).is_none()));
}

#[test]
fn used_entries_of_probation_are_protected_and_counted() {
    let mut bench = Bench::new(100);
    (0..100).for_each(|key| {
        bench.add(key);
    });
    bench.set_used(0);
    bench.add(100);
    let slot = bench.find(0).expect("it was used");
    assert_eq!(bench.slab[slot].region, Region::Protected);
    assert_eq!(bench.count(0), 2);
    bench.add(101);
    assert_eq!(bench.count(0), 2, "a use counts once");
}

#[test]
fn eviction_takes_a_bounded_number_of_steps() {
    let mut bench = Bench::new(1000);
    (0..1000).for_each(|key| {
        bench.add(key);
    });
    (0..1000).for_each(|key| bench.set_used(key));
    bench.add(1000);
    let used = (0..1000).filter(|&key| {
        let slot = bench.find(key);
        slot.is_some_and(|slot| bench.slab[slot].mark.is_used())
    });
    let looked_at = 1000 - used.count();
    assert!(looked_at <= 32, "{looked_at} entries for one that leaves");
}

#[test]
fn counts_are_halved_as_time_goes_by() {
    let mut bench = Bench::new(100);
    (0..100).for_each(|key| {
        bench.add(key);
    });
    let slot = bench.find(0).expect("there is room for it");
    let epoch = bench.order.epoch;
    bench.slab[slot].mark.set_count(12, epoch);
    (0..2000).for_each(|key| {
        bench.add(1000 + key);
    });
    assert_eq!(bench.count(0), 3);
}

#[test]
fn protected_entries_are_a_part_of_main() {
    let mut bench = Bench::new(100);
    (0..100).for_each(|key| {
        bench.add(key);
    });
    for round in 0..500 {
        for key in 0..90 {
            if bench.find(key).is_some() {
                bench.set_used(key);
            }
        }
        bench.add(1000 + round);
    }
    let protected = bench.order.protected.weight();
    assert!((40..=70).contains(&protected), "{protected} are protected");
}

#[test]
fn equal_seeds_do_the_same() {
    let run = |seed| {
        let mut bench = Bench::new(50);
        bench.order = TinyLfu::new(50, seed);
        let mut left = Vec::new();
        for key in 0..20_000_u32 {
            let key = key.wrapping_mul(key) % 83;
            if bench.find(key).is_some() {
                bench.set_used(key);
            } else {
                left.extend(bench.add(key));
            }
        }
        left
    };
    assert_eq!(run(3), run(3));
}
