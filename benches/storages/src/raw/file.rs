//! redb, on tokio's blocking threads.

use std::sync::Arc;

use cacheme::BoxError;
use redb::{Database, ReadableDatabase, TableDefinition};

use crate::round::{self, Figures, Get, Page, VALUES, key};

const TABLE: TableDefinition<&str, (u64, &[u8])> = TableDefinition::new("raw");

#[derive(Clone)]
struct Raw(Arc<Database>);

impl Raw {
    async fn read(&self, numbers: Vec<u64>) -> Vec<Page> {
        let database = Arc::clone(&self.0);
        let read = move || {
            let transaction = database.begin_read().expect("it begins");
            let table = transaction.open_table(TABLE).expect("it is there");
            let page = |number| {
                let entry = table
                    .get(&*key(number))
                    .expect("an answer")
                    .expect("an entry");
                let (expires, value) = entry.value();
                assert!(expires > 0);
                Page::decode(value)
            };
            numbers.into_iter().map(page).collect()
        };
        tokio::task::spawn_blocking(read).await.expect("no panic")
    }
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
    let database = Database::create(folder.path().join("raw.redb"))?;
    let transaction = database.begin_write()?;
    {
        let mut table = transaction.open_table(TABLE)?;
        for number in 0..VALUES {
            table.insert(&*key(number), (u64::MAX, &*Page::new(number).encode()))?;
        }
    }
    transaction.commit()?;
    let url = format!("file:{}/cache.redb", folder.path().display());
    round::measure(url, Raw(Arc::new(database)), rounds).await
}
