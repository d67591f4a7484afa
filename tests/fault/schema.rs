//! Another version of the program, beside this one, with the same keys and values of another structure.

use std::sync::Arc;

use cacheme::codec::Default;
use cacheme::{Cacheme, Miss, NodeStats};
use cacheme_tests::redis::RedisServer;
use cacheme_tests::server::Server;

use crate::dice::Dice;
use crate::fault::{Fault, HOLD};
use crate::page::{Chained, Plain, Shelf};
use crate::source::PAGES;
use crate::world::{NEAR, World, builder, with_deadline};

/// A page as the other version has it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
struct Page {
    version: u64,
    number: u64,
    body: Vec<u64>,
}

pub(crate) fn faults() -> Vec<Fault> {
    let strike = async |at: &mut RedisServer, world: &World| {
        let other = builder(&world.source, NEAR)
            .storage("far", with_deadline(&at.url()))
            .build();
        let other = other.await.expect("the server can be reached");
        let using = tokio::spawn(uses(world.clone(), other));
        tokio::time::sleep(HOLD).await;
        using.abort();
        let ended = using.await;
        if ended.is_err_and(|error| error.is_panic()) {
            world
                .ledger
                .problem("the other version panicked".to_owned());
        }
        let stats = world.runtime().stats();
        let missed = |node: &NodeStats| {
            let tiers = node.tiers().iter();
            tiers.map(|tier| tier.missed(Miss::Schema)).sum::<u64>()
        };
        stats.nodes().iter().map(missed).sum()
    };
    vec![Fault::new(
        "schema: two versions of a program",
        RedisServer::start,
        strike,
    )]
}

/// What the other version does. It may read what it wrote itself, and nothing else.
async fn uses(world: World, other: Cacheme) {
    let mut dice = Dice::new();
    loop {
        let number = dice.below(PAGES);
        if number.is_multiple_of(2) {
            use_one::<Chained>(&world, &other, number & !3).await;
        } else {
            use_one::<Plain>(&world, &other, number & !3 | 1).await;
        }
        tokio::task::yield_now().await;
    }
}

async fn use_one<N: Shelf<Codec = Default>>(world: &World, other: &Cacheme, number: u64) {
    let source = Arc::clone(&world.source);
    let load = move |_| async move {
        Ok(Page {
            version: source.version(number),
            number,
            body: vec![number; 3],
        })
    };
    match world
        .ledger
        .ask("get_with", other.get_with(N::at(number), load))
        .await
    {
        Some(Ok(page)) => {
            let is_right = page.number == number && page.body == [number; 3];
            if !is_right || page.version > world.source.version(number) {
                let problem = format!("the other version got {page:?} for {number}");
                world.ledger.wrong_because(problem);
            }
        }
        Some(Err(error)) => world.ledger.read_failed("get_with", &error),
        None => {}
    }
}
