//! tokio-postgres and deadpool-postgres.

use cacheme::BoxError;
use cacheme_tests::postgres::PostgresServer;
use cacheme_tests::server::Server;
use deadpool_postgres::{Manager, Pool};
use tokio_postgres::NoTls;

use crate::round::{self, Figures, Get, Page, VALUES, key};

#[derive(Clone)]
struct Raw(Pool);

impl Raw {
    async fn put(&self) -> Result<(), BoxError> {
        let client = self.0.get().await?;
        client
            .batch_execute(
                "CREATE TABLE raw (key bytea PRIMARY KEY, value bytea, expires timestamptz)",
            )
            .await?;
        let put = client
            .prepare("INSERT INTO raw VALUES ($1, $2, now() + interval '1 hour')")
            .await?;
        for number in 0..VALUES {
            let value = Page::new(number).encode();
            client
                .execute(&put, &[&key(number).as_bytes(), &value])
                .await?;
        }
        Ok(())
    }
}

impl Get for Raw {
    async fn get(&self, number: u64) -> Page {
        let client = self.0.get().await.expect("a connection");
        let sql = "SELECT value FROM raw WHERE key = $1 AND (expires IS NULL OR expires > clock_timestamp())";
        let get = client.prepare_cached(sql).await.expect("it is prepared");
        let row = client
            .query_one(&get, &[&key(number).as_bytes()])
            .await
            .expect("a row");
        Page::decode(row.get(0))
    }

    async fn get_many(&self, numbers: Vec<u64>) -> Vec<Page> {
        let client = self.0.get().await.expect("a connection");
        let sql = "SELECT key, value FROM raw WHERE key = ANY($1) AND (expires IS NULL OR expires > clock_timestamp())";
        let get = client.prepare_cached(sql).await.expect("it is prepared");
        let keys: Vec<_> = numbers
            .into_iter()
            .map(|number| key(number).into_bytes())
            .collect();
        let rows = client.query(&get, &[&keys]).await.expect("rows");
        let find: std::collections::HashMap<&[u8], &[u8]> =
            rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        keys.iter()
            .map(|key| Page::decode(find[&key[..]]))
            .collect()
    }

    /// What the server does by itself within a minute, of both tables: it knows then how large they are.
    async fn filled(&self) -> Result<(), BoxError> {
        let client = self.0.get().await?;
        Ok(client.batch_execute("ANALYZE raw; ANALYZE cacheme").await?)
    }
}

pub(super) async fn measure(rounds: usize) -> Result<Figures, BoxError> {
    let server = PostgresServer::start();
    let manager = Manager::new(server.url().parse()?, NoTls);
    let raw = Raw(Pool::builder(manager).max_size(8).build()?);
    raw.put().await?;
    round::measure(server.url(), raw, rounds).await
}
