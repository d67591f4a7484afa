//! Sockets and pools: by which connections a server is reached.

use cacheme::storage::RedisStorage;
use cacheme::{Entry, Key, Storage};
use cacheme_tests::redis::RedisServer;
use cacheme_tests::server::Server;
use cacheme_tests::wait::eventually;

use super::{PATIENCE, connect};

#[tokio::test]
async fn a_socket_of_the_file_system_is_connected_to() {
    let server = RedisServer::start_with(|folder| {
        let path = folder.join("a socket");
        ["--unixsocket".to_owned(), path.display().to_string()].to_vec()
    });
    server.command(&["CONFIG", "SET", "requirepass", "hunter2"]);
    let path = server.folder().join("a%20socket");
    let url = format!("redis+unix://:hunter2@{}?database=2", path.display());
    let storage = connect(&url).await;
    let entry = Entry::new(Key::new("key"), "x");
    storage.put_many(&[entry]).await.expect("put succeeds");
    let found = storage
        .get_many(&[Key::new("key")])
        .await
        .expect("get succeeds");
    assert_eq!(found, [Some("x".into())]);
    let mut connection = server.connection();
    connection.command(&["AUTH", "hunter2"]);
    connection.command(&["SELECT", "2"]);
    assert_eq!(connection.command(&["EXISTS", "key"]).integer(), 1);
    let debug = format!("{storage:?}");
    assert!(
        debug.contains("/a socket") && !debug.contains("hunter2"),
        "{debug}"
    );

    let error = RedisStorage::connect("redis+unix:///no/such.sock").await;
    let error = error.expect_err("there is nothing").to_string();
    assert!(error.starts_with("/no/such.sock: "), "{error}");
}

/// The connections to a server, besides that of the test.
fn clients(server: &RedisServer) -> Vec<String> {
    let list = server.command(&["CLIENT", "LIST"]);
    let list = list.text().expect("CLIENT LIST is text").to_owned();
    let lines = list
        .lines()
        .filter(|line| !line.contains("cmd=client|list"));
    lines.map(ToOwned::to_owned).collect()
}

/// How many of them were only made: with an `INFO` that ends.
fn unused(clients: &[String]) -> usize {
    let unused = |line: &&String| line.contains("cmd=info");
    clients.iter().filter(unused).count()
}

#[tokio::test]
async fn a_pool_has_so_many_connections_until_it_is_dropped() {
    let server = RedisServer::start();
    let storage = connect(&(server.url() + "?pool=3")).await;
    let keys: Vec<_> = (0..300).map(|n| Key::new(format!("key:{n}"))).collect();
    let entry = |key: &Key| Entry::new(key.clone(), key.as_str().to_owned());
    let entries: Vec<_> = keys.iter().map(entry).collect();
    storage.put_many(&entries).await.expect("put succeeds");
    let connected = clients(&server);
    assert_eq!(
        (connected.len(), unused(&connected)),
        (3, 0),
        "{connected:?}"
    );

    let mut connection = server.connection();
    connection.command(&["CONFIG", "RESETSTAT"]);
    let found = storage.get_many(&keys).await.expect("get succeeds");
    assert!(
        found
            .iter()
            .zip(&entries)
            .all(|(found, entry)| found.as_ref() == Some(entry.value()))
    );
    let info = connection.command(&["INFO", "commandstats"]);
    assert_eq!(info.figure("cmdstat_mget.calls"), Some(3));
    storage.remove_many(&keys).await.expect("remove succeeds");
    assert_eq!(connection.command(&["DBSIZE"]).integer(), 0);

    drop(storage);
    eventually("the connections are closed", PATIENCE, async || {
        clients(&server)
            .iter()
            .all(|line| line.contains("cmd=dbsize"))
    })
    .await;
}

/// What is begun later for a key isn't done earlier.
#[tokio::test]
async fn a_key_always_takes_the_same_connection() {
    let server = RedisServer::start();
    let storage = RedisStorage::builder(&server.url())
        .pool(4)
        .connect()
        .await
        .expect("the server can be reached");
    for round in 0..20 {
        let entry = Entry::new(Key::new("key"), format!("{round}"));
        storage.put_many(&[entry]).await.expect("put succeeds");
    }
    // Another may have been asked for the time.
    let clients = clients(&server);
    assert_eq!(clients.len(), 4, "{clients:?}");
    assert!(unused(&clients) >= 2, "{clients:?}");
}

#[tokio::test]
async fn a_key_that_stands_twice_is_asked_for_once() {
    let server = RedisServer::start();
    let storage = connect(&server.url()).await;
    let keys = ["a", "b", "a", "a"].map(Key::new);
    let entries = keys.iter().zip(["1", "2", "3", "4"]);
    let entries = entries.map(|(key, value)| Entry::new(key.clone(), value));
    let entries: Vec<_> = entries.collect();
    let mut connection = server.connection();
    connection.command(&["CONFIG", "RESETSTAT"]);
    storage.put_many(&entries).await.expect("put succeeds");
    let found = storage.get_many(&keys).await.expect("get succeeds");
    assert_eq!(found, ["4", "2", "4", "4"].map(|value| Some(value.into())));
    storage.remove_many(&keys).await.expect("remove succeeds");
    let info = connection.command(&["INFO", "commandstats"]);
    let calls = ["set", "mget", "del"].map(|name| info.figure(&format!("cmdstat_{name}.calls")));
    assert_eq!(calls, [2, 1, 1].map(Some));
    let stats = connection.command(&["INFO", "stats"]);
    assert_eq!(stats.figure("keyspace_hits"), Some(2));
}
