//! fred.

use bytes::Bytes;
use cacheme::BoxError;
use cacheme_tests::redis::RedisServer;
use cacheme_tests::server::Server;
use fred::clients::Client;
use fred::interfaces::{ClientLike, KeysInterface};
use fred::types::Builder;
use fred::types::config::Config;

use crate::round::{self, Figures, Get, Page, VALUES, key};

#[derive(Clone)]
struct Raw(Client);

impl Get for Raw {
    async fn get(&self, number: u64) -> Page {
        let bytes: Bytes = self.0.get(key(number)).await.expect("a value");
        Page::decode(&bytes)
    }

    async fn get_many(&self, numbers: Vec<u64>) -> Vec<Page> {
        let keys: Vec<_> = numbers.into_iter().map(key).collect();
        let values: Vec<Bytes> = self.0.mget(keys).await.expect("values");
        values.iter().map(|bytes| Page::decode(bytes)).collect()
    }
}

pub(super) async fn measure(rounds: usize) -> Result<Figures, BoxError> {
    let server = RedisServer::start();
    let client = Builder::from_config(Config::from_url(&server.url())?).build()?;
    client.init().await?;
    for number in 0..VALUES {
        let value = Page::new(number).encode();
        let () = client
            .set(key(number), value.as_slice(), None, None, false)
            .await?;
    }
    round::measure(server.url(), Raw(client), rounds).await
}
