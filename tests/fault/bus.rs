//! Two processes that tell each other of changes, and lose sight of each other.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cacheme_tests::mongodb::MongodbServer;
use cacheme_tests::postgres::PostgresServer;
use cacheme_tests::proxy::Flow;
use cacheme_tests::redis::RedisServer;
use cacheme_tests::server::Server;

use crate::crew::Crew;
use crate::fault::{AROUND, Fault, HOLD};
use crate::ledger::Terms;
use crate::outcome::Outcome;
use crate::page::{Own, Page, Shelf};
use crate::recovery::PATIENCE;
use crate::scene::{Proxied, Scene};
use crate::source::{PAGES, Source};
use crate::world::{World, builder, with_deadline};

pub(crate) fn faults() -> Vec<Fault> {
    vec![
        fault(
            "redis bus: lost subscriptions",
            RedisServer::start,
            async |at: &mut RedisServer| {
                let mut injected = 0;
                for _ in 0..10 {
                    let ended = at.command(&["CLIENT", "KILL", "TYPE", "pubsub"]).integer();
                    injected += u64::try_from(ended).unwrap_or_default();
                    tokio::time::sleep(HOLD / 10).await;
                }
                injected
            },
        ),
        fault(
            "postgres bus: ended connections",
            PostgresServer::start,
            async |at: &mut PostgresServer| {
                const END: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                               WHERE application_name = 'cacheme'";
                let mut injected = 0;
                for _ in 0..10 {
                    injected += u64::try_from(at.number(END).await).unwrap_or_default();
                    tokio::time::sleep(HOLD / 10).await;
                }
                injected
            },
        ),
        fault("redis bus: killed", RedisServer::start, killed),
        fault("postgres bus: killed", PostgresServer::start, killed),
        fault("mongodb bus: killed", MongodbServer::start, killed),
        fault(
            "redis bus: flapping",
            Proxied::<RedisServer>::start,
            flapping,
        ),
        fault(
            "mongodb bus: flapping",
            // The driver asks servers where they are, and goes there, unless it is told not to.
            || Proxied::<MongodbServer>::start_with("directConnection=true"),
            flapping,
        ),
        // Longer than it takes to notice that nothing comes.
        fault(
            "redis bus: black hole",
            Proxied::start,
            async |at: &mut Proxied<RedisServer>| {
                at.flows(Flow::BlackHole, Duration::from_secs(12)).await
            },
        ),
    ]
}

async fn killed<S: Server>(at: &mut S) -> u64 {
    at.kill();
    tokio::time::sleep(HOLD / 2).await;
    at.restart();
    1
}

async fn flapping<S: Server>(at: &mut Proxied<S>) -> u64 {
    let mut injected = 0;
    for _ in 0..10 {
        injected += at.flows(Flow::Refuse, HOLD / 20).await;
        tokio::time::sleep(HOLD / 20).await;
    }
    injected
}

/// A fault of a bus.
fn fault<S: Scene>(
    name: &str,
    start: impl Fn() -> S + 'static,
    strike: impl AsyncFn(&mut S) -> u64 + 'static,
) -> Fault {
    let (start, strike) = (std::rc::Rc::new(start), std::rc::Rc::new(strike));
    Fault::alone(name, move |terms| {
        let (start, strike) = (std::rc::Rc::clone(&start), std::rc::Rc::clone(&strike));
        async move {
            let mut scene = start();
            apart(&scene.url(), terms, async || strike(&mut scene).await).await
        }
    })
}

/// Two processes with what they have in their own memory only, so that a removal by one is the other's business by way
/// of the bus alone. Each is held to its own removals throughout, and to all changes of the other when the bus works
/// again, also to those that it couldn't tell of. Nothing is told after the fault.
async fn apart(url: &str, terms: Terms, strike: impl AsyncFnOnce() -> u64) -> Outcome {
    let source = Arc::new(Source::new());
    let process = async || {
        let far = with_deadline(url);
        // All pages, so that none goes by itself.
        let builder = || {
            builder(&source, 2048)
                .storage("far", far.clone())
                .bus("far")
        };
        World::new(&source, builder, terms).await.alone()
    };
    let (one, two) = (process().await, process().await);
    let (changing, reading) = (Crew::start(&one), Crew::reading(&two));
    tokio::time::sleep(AROUND).await;
    let before = changing.gauge().resident();
    let injected = strike().await;
    let gauge = changing.end().await;
    let recovery = follows(&two).await;
    reading.end().await;

    let mut outcome = Outcome::of(&one.ledger, injected, recovery);
    outcome.also(&two.ledger);
    outcome.measure(&gauge, before);
    outcome
}

/// How long it takes until a process has everything as the source has it.
async fn follows(world: &World) -> Option<Duration> {
    let begun = Instant::now();
    let follows = async {
        for number in 0..PAGES {
            let newest = world.source.version(number);
            let is_old = |page: Page| page.version < newest;
            while world.runtime().get(Own::at(number)).await.is_ok_and(is_old) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    };
    let followed = tokio::time::timeout(PATIENCE, follows).await;
    if followed.is_err() {
        let stays = "the other process has what was changed long ago";
        world.ledger.wrong_because(stays.to_owned());
    }
    followed.ok().map(|()| begun.elapsed())
}
