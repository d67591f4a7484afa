use std::collections::BTreeMap;
use std::ops::Range;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const SLOTS: u32 = 300;
/// A budget that suffices whatever there is to do.
const PLENTY: u32 = SLOTS * LEVELS + 1;
const YEAR: u64 = 31_557_600 * 1_000_000_000;

/// All slots that expire by `now`, in order.
fn drain(wheel: &mut Wheel, now: u64) -> Vec<u32> {
    let mut budget = PLENTY;
    let mut slots: Vec<u32> = std::iter::from_fn(|| wheel.expire(now, &mut budget)).collect();
    wheel.validate();
    slots.sort_unstable();
    slots
}

fn slots(range: Range<u32>) -> Vec<u32> {
    range.collect()
}

#[test]
fn a_timer_takes_16_bytes_and_an_empty_wheel_2_kib() {
    assert_eq!(size_of::<Timer>(), 16);
    assert_eq!(size_of::<[Level; LEVELS as usize]>(), 2112);
    assert_eq!(Wheel::new(0).timers.capacity(), 0);
}

#[test]
fn at_any_distance_a_timer_is_reported_within_a_tick_and_never_early() {
    for start in [0, 1, TICK - 1, 63 * TICK, 12_345_678_901_234_567] {
        for distance in (0..63).flat_map(|bit| [(1 << bit) - 1, 1 << bit, (1 << bit) + 1]) {
            let mut wheel = Wheel::new(start);
            let deadline = start + distance;
            wheel.set(7, deadline);
            if deadline > start {
                assert_eq!(drain(&mut wheel, start + distance / 2), []);
                assert_eq!(drain(&mut wheel, deadline - 1), []);
            }
            assert_eq!(
                drain(&mut wheel, deadline + TICK),
                [7],
                "{distance} after {start}"
            );
        }
    }
}

#[test]
fn a_deadline_in_the_past_is_reported_at_once() {
    let now = 5 * TICK + 1000;
    let mut wheel = Wheel::new(0);
    assert_eq!(drain(&mut wheel, now), []);
    for (slot, deadline) in (0..).zip([0, TICK, 5 * TICK, now - 1, now, now + 1]) {
        wheel.set(slot, deadline);
    }
    assert_eq!(drain(&mut wheel, now), [0, 1, 2, 3, 4]);
}

#[test]
fn time_that_goes_backwards_stands_still() {
    let mut wheel = Wheel::new(10 * TICK);
    wheel.set(0, 12 * TICK);
    assert_eq!(drain(&mut wheel, 11 * TICK), []);
    assert_eq!(drain(&mut wheel, 0), []);
    wheel.set(1, 11 * TICK);
    wheel.set(2, 11 * TICK + 1);
    assert_eq!(drain(&mut wheel, 9 * TICK), [1]);
    assert_eq!(drain(&mut wheel, 12 * TICK), [0, 2]);
}

#[test]
fn never_is_no_timer_and_the_moment_before_it_is() {
    let mut wheel = Wheel::new(0);
    wheel.set(3, u64::MAX);
    wheel.cancel(3);
    wheel.postpone(3, 5);
    assert_eq!((wheel.len(), wheel.deadline(3)), (0, u64::MAX));

    wheel.set(3, u64::MAX - 1);
    wheel.set(4, TICK);
    wheel.postpone(4, u64::MAX);
    for now in [YEAR, 500 * YEAR, u64::MAX - 2] {
        assert_eq!(drain(&mut wheel, now), []);
    }
    assert_eq!(wheel.deadline(4), u64::MAX - 1);
    wheel.set(3, u64::MAX);
    assert_eq!(wheel.validate(), [4]);
    wheel.cancel(4);
    assert_eq!(wheel.len(), 0);
}

#[test]
fn postpone_doesnt_bring_back_a_cancelled_timer_nor_move_one_earlier() {
    let mut wheel = Wheel::new(0);
    wheel.set(0, TICK);
    wheel.cancel(0);
    wheel.postpone(0, 2 * TICK);
    assert_eq!(wheel.deadline(0), u64::MAX);
    wheel.set(1, 9 * TICK);
    wheel.postpone(1, 8 * TICK);
    assert_eq!(wheel.deadline(1), 9 * TICK);
}

