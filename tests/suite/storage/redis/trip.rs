//! A batch is one round trip, and one call of a loader.

use cacheme::{Cacheme, Entry, Key, LocalStorage, Storage};
use cacheme_tests::loader::{Acts, Numbered, Script};
use cacheme_tests::redis::{RedisServer, Reply};
use cacheme_tests::server::Server;
use cacheme_tests::wait::eventually;

use super::{PATIENCE, storage};

/// A runtime with a local tier of its own before the server.
async fn chained(server: &RedisServer, script: &Script) -> Cacheme {
    let builder = Cacheme::builder()
        .storage("near", LocalStorage::tlfu(1000))
        .storage("far", storage(server).await)
        .state(script.clone());
    builder.build().await.expect("the runtime can be built")
}

fn numbers(numbers: impl IntoIterator<Item = u64>) -> impl Iterator<Item = Numbered> {
    numbers.into_iter().map(|number| Numbered { number })
}

fn calls(info: &Reply, command: &str) -> u64 {
    info.figure(&format!("cmdstat_{command}.calls"))
        .unwrap_or(0)
}

#[tokio::test]
async fn a_batch_is_one_read_one_load_and_one_write() {
    let server = RedisServer::start();
    let script = Script::new(Acts::Load);
    let other = chained(&server, &script).await;
    other
        .get_all(numbers(0..12))
        .await
        .expect("the first twelve are loaded");
    let runtime = chained(&server, &script).await;

    let mut connection = server.connection();
    connection.command(&["CONFIG", "RESETSTAT"]);
    let values = runtime
        .get_all(numbers((0..20).rev()))
        .await
        .expect("all are loaded");
    let commands = connection.command(&["INFO", "commandstats"]);

    assert!(values.into_iter().eq((0..20).rev()));
    let loads = script.calls();
    assert_eq!(loads.len(), 2, "one call for either batch");
    assert_eq!(loads[1], [19, 18, 17, 16, 15, 14, 13, 12]);
    assert_eq!(calls(&commands, "mget"), 1);
    assert_eq!(calls(&commands, "set"), 8);
    // The storage asks for the time by itself, now and then.
    let all = commands
        .text()
        .expect("INFO is text")
        .lines()
        .filter(|line| line.starts_with("cmdstat_") && !line.starts_with("cmdstat_time:"))
        .count();
    assert_eq!(
        all, 3,
        "besides MGET and SET there is only the CONFIG of this test: {commands:?}"
    );

    // What was written is whole: a third runtime reads it all, in one trip and without a load.
    let third = chained(&server, &script).await;
    connection.command(&["CONFIG", "RESETSTAT"]);
    third.get_all(numbers(0..20)).await.expect("all are there");
    let commands = connection.command(&["INFO", "commandstats"]);
    assert_eq!((calls(&commands, "mget"), calls(&commands, "set")), (1, 0));
    assert_eq!(script.calls().len(), 2);
}

#[tokio::test]
async fn one_value_is_one_read_and_one_write() {
    let server = RedisServer::start();
    let script = Script::new(Acts::Load);
    let runtime = chained(&server, &script).await;
    let mut connection = server.connection();
    connection.command(&["CONFIG", "RESETSTAT"]);
    for _ in 0..3 {
        runtime
            .get(Numbered { number: 7 })
            .await
            .expect("it is loaded");
    }
    let commands = connection.command(&["INFO", "commandstats"]);
    assert_eq!((calls(&commands, "mget"), calls(&commands, "set")), (1, 1));
    runtime
        .invalidate(Numbered { number: 7 })
        .await
        .expect("it is removed");
    let commands = connection.command(&["INFO", "commandstats"]);
    assert_eq!((calls(&commands, "mget"), calls(&commands, "del")), (1, 1));
}

/// The server doesn't answer the first write, and yet receives the others.
#[tokio::test]
async fn writes_of_a_batch_do_not_wait_for_each_other() {
    let server = RedisServer::start();
    let storage = storage(&server).await;
    let mut connection = server.connection();
    connection.command(&["CLIENT", "PAUSE", "600000", "WRITE"]);
    let value = [b'x'; 100];
    let entries: Vec<_> = (0..8)
        .map(|n| Entry::new(Key::new(format!("{n}")), value.to_vec()))
        .collect();
    let writing = tokio::spawn(async move { storage.put_many(&entries).await });

    eventually(
        "seven writes wait in the server's buffer",
        PATIENCE,
        async || {
            let clients = connection.command(&["CLIENT", "LIST"]);
            let waiting = clients.text().expect("CLIENT LIST is text");
            waiting
                .split([' ', '\n'])
                .filter_map(|part| part.strip_prefix("qbuf=")?.parse().ok())
                .max()
                >= Some(7 * 100)
        },
    )
    .await;
    assert_eq!(connection.command(&["DBSIZE"]).integer(), 0);
    connection.command(&["CLIENT", "UNPAUSE"]);
    writing.await.expect("no panic").expect("put succeeds");
    assert_eq!(connection.command(&["DBSIZE"]).integer(), 8);
}
