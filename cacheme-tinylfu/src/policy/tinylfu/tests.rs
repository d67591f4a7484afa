//! Each move between the lists, and each reason to admit.

use std::time::Duration;

use super::*;
use crate::clock::Deadline;
use crate::node::Node;

/// A policy with its nodes; slots are numbered as they are inserted and hash to themselves.
struct Fixture {
    order: TinyLfu,
    nodes: Nodes,
    clock: Clock,
    capacity: u32,
}

impl Fixture {
    fn filled(capacity: u32, count: u64) -> Self {
        let mut fixture = Self {
            order: TinyLfu::new(capacity, 1),
            nodes: Nodes::default(),
            clock: Clock::new(|| Duration::from_nanos(10)),
            capacity,
        };
        (0..count).for_each(|hash| fixture.insert(hash));
        fixture
    }

    fn insert(&mut self, hash: u64) {
        self.nodes.0.push(Node::new(hash, Deadline::NEVER));
        let slot = u32::try_from(self.nodes.0.len() - 1).expect("few slots");
        self.order.insert(&mut self.nodes, slot);
    }

    fn ask(&mut self, hash: u64, times: u32) {
        (0..times).for_each(|_| self.order.miss(hash));
    }

    fn expire(&mut self, slot: u32) {
        let clock = Clock::new(|| Duration::ZERO);
        self.nodes[slot].deadline = Deadline::after(Duration::from_nanos(10), &clock);
    }

    fn victim(&mut self) -> Option<u32> {
        self.order.victim(&self.nodes, &self.clock)
    }

    /// Window, probation and protected, each from front to back.
    fn lists(&self) -> [Vec<u32>; 3] {
        self.order.validate(&self.nodes, self.capacity);
        let order = &self.order;
        [&order.window, &order.probation, &order.protected].map(|list| list.validate(&self.nodes))
    }
}

#[test]
fn shares_of_the_capacity() {
    for (capacity, window, protected) in
        [(0, 0, 0), (1, 1, 0), (2, 1, 0), (6, 1, 4), (1000, 10, 792)]
    {
        let order = TinyLfu::new(capacity, 1);
        assert_eq!(order.window_capacity, window, "window of {capacity}");
        assert_eq!(
            order.protected_capacity, protected,
            "protected of {capacity}"
        );
    }
}

#[test]
fn new_entries_pass_through_the_window_to_probation() {
    let fixture = Fixture::filled(6, 4);
    assert_eq!(fixture.lists(), [vec![3], vec![2, 1, 0], vec![]]);
}

#[test]
fn hits_protect_and_the_least_recent_protected_goes_back() {
    let mut fixture = Fixture::filled(6, 6);
    for slot in [0, 1, 2, 3, 0, 4, 5] {
        fixture.order.hit(&mut fixture.nodes, slot);
    }
    assert_eq!(fixture.lists(), [vec![5], vec![1], vec![4, 0, 3, 2]]);
}

#[test]
fn hits_count_as_requests() {
    let mut fixture = Fixture::filled(6, 6);
    fixture.order.hit(&mut fixture.nodes, 5);
    assert_eq!(fixture.victim(), Some(0), "the candidate was used once");
}

#[test]
fn sketch_grows_with_the_entries() {
    let mut fixture = Fixture::filled(1000, 1000);
    let hash = |key: u64| key.wrapping_mul(0xD6E8_FEB8_6659_FD93).rotate_left(32);
    (1..1000).for_each(|key| fixture.ask(hash(key), 1));
    let exact = (1..1000).filter(|&key| fixture.order.sketch.estimate(hash(key)) == 1);
    let exact = exact.count();
    assert!(exact > 950, "{exact} of 999");
}

#[test]
fn slots_are_removed_from_every_list() {
    let mut fixture = Fixture::filled(6, 6);
    fixture.order.hit(&mut fixture.nodes, 0);
    for slot in [0, 1, 5] {
        fixture.order.remove(&mut fixture.nodes, slot);
    }
    assert_eq!(fixture.lists(), [vec![], vec![4, 3, 2], vec![]]);
}

#[test]
fn candidate_is_admitted_when_it_was_asked_for_more_often() {
    let mut fixture = Fixture::filled(6, 6);
    assert_eq!(fixture.victim(), Some(5), "a tie is lost");
    fixture.ask(5, 2);
    assert_eq!(fixture.victim(), Some(0));
    fixture.ask(0, 3);
    assert_eq!(fixture.victim(), Some(5));
}

#[test]
fn expired_entries_lose() {
    let mut fixture = Fixture::filled(6, 6);
    fixture.expire(0);
    assert_eq!(fixture.victim(), Some(0));
    fixture.ask(5, 2);
    fixture.expire(5);
    assert_eq!(fixture.victim(), Some(0));
    fixture.nodes[0].deadline = Deadline::NEVER;
    assert_eq!(fixture.victim(), Some(5));
}

#[test]
fn warm_candidates_are_sometimes_admitted_by_chance() {
    let wins = |asked| {
        let mut fixture = Fixture::filled(200, 200);
        fixture.ask(198, asked);
        fixture.ask(0, 15);
        (0..12_800).filter(|_| fixture.order.admits(198, 0)).count()
    };
    assert_eq!(wins(5), 0);
    assert!((50..200).contains(&wins(6)), "{} of 12,800", wins(6));
}
