//! Writes by the thousand while the storage is away: what they take is bounded.

use cacheme_tests::mysql::MysqlServer;
use cacheme_tests::postgres::PostgresServer;
use cacheme_tests::redis::RedisServer;
use cacheme_tests::server::Server;
use tokio::task::JoinSet;

use crate::fault::Fault;
use crate::page::{Page, Plain, Shelf};
use crate::source::PAGES;
use crate::world::World;

/// How many values are written.
const WRITES: u64 = 50_000;

/// How many tasks write.
const TASKS: u64 = 200;

pub(crate) fn faults() -> Vec<Fault> {
    vec![
        writes::<RedisServer>("redis"),
        writes::<PostgresServer>("postgres"),
        writes::<MysqlServer>("mysql"),
    ]
}

/// What was given up may be done when the server goes on.
fn writes<S: Server>(server: &str) -> Fault {
    let strike = async |at: &mut S, world: &World| {
        at.freeze();
        let mut tasks = JoinSet::new();
        for task in 0..TASKS {
            tasks.spawn(write(world.clone(), task));
        }
        let failed = tasks.join_all().await;
        at.thaw();
        failed.into_iter().sum()
    };
    let name = format!("{server}: 50,000 writes while stopped");
    Fault::new(name, S::start, strike).removals_may_be_undone()
}

/// Writes a task's part, and says how many writes failed. One of a hundred values is removed as well.
async fn write(world: World, task: u64) -> u64 {
    let (runtime, mut failed) = (world.runtime(), 0);
    for write in 0..WRITES / TASKS {
        let number = 1000 * PAGES + write * TASKS + task;
        let put = runtime.put(Plain::at(number), Page::new(number, 0));
        let put = world.ledger.ask("put", put).await;
        if let Some(Err(error)) = put {
            world.ledger.done("put", Some(&error));
            failed += 1;
        }
        if (write + task).is_multiple_of(100) {
            let removed = runtime.invalidate(Plain::at(number));
            if let Some(removed) = world.ledger.ask("invalidate", removed).await {
                world.ledger.done("invalidate", removed.as_ref().err());
            }
        }
    }
    failed
}