#[test]
fn a_postponed_timer_costs_one_look_when_its_bucket_comes_up() {
    let mut wheel = Wheel::new(0);
    wheel.set(0, 10 * TICK);
    for tick in 11..=40 {
        wheel.postpone(0, tick * TICK);
    }
    let mut budget = 10;
    assert_eq!(wheel.expire(20 * TICK, &mut budget), None);
    assert_eq!(budget, 9);
    assert_eq!(wheel.expire(40 * TICK, &mut budget), Some(0));
    assert_eq!(budget, 8);
}

#[test]
fn a_long_jump_costs_a_look_per_timer() {
    let mut wheel = Wheel::new(0);
    for slot in 0..200 {
        wheel.set(slot, u64::from(slot) * YEAR + 1);
    }
    let mut budget = 110;
    for _ in 0..100 {
        assert!(wheel.expire(99 * YEAR + TICK, &mut budget).is_some());
    }
    // One that isn't due shared a bucket with one that is.
    assert_eq!(budget, 9);
    assert_eq!(drain(&mut wheel, 99 * YEAR + TICK), []);
    assert_eq!(wheel.validate(), slots(100..200));
}

#[test]
fn an_idle_wheel_costs_no_looks_and_keeps_up_with_time() {
    let mut idle = Wheel::new(0);
    idle.set(0, 300 * YEAR);
    let mut budget = 1;
    for year in 0..100 {
        assert_eq!(idle.expire(year * YEAR, &mut budget), None);
    }
    assert_eq!(budget, 1);
    // A wheel that stood in the past would file this far away, and have to bring it nearer.
    let now = 99 * YEAR;
    for mut wheel in [idle, Wheel::new(now)] {
        wheel.set(1, now + 10 * TICK);
        assert_eq!(wheel.expire(now + TICK, &mut budget), None);
        assert_eq!(budget, 1);
    }
}

#[test]
fn a_budget_that_is_used_up_loses_nothing() {
    // All in one bucket of level 1, some to be reported from it and some to be filed in level 0.
    let mut wheel = Wheel::new(0);
    for slot in 0..100 {
        wheel.set(slot, 64 * TICK + u64::from(slot) * TICK / 2);
    }
    let (mut reported, mut calls) = (Vec::new(), 0);
    while reported.len() < 51 && calls < 1000 {
        assert_eq!(wheel.expire(89 * TICK, &mut 0), None);
        reported.extend(wheel.expire(89 * TICK, &mut 1));
        // Also what is set and cancelled while a bucket is half done.
        wheel.set(200, 80 * TICK + calls);
        wheel.cancel(200);
        wheel.validate();
        calls += 1;
    }
    assert_eq!(calls, 100);
    reported.sort_unstable();
    assert_eq!(reported, slots(0..51));
    assert_eq!(drain(&mut wheel, 200 * TICK), slots(51..100));
}

#[derive(Clone, Debug)]
enum Op {
    Set(u32, When),
    Cancel(u32),
    Postpone(u32, When),
    Advance(u64),
    Expire(u32),
    /// With a clock that is behind by this much.
    ExpireBehind(u64),
}

#[derive(Clone, Debug)]
enum When {
    Before(u64),
    After(u64),
    At(u64),
}

/// Of any magnitude up to that of `bits`, and often a round number of ticks.
fn span(bits: u32) -> impl Strategy<Value = u64> + Clone {
    (0..=bits, any::<u64>(), any::<bool>()).prop_map(|(bits, random, round)| {
        let span = random & ((1 << bits) - 1);
        if round { span & !(TICK - 1) } else { span }
    })
}

