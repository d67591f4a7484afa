//! Loads that hang, panic, fail or are slow, and callers that go.

use std::time::Duration;

use cacheme::NodeStats;
use cacheme_tests::redis::RedisServer;
use cacheme_tests::server::Server;

use crate::fault::{Fault, HOLD};
use crate::ledger::Terms;
use crate::page::Kept;
use crate::source::Acts;
use crate::world::World;

pub(crate) fn faults() -> Vec<Fault> {
    vec![
        acts("loader: hangs", Acts::Hang),
        acts("loader: panics", Acts::Panic),
        acts("loader: fails", Acts::FailOneOf(1)),
        acts("loader: fails for a part of a batch", Acts::FailOneOf(3)),
        acts("loader: slow", Acts::Wait(Duration::from_millis(50))),
        stale(),
        callers_go(),
    ]
}

const LOADS_FAIL: Terms = Terms {
    loads_fail: true,
    removals_may_be_undone: false,
    callers_go: false,
};

fn acts(name: &str, acts: Acts) -> Fault {
    let strike = async move |_: &mut RedisServer, world: &World| {
        world.source.set(acts);
        tokio::time::sleep(HOLD).await;
        world.source.set(Acts::Load);
        world.source.acted()
    };
    Fault::new(name, RedisServer::start, strike).with(LOADS_FAIL)
}

/// How often an old value was returned, of which none may be from before a removal.
fn stale() -> Fault {
    let strike = async |_: &mut RedisServer, world: &World| {
        world.source.set(Acts::FailOneOf(1));
        tokio::time::sleep(HOLD).await;
        world.source.set(Acts::Load);
        let stats = world.runtime().stats();
        stats.node::<Kept>().map_or(0, NodeStats::stale)
    };
    Fault::new(
        "loader: fails, old values for it",
        RedisServer::start,
        strike,
    )
    .with(LOADS_FAIL)
}

fn callers_go() -> Fault {
    let strike = async |_: &mut RedisServer, world: &World| {
        world.source.set(Acts::Wait(Duration::from_millis(3)));
        tokio::time::sleep(HOLD).await;
        world.source.set(Acts::Load);
        world.ledger.gone()
    };
    let terms = Terms {
        callers_go: true,
        ..Terms::default()
    };
    Fault::new("loader: callers go at random", RedisServer::start, strike).with(terms)
}
