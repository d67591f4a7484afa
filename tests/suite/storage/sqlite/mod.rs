//! SQLite, beside what holds for every embedded database.

mod growth;
mod lock;
mod path;
mod schema;
mod share;

use std::path::Path;
use std::sync::Arc;

use cacheme::storage::SqliteStorage;
use cacheme::testing::Conformance;
use cacheme::{BoxError, Key, Storage};
use rusqlite::Connection;

use super::embedded::{Embedded, clock, get, put};

async fn open(url: &str) -> Result<Arc<dyn Storage>, BoxError> {
    cacheme::storage::open(url).await
}

async fn refused(url: &str) -> String {
    let opened = open(url).await;
    opened.expect_err("it is refused").to_string()
}

fn url(path: &Path, parameters: &str) -> String {
    format!("sqlite:{}{parameters}", path.display())
}

fn raw(path: &Path) -> Connection {
    Connection::open(path).expect("the file can be opened")
}

fn run(raw: &Connection, sql: &str) {
    raw.execute_batch(sql).expect("the statements are right");
}

fn count(raw: &Connection, sql: &str) -> u32 {
    let count = raw.query_row(sql, [], |row| row.get(0));
    count.expect("the query is right")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_conforms_to_the_contract() {
    let clock = clock();
    let storage = <SqliteStorage as Embedded>::open(Path::new(":memory:"), &clock);
    let pass = async |_: &Key, ttl| clock.advance(ttl);
    Conformance::of(storage).run(pass).await;
    assert!(!Path::new(":memory:").exists());
}

#[tokio::test]
async fn each_memory_is_private() {
    let one = open("sqlite::memory:").await.expect("there is memory");
    let other = open("sqlite::memory:").await.expect("there is memory");
    put(&one, "key", "one").await;
    assert_eq!(get(&one, "key").await, Some("one".into()));
    assert_eq!(get(&other, "key").await, None);
}