fn when() -> impl Strategy<Value = When> {
    prop_oneof![
        2 => span(40).prop_map(When::Before),
        10 => span(36).prop_map(When::After),
        4 => span(62).prop_map(When::After),
        1 => (0..3_u64).prop_map(|less| When::At(u64::MAX - less)),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    // Few slots, so that they meet again, or many.
    let slot = || prop_oneof![0..8_u32, 0..SLOTS];
    prop_oneof![
        8 => (slot(), when()).prop_map(|(slot, when)| Op::Set(slot, when)),
        2 => slot().prop_map(Op::Cancel),
        3 => (slot(), when()).prop_map(|(slot, when)| Op::Postpone(slot, when)),
        4 => span(38).prop_map(Op::Advance),
        1 => span(58).prop_map(Op::Advance),
        3 => (0..6_u32).prop_map(Op::Expire),
        2 => Just(Op::Expire(PLENTY)),
        1 => span(40).prop_map(Op::ExpireBehind),
    ]
}

/// Deadlines by slot, with a wheel that has to agree.
struct Model {
    wheel: Wheel,
    deadlines: BTreeMap<u32, u64>,
    now: u64,
    /// The latest time that the wheel was told.
    told: u64,
    /// Slots that had expired when they were set.
    past: Vec<u32>,
}

impl Model {
    fn new(now: u64) -> Self {
        Self {
            wheel: Wheel::new(now),
            deadlines: BTreeMap::new(),
            now,
            told: now,
            past: Vec::new(),
        }
    }

    fn apply(&mut self, op: &Op) {
        match *op {
            Op::Set(slot, ref when) => self.set(slot, self.at(when)),
            Op::Cancel(slot) => {
                self.wheel.cancel(slot);
                self.forget(slot);
            }
            Op::Postpone(slot, ref when) => self.postpone(slot, self.at(when)),
            Op::Advance(span) => self.now = self.now.saturating_add(span),
            Op::Expire(budget) => self.expire(self.now, budget),
            Op::ExpireBehind(span) => self.expire(self.now.saturating_sub(span), PLENTY),
        }
        self.check();
    }

    fn at(&self, when: &When) -> u64 {
        match *when {
            When::Before(span) => self.now.saturating_sub(span),
            When::After(span) => self.now.saturating_add(span),
            When::At(time) => time,
        }
    }

    fn set(&mut self, slot: u32, deadline: u64) {
        self.wheel.set(slot, deadline);
        self.forget(slot);
        if deadline != u64::MAX {
            self.deadlines.insert(slot, deadline);
        }
        if deadline <= self.told {
            self.past.push(slot);
        }
    }

    fn forget(&mut self, slot: u32) -> Option<u64> {
        self.past.retain(|&past| past != slot);
        self.deadlines.remove(&slot)
    }

    fn postpone(&mut self, slot: u32, deadline: u64) {
        self.wheel.postpone(slot, deadline);
        if let Some(known) = self.deadlines.get_mut(&slot) {
            *known = deadline.min(u64::MAX - 1).max(*known);
            if *known > self.told {
                self.past.retain(|&past| past != slot);
            }
        }
    }

    fn expire(&mut self, now: u64, budget: u32) {
        self.told = self.told.max(now);
        let (mut left, timers) = (budget, self.deadlines.len());
        while let Some(slot) = self.wheel.expire(now, &mut left) {
            let deadline = self.forget(slot);
            assert!(
                deadline.is_some_and(|at| at <= self.told),
                "slot {slot} is early"
            );
        }
        assert!((budget - left) as usize <= timers * 8, "too much work");
        if left == 0 {
            return;
        }
        for (slot, &deadline) in &self.deadlines {
            let late = deadline.checked_add(TICK).is_some_and(|at| at <= self.told);
            assert!(!late, "slot {slot} is late");
            assert!(!self.past.contains(slot), "slot {slot} was in the past");
        }
    }

    fn check(&self) {
        let slots = self.wheel.validate();
        assert!(
            slots.iter().eq(self.deadlines.keys()),
            "{slots:?} have timers"
        );
        assert_eq!(self.wheel.len(), self.deadlines.len());
        for slot in 0..=SLOTS {
            let known = self.deadlines.get(&slot).copied().unwrap_or(u64::MAX);
            assert_eq!(self.wheel.deadline(slot), known);
        }
    }
}

proptest! {
    #[test]
    fn wheel_does_what_the_model_does(start in span(60), ops in vec(op(), 1..300)) {
        let mut model = Model::new(start);
        model.check();
        for op in &ops {
            model.apply(op);
        }
        // In the end everything that can expire does, in small steps.
        model.now = model.now.max(u64::MAX - 2 * TICK);
        for _ in 0..PLENTY / 40 {
            model.apply(&Op::Expire(41));
        }
        prop_assert!(model.deadlines.values().all(|&deadline| deadline > model.now - TICK));
    }
}
