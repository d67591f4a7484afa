//! rusqlite, on tokio's blocking threads, each with a connection of its own.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cacheme::BoxError;
use rusqlite::{Connection, params};

use crate::round::{self, Figures, Get, Page, VALUES, key};

const GET: &str = "SELECT value FROM raw WHERE key = ?1 AND (expires IS NULL OR expires > ?2)";

/// The database's path.
#[derive(Clone)]
struct Raw(Arc<PathBuf>);

thread_local! {
    static CONNECTION: RefCell<Option<Connection>> = const { RefCell::new(None) };
}

impl Raw {
    fn put(path: &Path) -> Result<(), rusqlite::Error> {
        let mut connection = open(path)?;
        let table = "CREATE TABLE raw (key BLOB PRIMARY KEY, value BLOB, expires INTEGER)";
        connection.execute_batch(table)?;
        let transaction = connection.transaction()?;
        for number in 0..VALUES {
            let put = "INSERT INTO raw VALUES (?1, ?2, ?3)";
            let (key, value) = (key(number).into_bytes(), Page::new(number).encode());
            transaction.execute(put, params![key, value, i64::MAX])?;
        }
        transaction.commit()
    }

    async fn read(&self, numbers: Vec<u64>) -> Vec<Page> {
        let path = Arc::clone(&self.0);
        let read = move || {
            CONNECTION.with_borrow_mut(|connection| {
                let connection =
                    connection.get_or_insert_with(|| open(&path).expect("it is there"));
                let transaction = connection.transaction().expect("it begins");
                let mut get = transaction.prepare_cached(GET).expect("it is prepared");
                let page = |number| {
                    let read =
                        |row: &rusqlite::Row<'_>| Ok(Page::decode(row.get_ref(0)?.as_blob()?));
                    get.query_row(params![key(number).into_bytes(), 0], read)
                        .expect("a row")
                };
                numbers.into_iter().map(page).collect()
            })
        };
        tokio::task::spawn_blocking(read).await.expect("no panic")
    }
}

fn open(path: &Path) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    Ok(connection)
}

impl Get for Raw {
    async fn get(&self, number: u64) -> Page {
        self.read(vec![number]).await.remove(0)
    }

    async fn get_many(&self, numbers: Vec<u64>) -> Vec<Page> {
        self.read(numbers).await
    }
}

pub(super) async fn measure(rounds: usize) -> Result<Figures, BoxError> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("raw.db");
    Raw::put(&path)?;
    let url = format!("sqlite:{}/cache.db", folder.path().display());
    round::measure(url, Raw(Arc::new(path)), rounds).await
}
