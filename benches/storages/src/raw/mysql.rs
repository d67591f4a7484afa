//! `mysql_async`.

use std::collections::HashMap;

use cacheme::BoxError;
use cacheme_tests::mysql::MysqlServer;
use cacheme_tests::server::Server;
use mysql_async::prelude::Queryable;
use mysql_async::{Opts, OptsBuilder, Params, Pool, PoolConstraints, PoolOpts, Value};

use crate::round::{self, Figures, Get, Page, VALUES, key};

const ALIVE: &str = "(expires IS NULL OR expires > UNIX_TIMESTAMP() * 1000)";

#[derive(Clone)]
struct Raw(Pool);

impl Raw {
    async fn put(&self) -> Result<(), BoxError> {
        let mut connection = self.0.get_conn().await?;
        let table =
            "CREATE TABLE raw (`key` VARBINARY(1024) PRIMARY KEY, value LONGBLOB, expires BIGINT)";
        connection.query_drop(table).await?;
        let rows = (0..VALUES).map(|number| (key(number), Page::new(number).encode()));
        let put = "INSERT INTO raw VALUES (?, ?, (UNIX_TIMESTAMP() + 3600) * 1000)";
        Ok(connection.exec_batch(put, rows).await?)
    }
}

impl Get for Raw {
    async fn get(&self, number: u64) -> Page {
        let mut connection = self.0.get_conn().await.expect("a connection");
        let get = format!("SELECT value FROM raw WHERE `key` = ? AND {ALIVE}");
        let value: Option<Vec<u8>> = connection
            .exec_first(get, (key(number),))
            .await
            .expect("rows");
        Page::decode(&value.expect("a row"))
    }

    async fn get_many(&self, numbers: Vec<u64>) -> Vec<Page> {
        let mut connection = self.0.get_conn().await.expect("a connection");
        let places = vec!["?"; numbers.len()].join(",");
        let get = format!("SELECT `key`, value FROM raw WHERE `key` IN ({places}) AND {ALIVE}");
        let keys: Vec<_> = numbers
            .into_iter()
            .map(|number| key(number).into_bytes())
            .collect();
        let values = keys.iter().cloned().map(Value::Bytes).collect();
        let rows: Vec<(Vec<u8>, Vec<u8>)> = connection
            .exec(get, Params::Positional(values))
            .await
            .expect("rows");
        let find: HashMap<_, _> = rows.into_iter().collect();
        keys.iter().map(|key| Page::decode(&find[key])).collect()
    }
}

pub(super) async fn measure(rounds: usize) -> Result<Figures, BoxError> {
    let server = MysqlServer::start();
    let constraints = PoolConstraints::new(8, 8).ok_or("8 is no less than 8")?;
    let options = OptsBuilder::from_opts(Opts::from_url(&server.url())?)
        .pool_opts(PoolOpts::new().with_constraints(constraints));
    let raw = Raw(Pool::new(options));
    raw.put().await?;
    round::measure(server.url(), raw, rounds).await
}
