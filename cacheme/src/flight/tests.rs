//! The table against a naive model.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use proptest::prelude::*;

use super::*;
use crate::key::KeyWriter;
use crate::meta::Meta;

/// Two of them have the same hash.
#[derive(Clone, Debug)]
pub(super) struct Of(pub(super) u8);

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
        state.write_u8(self.0 / 2);
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
    /// Somebody looks at tiers without a flight.
    Look,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        proptest::collection::vec(0..NODES, 1..4).prop_map(Step::Begin),
        (any::<usize>(), any::<usize>()).prop_map(|(group, place)| Step::Land(group, place)),
        any::<usize>().prop_map(Step::Lose),
        (0..NODES).prop_map(Step::Bar),
        Just(Step::Look),
    ]
}

/// A group that the test holds: the model's name for it, and the places that are under way.
struct Held {
    name: usize,
    group: Arc<Group<Of, u8>>,
    started: Started<Of, u8>,
    aloft: Vec<usize>,
}

pub(super) fn flights() -> Arc<Flights<Of>> {
    let name = Cow::Borrowed("Of");
    let chain = Chain::resolve::<Of>(Of::meta(), name, &BTreeMap::new());
    Flights::new(Arc::new(chain.expect("it has no tiers")))
}

/// The table, and what a list of flights says.
struct Model {
    flights: Arc<Flights<Of>>,
    held: Vec<Held>,
    /// By node: the name of the group and the place of the flight that is under way.
    current: HashMap<u8, (usize, usize)>,
    /// By the turn of a look: the nodes whose flights have ended since, or that were invalidated.
    looks: Vec<(u64, HashSet<u8>)>,
}

impl Model {
    fn new() -> Self {
        Self {
            flights: flights(),
            held: Vec::new(),
            current: HashMap::new(),
            looks: Vec::new(),
        }
    }

    fn look(&mut self) {
        let since = self.flights.lock().look();
        self.looks.push((since, HashSet::new()));
    }

    /// What looks have seen of this node isn't the last of it.
    fn turn(&mut self, node: u8) {
        for (_, turned) in &mut self.looks {
            turned.insert(node);
        }
    }

    fn aim(&self, node: u8) -> Aim<Of> {
        self.flights.aim(0, Id(Of(node)))
    }

    /// Begins flights for those of `nodes` that none is under way for.
    fn begin(&mut self, name: usize, nodes: &[u8]) {
        let aims = nodes.iter().map(|&node| self.aim(node));
        let group = Group::many(&self.flights, Purpose::Load, aims);
        let started = self.flights.lock().open(&group);
        let mut aloft = Vec::new();
        for (place, &node) in nodes.iter().enumerate() {
            let mut table = self.flights.lock();
            let joined = table.join::<u8>(group.aim(place), Purpose::Load);
            assert_eq!(joined.is_some(), self.current.contains_key(&node));
            if joined.is_none() {
                table.start(&started, place);
                self.current.insert(node, (name, place));
                aloft.push(place);
            }
        }
        self.held.push(Held {
            name,
            group,
            started,
            aloft,
        });
    }

    fn land(&mut self, which: usize, place: usize) {
        let which = which % self.held.len().max(1);
        let Some(held) = self.held.get_mut(which) else {
            return;
        };
        if !held.aloft.is_empty() {
            let place = held.aloft.remove(place % held.aloft.len());
            held.started.land([(place, Ok(7))]);
            assert!(held.group.has_ended(place));
            let node = held.group.aim(place).node().0;
            self.current
                .retain(|_, flight| *flight != (held.name, place));
            self.turn(node);
        }
    }

    fn lose(&mut self, which: usize) {
        if !self.held.is_empty() {
            let held = self.held.swap_remove(which % self.held.len());
            drop(held.started);
            assert!(held.aloft.iter().all(|&place| held.group.has_ended(place)));
            self.current.retain(|_, (group, _)| *group != held.name);
            for place in held.aloft {
                self.turn(held.group.aim(place).node().0);
            }
        }
    }

    fn bar(&mut self, node: u8) {
        let aim = self.aim(node);
        let bar = self.flights.bar(&aim, || {});
        assert!(!self.flights.lock().is_under_way(&aim));
        drop(bar);
        self.current.remove(&node);
        self.turn(node);
    }

    fn check(&self) {
        self.flights.lock().validate();
        for held in &self.held {
            for place in 0..held.group.len() {
                let flight = (held.name, place);
                let is_current = self.current.values().any(|current| *current == flight);
                assert_eq!(held.started.is_current(place), is_current);
            }
        }
        let table = self.flights.lock();
        for (since, turned) in &self.looks {
            for &node in turned {
                assert!(!table.is_as_seen(&self.aim(node), *since));
            }
        }
        assert_eq!(table.is_idle(), self.current.is_empty());
    }
}

proptest! {
    #[test]
    fn the_table_does_what_a_list_of_flights_does(
        steps in proptest::collection::vec(step(), 1..60)
    ) {
        let mut model = Model::new();
        for (name, step) in steps.into_iter().enumerate() {
            match step {
                Step::Begin(nodes) => model.begin(name, &nodes),
                Step::Land(group, place) => model.land(group, place),
                Step::Lose(group) => model.lose(group),
                Step::Bar(node) => model.bar(node),
                Step::Look => model.look(),
            }
            model.check();
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

#[test]
fn a_look_is_disturbed_by_what_happens_to_its_node_and_by_little_else() {
    let flights = flights();
    let aims: Vec<_> = (0..=u8::MAX)
        .step_by(2)
        .map(|node| flights.aim(0, Id(Of(node))))
        .collect();
    let since = flights.lock().look();
    let undisturbed = |since| {
        let table = flights.lock();
        let seen = aims.iter().filter(|aim| table.is_as_seen(aim, since));
        seen.count()
    };
    assert_eq!(undisturbed(since), aims.len());
    let bar = flights.bar(&aims[0], || {});
    assert!(!flights.lock().is_as_seen(&aims[0], since));
    assert!((aims.len() / 2..aims.len()).contains(&undisturbed(since)));
    // One that begins now sees it under way.
    let later = flights.lock().look();
    assert!(flights.lock().is_as_seen(&aims[0], later));
    assert!(!flights.lock().lets_in(&aims[0], later));
    drop(bar);
    assert!(!flights.lock().is_as_seen(&aims[0], later));
    let last = flights.lock().look();
    assert!(flights.lock().lets_in(&aims[0], last));
    let group = Group::one(&flights, Purpose::Load, aims[1].clone());
    let started: Started<_, u8> = flights.start(&group);
    assert!(!flights.lock().lets_in(&aims[1], last));
    drop(started);
    assert!(!flights.lock().lets_in(&aims[1], last));
}
