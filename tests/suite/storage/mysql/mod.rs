//! MariaDB, through a real server.

mod batch;
mod connection;
mod expiry;
mod schema;
mod sweep;
mod tls;
mod url;

use std::time::Duration;

use cacheme::storage::MysqlStorage;
use cacheme::{Entry, Key, Storage};
use cacheme_tests::mysql::MysqlServer;

/// For what comes about by itself; never reached when all is well.
const PATIENCE: Duration = Duration::from_secs(20);

/// A storage with this query in its URL.
async fn storage(server: &MysqlServer, query: &str) -> MysqlStorage {
    MysqlStorage::connect(&server.url_with(query))
        .await
        .expect("the server can be reached")
}

async fn put(storage: &MysqlStorage, entries: &[Entry]) {
    storage.put_many(entries).await.expect("put succeeds");
}

async fn get(storage: &MysqlStorage, key: &str) -> Option<String> {
    let found = storage.get_many(&[Key::new(key)]).await;
    let found = found.expect("get succeeds").remove(0)?;
    Some(String::from_utf8(found.to_vec()).expect("the value is text"))
}

fn entry(key: impl AsRef<str>, value: impl Into<bytes::Bytes>) -> Entry {
    Entry::new(Key::new(key.as_ref()), value)
}
