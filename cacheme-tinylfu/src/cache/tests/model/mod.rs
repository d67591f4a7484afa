//! Random operations on a cache and on a model of it that is too simple to be wrong.
//!
//! The model knows all entries, their deadlines and all figures. Which entries are evicted it learns from
//! the listener, and checks that they had to be; with LRU it foretells them. When expired entries leave
//! by themselves it learns too.

mod arrival;
mod effect;
mod order;
mod run;

use std::collections::HashSet;

use proptest::prelude::*;

use self::run::Run;
use crate::Policy;

/// The precision of the timer wheel.
const TICK: u64 = 1 << 20;
/// Half of it, so that entries leave by themselves now and then.
const HALF_TICK: u64 = TICK / 2;

#[derive(Clone, Copy, Debug)]
pub(super) struct Setting {
    policy: Policy,
    capacity: usize,
    shards: usize,
    ttl: Option<u64>,
    idle: Option<u64>,
    weighed: bool,
    expires_after: bool,
    doorkeeper: bool,
    /// Nanoseconds of a unit of time. With units of one, nothing leaves by itself.
    unit: u64,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Insert(u8, u32),
    InsertWithTtl(u8, u32, u64),
    Get(u8),
    Lookup(u8),
    GetRef(u8),
    Peek(u8),
    Remove(u8),
    RemoveIf(u8, bool),
    Retain(u8),
    Compute(u8, Choice),
    Load(u8, u32),
    LoadNothing(u8),
    Advance(u64),
    RemoveExpired,
    Resize(usize),
    Clear,
}

/// What the closure of a compute decides.
#[derive(Clone, Copy, Debug)]
enum Choice {
    Keep,
    Put(u32),
    PutWithTtl(u32, u64),
    Remove,
}

fn choice() -> impl Strategy<Value = Choice> {
    prop_oneof![
        Just(Choice::Keep),
        (0..15_u32).prop_map(Choice::Put),
        (0..15_u32, 0..20_u64).prop_map(|(weight, ttl)| Choice::PutWithTtl(weight, ttl)),
        Just(Choice::Remove),
    ]
}

fn step(keys: u8, most: usize) -> impl Strategy<Value = Step> {
    let key = move || 0..keys;
    let weight = 0..15_u32;
    prop_oneof![
        16 => (key(), weight.clone()).prop_map(|(key, weight)| Step::Insert(key, weight)),
        6 => (key(), weight.clone(), 0..20_u64)
            .prop_map(|(key, weight, ttl)| Step::InsertWithTtl(key, weight, ttl)),
        20 => key().prop_map(Step::Get),
        2 => key().prop_map(Step::Lookup),
        2 => key().prop_map(Step::GetRef),
        2 => key().prop_map(Step::Peek),
        3 => key().prop_map(Step::Remove),
        2 => (key(), any::<bool>()).prop_map(|(key, yes)| Step::RemoveIf(key, yes)),
        1 => (0..7_u8).prop_map(Step::Retain),
        5 => (key(), choice()).prop_map(|(key, choice)| Step::Compute(key, choice)),
        6 => (key(), weight).prop_map(|(key, weight)| Step::Load(key, weight)),
        1 => key().prop_map(Step::LoadNothing),
        5 => (1..10_u64).prop_map(Step::Advance),
        1 => Just(Step::RemoveExpired),
        1 => (0..=most).prop_map(Step::Resize),
        1 => Just(Step::Clear),
    ]
}

/// Steps between some of which much time goes by.
fn patient_step() -> impl Strategy<Value = Step> {
    let long = prop_oneof![4 => 10..100_u64, 2 => 100..10_000_u64, 1 => Just(1 << 30)];
    prop_oneof![
        20 => step(24, 12),
        1 => long.prop_map(Step::Advance),
    ]
}

fn setting(policy: Policy, capacities: usize, unit: u64) -> impl Strategy<Value = Setting> {
    let span = || prop_oneof![2 => Just(None), 1 => Just(Some(12)), 1 => Just(Some(200))];
    let rare = || prop::bool::weighted(0.2);
    let shards = prop_oneof![3 => Just(1_usize), 1 => Just(2), 1 => Just(4)];
    let numbers = (0..=capacities, shards, span(), span());
    let switches = (any::<bool>(), rare(), rare());
    (numbers, switches).prop_map(move |(numbers, switches)| {
        let (capacity, shards, ttl, idle) = numbers;
        let (weighed, expires_after, doorkeeper) = switches;
        Setting {
            policy,
            capacity,
            // As the cache has it: no shard is without any capacity.
            shards: shards.min(1 << capacity.max(1).ilog2()),
            ttl,
            idle,
            weighed,
            expires_after,
            doorkeeper,
            unit,
        }
    })
}

fn steps(step: impl Strategy<Value = Step>) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step, 1..200)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn lru_does_what_the_model_foretells(
        setting in setting(Policy::Lru, 40, 1),
        steps in steps(step(64, 40)),
    ) {
        let mut run = Run::new(setting);
        for step in &steps {
            run.apply(step);
        }
    }

    #[test]
    fn lru_does_what_the_model_allows(
        setting in setting(Policy::Lru, 12, HALF_TICK),
        steps in steps(patient_step()),
    ) {
        let mut run = Run::new(setting);
        for step in &steps {
            run.apply(step);
        }
    }

    #[test]
    fn tinylfu_does_what_the_model_allows(
        setting in setting(Policy::TinyLfu, 12, HALF_TICK),
        steps in steps(patient_step()),
    ) {
        let mut run = Run::new(setting);
        for step in &steps {
            run.apply(step);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn tinylfu_with_a_window_of_several_entries_does_what_the_model_allows(
        mut setting in setting(Policy::TinyLfu, 0, HALF_TICK),
        steps in steps(step(255, 220)),
    ) {
        setting.capacity = 220;
        let mut run = Run::new(setting);
        // Filled first, so that steps evict.
        for key in 0..220 {
            run.apply(&Step::Insert(key, 1));
        }
        for step in steps.iter().filter(|step| !matches!(step, Step::Clear)) {
            run.apply(step);
        }
    }
}

#[test]
fn all_keys_of_the_model_are_spread_over_the_shards() {
    let setting = Setting {
        policy: Policy::Lru,
        capacity: 12,
        shards: 4,
        ttl: None,
        idle: None,
        weighed: false,
        expires_after: false,
        doorkeeper: false,
        unit: 1,
    };
    let run = Run::new(setting);
    let shards: HashSet<usize> = (0..24).map(|key| run.shard(key)).collect();
    assert_eq!(shards.len(), 4);
}
