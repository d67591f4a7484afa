//! Caches the queries of a shop: a function, a method of a service, and a batch, over an SQLite
//! database.
//!
//! ```sh
//! cargo run --release -p cacheme-examples --features sqlite --example functions
//! ```

#![expect(clippy::print_stdout, reason = "what it says is the output")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use cacheme::{BoxError, Load, LoadContext, LoadResult, Loaded};
use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

const PRODUCTS: u32 = 1000;
const CATEGORIES: [&str; 3] = ["tea", "coffee", "cocoa"];

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Product {
    id: u32,
    category: String,
    cents: u32,
}

impl Product {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            category: row.get(1)?,
            cents: row.get(2)?,
        })
    }
}

/// The database, which counts its queries.
#[derive(Clone)]
struct Db {
    connection: Arc<Mutex<Connection>>,
    queries: Arc<AtomicUsize>,
}

impl Db {
    fn open() -> rusqlite::Result<Self> {
        let connection = Connection::open_in_memory()?;
        connection.execute_batch(
            "CREATE TABLE products (id INTEGER PRIMARY KEY, category TEXT, cents INTEGER)",
        )?;
        for id in 0..PRODUCTS {
            let category = CATEGORIES[id as usize % 3];
            let insert = "INSERT INTO products VALUES (?1, ?2, ?3)";
            connection.execute(insert, params![id, category, 100 + id * 7 % 900])?;
        }
        Ok(Self {
            connection: Arc::new(Mutex::new(connection)),
            queries: Arc::default(),
        })
    }

    /// Runs a query where it holds nobody up.
    async fn query<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, BoxError> {
        let db = self.clone();
        let run = move || {
            db.queries.fetch_add(1, Ordering::Relaxed);
            let connection = db.connection.lock();
            query(&connection.unwrap_or_else(PoisonError::into_inner))
        };
        Ok(tokio::task::spawn_blocking(run).await??)
    }
}

/// A function: the database is no part of the key, and what isn't there is asked for again soon.
#[cacheme::cached(storage = "hot", ttl = "1m", ttl_none = "1s")]
async fn product(#[skip] db: &Db, id: u32) -> Result<Option<Product>, BoxError> {
    db.query(move |connection| {
        let mut statement = connection.prepare("SELECT * FROM products WHERE id = ?1")?;
        statement.query_map([id], Product::read)?.next().transpose()
    })
    .await
}

/// A service with a cached method.
struct Shop {
    name: &'static str,
    db: Db,
}

impl Shop {
    #[cacheme::cached(storage = "hot", ttl = "1m", key = "cheapest:{self}:{category}")]
    async fn cheapest(#[key(self.name)] &self, category: &str) -> Result<Vec<Product>, BoxError> {
        let category = category.to_owned();
        let sql = "SELECT * FROM products WHERE category = ?1 ORDER BY cents, id LIMIT 3";
        let query = move |connection: &Connection| {
            let mut statement = connection.prepare(sql)?;
            statement.query_map([category], Product::read)?.collect()
        };
        self.db.query(query).await
    }
}

/// The price of a product. Simultaneous requests are one query.
#[cacheme::node(storage = "hot", ttl = "1m", batch(max = 100, delay = "2ms"))]
struct Price {
    product: u32,
}

impl Load for Price {
    type Value = u32;

    async fn load(&self, cx: &LoadContext) -> LoadResult<u32> {
        let db: &Db = cx.state()?;
        let found = product(db, self.product).await?;
        Ok(found.ok_or("no such product")?.cents)
    }

    async fn load_all(nodes: &[Self], cx: &LoadContext) -> LoadResult<Loaded<Self, u32>> {
        let ids: Vec<_> = nodes.iter().map(|node| node.product.to_string()).collect();
        let sql = format!(
            "SELECT id, cents FROM products WHERE id IN ({})",
            ids.join(",")
        );
        let query = move |connection: &Connection| {
            let mut statement = connection.prepare(&sql)?;
            let pair = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
            statement
                .query_map([], pair)?
                .collect::<rusqlite::Result<Vec<(u32, u32)>>>()
        };
        let pairs = cx.state::<Db>()?.query(query).await?;
        Ok(pairs
            .into_iter()
            .map(|(product, cents)| (Price { product }, cents))
            .collect())
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let db = Db::open()?;
    cacheme::register_storage("hot", "local://tlfu?capacity=10000").await?;
    cacheme::set_state(db.clone())?;
    let queries = || db.queries.swap(0, Ordering::Relaxed);

    for _ in 0..100 {
        product(&db, 7).await?;
    }
    println!("100 calls of a function: {} query", queries());
    product::invalidate(7).await?;
    product(&db, 7).await?;
    println!("once more, after an invalidation: {} query", queries());

    let shop = Shop {
        name: "corner",
        db: db.clone(),
    };
    let mut cheapest = shop.cheapest("tea").await?;
    for _ in 0..100 {
        cheapest = shop.cheapest("tea").await?;
    }
    println!(
        "101 calls of a method: {} query, {} is the cheapest",
        queries(),
        cheapest[0].id
    );

    let mut tasks = JoinSet::new();
    for product in 0..500 {
        tasks.spawn(cacheme::get(Price { product }));
    }
    let sum: u32 = tasks.join_all().await.into_iter().sum::<Result<_, _>>()?;
    println!(
        "500 prices asked for one by one at the same time: {} queries, {sum} cents",
        queries()
    );
    println!("{}", cacheme::stats());
    Ok(())
}
