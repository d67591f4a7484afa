//! What is special to PostgreSQL, against a real server. What holds for every server is in
//! [`super::server`].

mod batch;
mod outage;
mod schema;
mod sweep;
mod tls;
mod url;

use std::time::Duration;

use cacheme::storage::PostgresStorage;
use cacheme::{BoxError, Entry, Key, Storage};
use cacheme_tests::postgres::PostgresServer;
use cacheme_tests::server::Server;
use cacheme_tests::wait::eventually;

/// For what comes about by itself; never reached when all is well.
const PATIENCE: Duration = Duration::from_secs(20);

/// How many connections storages have.
const CONNECTIONS: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'cacheme'";

/// The URL with a query. Unless that names a deadline it is a long one, for busy machines.
fn url(server: &PostgresServer, query: &str) -> String {
    let patience = if query.contains("deadline=") {
        ""
    } else {
        "&deadline=20s"
    };
    format!("{}?connect_timeout=20s&{query}{patience}", server.url())
}

async fn open(server: &PostgresServer, query: &str) -> PostgresStorage {
    let opened = PostgresStorage::connect(&url(server, query)).await;
    opened.expect("the server can be reached")
}

/// Why a storage can't be opened.
async fn refused(server: &PostgresServer, query: &str) -> String {
    let opened = PostgresStorage::connect(&url(server, query)).await;
    opened.expect_err("it is refused").to_string()
}

async fn put(storage: &dyn Storage, key: &str, value: &'static str) -> Result<(), BoxError> {
    storage.put_many(&[Entry::new(Key::new(key), value)]).await
}

async fn get(storage: &dyn Storage, key: &str) -> Result<Option<String>, BoxError> {
    let mut found = storage.get_many(&[Key::new(key)]).await?;
    let found = found.pop().flatten();
    Ok(found.map(|value| String::from_utf8_lossy(&value).into_owned()))
}

/// Waits until a count of connections is 0.
async fn closes_all(server: &PostgresServer, count: &str) {
    eventually("connections are closed", PATIENCE, async || {
        server.number(count).await == 0
    })
    .await;
}

/// Puts an entry, reads it and removes it.
async fn works(storage: &dyn Storage) {
    put(storage, "works", "yes").await.expect("put succeeds");
    let found = get(storage, "works").await.expect("get succeeds");
    assert_eq!(found.as_deref(), Some("yes"));
    let removed = storage.remove_many(&[Key::new("works")]).await;
    removed.expect("remove succeeds");
    assert_eq!(get(storage, "works").await.expect("get succeeds"), None);
}
