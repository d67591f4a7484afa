//! What MariaDB itself does: it ends connections, or refuses statements.

use std::time::Duration;

use cacheme_tests::mysql::MysqlServer;
use cacheme_tests::server::Server;
use mysql_async::prelude::Queryable;

use crate::fault::{Fault, HOLD};
use crate::world::World;

pub(crate) fn faults() -> Vec<Fault> {
    vec![
        ended(),
        statements(
            "mysql: table gone for a while",
            "RENAME TABLE cacheme TO gone",
            "RENAME TABLE gone TO cacheme",
        ),
        statements(
            "mysql: locked table",
            "LOCK TABLES cacheme WRITE",
            "UNLOCK TABLES",
        ),
        statements(
            "mysql: read only",
            "SET GLOBAL read_only = 1",
            "SET GLOBAL read_only = 0",
        ),
    ]
}

fn ended() -> Fault {
    const CONNECTIONS: &str =
        "SELECT id FROM information_schema.processlist WHERE user = 'cacheme'";
    let strike = async |at: &mut MysqlServer, _: &_| {
        let (mut admin, mut injected) = (at.connection().await, 0);
        for _ in 0..20 {
            let ids: Vec<u64> = admin.query(CONNECTIONS).await.expect("there is a list");
            for id in ids {
                // It may be gone by itself.
                injected += u64::from(admin.query_drop(format!("KILL {id}")).await.is_ok());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        injected
    };
    Fault::new("mysql: ended connections", MysqlServer::start, strike)
}

/// What fails between two statements over one connection.
fn statements(name: &str, before: &'static str, after: &'static str) -> Fault {
    let strike = async move |at: &mut MysqlServer, world: &World| {
        let (mut admin, failed) = (at.connection().await, world.failures());
        admin
            .query_drop(before)
            .await
            .expect("the statement is right");
        tokio::time::sleep(HOLD).await;
        admin
            .query_drop(after)
            .await
            .expect("the statement is right");
        world.failures() - failed
    };
    Fault::new(name, MysqlServer::start, strike)
}
