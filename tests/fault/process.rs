//! Servers that are stopped, or killed and started again.

use cacheme_tests::mongodb::MongodbServer;
use cacheme_tests::mysql::MysqlServer;
use cacheme_tests::postgres::PostgresServer;
use cacheme_tests::redis::RedisServer;
use cacheme_tests::server::Server;

use crate::fault::{Fault, HOLD};

pub(crate) fn faults() -> Vec<Fault> {
    vec![
        frozen::<RedisServer>("redis"),
        frozen::<PostgresServer>("postgres"),
        frozen::<MysqlServer>("mysql"),
        frozen::<MongodbServer>("mongodb"),
        killed::<RedisServer>("redis"),
        killed::<PostgresServer>("postgres"),
        killed::<MysqlServer>("mysql"),
        // What it answered may be gone with it: a removal, too.
        killed::<MongodbServer>("mongodb").removals_may_be_undone(),
    ]
}

/// What was sent and given up is done when the server goes on.
fn frozen<S: Server>(server: &str) -> Fault {
    let strike = async |at: &mut S, _: &_| {
        at.freeze();
        tokio::time::sleep(HOLD).await;
        at.thaw();
        1
    };
    Fault::new(format!("{server}: stopped"), S::start, strike).removals_may_be_undone()
}

fn killed<S: Server>(server: &str) -> Fault {
    let strike = async |at: &mut S, _: &_| {
        for _ in 0..2 {
            at.kill();
            tokio::time::sleep(HOLD / 2).await;
            at.restart();
            tokio::time::sleep(HOLD / 5).await;
        }
        2
    };
    Fault::new(format!("{server}: killed"), S::start, strike)
}
