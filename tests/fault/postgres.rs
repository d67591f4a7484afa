//! What PostgreSQL itself does: it ends connections, has none left, or refuses statements.

use std::time::Duration;

use cacheme_tests::postgres::PostgresServer;
use cacheme_tests::server::Server;
use tokio_postgres::NoTls;

use crate::fault::{Fault, HOLD};
use crate::world::World;

/// Ends the storage's connections.
const END: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                   WHERE application_name = 'cacheme'";

pub(crate) fn faults() -> Vec<Fault> {
    vec![
        ended(),
        exhausted(),
        dropped(),
        statements(
            "postgres: table gone for a while",
            "ALTER TABLE cacheme RENAME TO gone",
            "ALTER TABLE gone RENAME TO cacheme",
        ),
        statements(
            "postgres: locked table",
            "BEGIN; LOCK TABLE cacheme IN ACCESS EXCLUSIVE MODE",
            "COMMIT",
        ),
        read_only(),
    ]
}

fn ended() -> Fault {
    let strike = async |at: &mut PostgresServer, _: &_| {
        let mut injected = 0;
        for _ in 0..20 {
            injected += at.number(END).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        u64::try_from(injected).unwrap_or_default()
    };
    Fault::new("postgres: ended connections", PostgresServer::start, strike)
}

/// Others have all connections that there may be.
fn exhausted() -> Fault {
    let start = || {
        PostgresServer::start_with(&[
            "max_connections=12",
            "superuser_reserved_connections=0",
            "max_wal_senders=0",
        ])
    };
    let strike = async |at: &mut PostgresServer, _: &World| {
        let ends = at.client().await;
        let mut others = Vec::new();
        while others.len() < 11 {
            // The storage takes what is free before.
            let _ = ends.query_one(END, &[]).await;
            while let Ok((client, connection)) = tokio_postgres::connect(&at.url(), NoTls).await {
                tokio::spawn(connection);
                others.push(client);
            }
        }
        tokio::time::sleep(HOLD).await;
        others.len() as u64
    };
    Fault::new("postgres: no connections left", start, strike)
}

/// A process makes the table that it finds missing when it starts.
fn dropped() -> Fault {
    let strike = async |at: &mut PostgresServer, world: &World| {
        let before = world.failures();
        at.run("DROP TABLE cacheme").await;
        tokio::time::sleep(HOLD).await;
        let failed = world.failures() - before;
        world.restart(&at.url()).await;
        failed
    };
    Fault::new("postgres: dropped table", PostgresServer::start, strike)
}

/// What fails between two statements over one connection.
fn statements(name: &str, before: &'static str, after: &'static str) -> Fault {
    let strike = async move |at: &mut PostgresServer, world: &World| {
        let (client, failed) = (at.client().await, world.failures());
        let run = async |statement| {
            let ran = client.batch_execute(statement).await;
            ran.expect("the statement is right");
        };
        run(before).await;
        tokio::time::sleep(HOLD).await;
        run(after).await;
        world.failures() - failed
    };
    Fault::new(name, PostgresServer::start, strike)
}

fn read_only() -> Fault {
    let strike = async |at: &mut PostgresServer, world: &World| {
        let (client, before) = (at.client().await, world.failures());
        for statement in [
            "SET default_transaction_read_only = off",
            "ALTER SYSTEM SET default_transaction_read_only = on",
            "SELECT pg_reload_conf()",
        ] {
            let ran = client.batch_execute(statement).await;
            ran.expect("the statement is right");
        }
        tokio::time::sleep(HOLD).await;
        for statement in [
            "ALTER SYSTEM RESET default_transaction_read_only",
            "SELECT pg_reload_conf()",
        ] {
            let ran = client.batch_execute(statement).await;
            ran.expect("the statement is right");
        }
        world.failures() - before
    };
    Fault::new("postgres: read only", PostgresServer::start, strike)
}
