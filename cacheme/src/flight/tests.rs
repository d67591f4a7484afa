//! The table against a naive model.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;

use super::*;
use crate::key::KeyWriter;
use crate::meta::Meta;

/// Two of them have the same hash.
#[derive(Clone, Debug)]
struct Of(u8);

impl Of {
    fn class(&self) -> u8 {
        self.0 / 2
    }
}

impl Node for Of {
    type Codec = ();

    fn meta() -> Meta {
        Meta::new("Of", "Of", "Of")
    }

    fn write_key(&self, _: &mut KeyWriter) {}

    fn same(&self, other: &Self) -> bool {
        self.0 == other.0
    }

    fn hash_into<H: Hasher>(&self, state: &mut H) {
        state.write_u8(self.class());
    }

    fn duplicate(&self) -> Self {
        self.clone()
    }
}

const NODES: u8 = 6;

#[derive(Clone, Debug)]
enum Step {
    /// Flights for these, but those that are under way.
    Begin(Vec<u8>),
    /// A group's flight of a place lands. Both numbers are taken modulo what there is.
    Land(usize, usize),
    /// What holds a group's flights is dropped.
    Lose(usize),
    /// A node is invalidated.
    Bar(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        proptest::collection::vec(0..NODES, 1..4).prop_map(Step::Begin),
        (any::<usize>(), any::<usize>()).prop_map(|(group, place)| Step::Land(group, place)),
        any::<usize>().prop_map(Step::Lose),
        (0..NODES).prop_map(Step::Bar),
    ]
}

/// A group that the test holds: the model's name for it, and the places that are under way.
struct Held {
    name: usize,
    group: Arc<Group<Of, u8>>,
    started: Started<Of, u8>,
    aloft: Vec<usize>,
}

fn flights() -> Arc<Flights<Of>> {
    let name = Cow::Borrowed("Of");
    let chain = Chain::resolve::<Of>(Of::meta(), name, &BTreeMap::new());
    Flights::new(Arc::new(chain.expect("it has no tiers")))
}

proptest! {
    #[test]
    fn the_table_does_what_a_list_of_flights_does(steps in proptest::collection::vec(step(), 1..60)) {
        let flights = flights();
        let aim = |node| flights.aim(0, Id(Of(node)));
        let mut held: Vec<Held> = Vec::new();
        // By hash: which flight is under way, and the node that it is for.
        let mut current: HashMap<u8, (usize, usize, u8)> = HashMap::new();
        for (name, step) in steps.into_iter().enumerate() {
            match step {
                Step::Begin(nodes) => {
                    let group = Group::many(&flights, Purpose::Load, nodes.iter().map(|&node| aim(node)));
                    let started = flights.lock().open(&group);
                    let mut aloft = Vec::new();
                    for (place, &node) in nodes.iter().enumerate() {
                        let mut table = flights.lock();
                        let joined = table.join::<u8>(group.aim(place), Purpose::Load);
                        let there = current.get(&Of(node).class()).filter(|(_, _, of)| *of == node);
                        prop_assert_eq!(joined.is_some(), there.is_some());
                        if joined.is_none() {
                            table.start(&started, place);
                            current.insert(Of(node).class(), (name, place, node));
                            aloft.push(place);
                        }
                    }
                    held.push(Held { name, group, started, aloft });
                }
                Step::Land(which, place) if !held.is_empty() => {
                    let which = which % held.len();
                    let Held { name, group, started, aloft } = &mut held[which];
                    if !aloft.is_empty() {
                        let place = aloft.remove(place % aloft.len());
                        started.land([(place, Ok(7))]);
                        prop_assert!(group.has_ended(place));
                        current.retain(|_, (group, of, _)| (*group, *of) != (*name, place));
                    }
                }
                Step::Lose(which) if !held.is_empty() => {
                    let Held { name, group, started, aloft } = held.swap_remove(which % held.len());
                    drop(started);
                    prop_assert!(aloft.iter().all(|&place| group.has_ended(place)));
                    current.retain(|_, (group, ..)| *group != name);
                }
                Step::Bar(node) => {
                    let aim = aim(node);
                    let bar = flights.bar(&aim, || {});
                    current.remove(&Of(node).class());
                    prop_assert!(!flights.lock().is_under_way(&aim));
                    drop(bar);
                }
                Step::Land(..) | Step::Lose(_) => {}
            }
            flights.lock().validate();
            for Held { name, group, started, .. } in &held {
                for place in 0..group.len() {
                    let is_it = |(of, at, _): &(usize, usize, u8)| (*of, *at) == (*name, place);
                    prop_assert_eq!(started.is_current(place), current.values().any(is_it));
                }
            }
        }
    }
}

#[test]
fn what_is_barred_changes_no_tier_until_the_last_bar_is_gone() {
    let flights = flights();
    let aim = flights.aim(0, Id(Of(1)));
    let bars = [flights.bar(&aim, || {}), flights.bar(&aim, || {})];
    let group = Group::one(&flights, Purpose::Load, aim.clone());
    let started: Started<_, u8> = flights.start(&group);
    assert!(flights.lock().is_under_way(&aim) && !started.is_current(0));
    let [first, second] = bars;
    drop(first);
    let again = Group::one(&flights, Purpose::Load, aim.clone());
    let again: Started<_, u8> = flights.start(&again);
    assert!(!again.is_current(0));
    drop(second);
    // It began while there was one.
    assert!(!again.is_current(0));
    let group = Group::one(&flights, Purpose::Load, aim.clone());
    let started: Started<_, u8> = flights.start(&group);
    assert!(started.is_current(0));
}
