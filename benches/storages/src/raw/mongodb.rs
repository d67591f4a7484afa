//! mongodb.

use std::collections::HashMap;
use std::time::Duration;

use cacheme::BoxError;
use cacheme::storage::MongodbStorage;
use cacheme_tests::mongodb::MongodbServer;
use cacheme_tests::server::Server;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, DateTime, Document, RawDocumentBuf, doc};
use mongodb::options::ClientOptions;
use mongodb::{Client, Collection};

use crate::round::{self, Figures, Get, Page, VALUES, key};

#[derive(Clone)]
struct Raw(Collection<RawDocumentBuf>);

fn binary(bytes: Vec<u8>) -> Bson {
    let subtype = BinarySubtype::Generic;
    Bson::Binary(Binary { subtype, bytes })
}

/// The key and the page of a document, which isn't expired. An `$or` in the filter would have the
/// server look at every document.
fn read(document: &RawDocumentBuf) -> (Vec<u8>, Page) {
    let expires = document.get_datetime("expires").expect("a time");
    assert!(expires > DateTime::now());
    let key = document.get_binary("_id").expect("a key").bytes.to_vec();
    let value = document.get_binary("value").expect("a value").bytes;
    (key, Page::decode(value))
}

impl Get for Raw {
    async fn get(&self, number: u64) -> Page {
        let filter = doc! { "_id": binary(key(number).into_bytes()) };
        let found = self.0.find_one(filter).await.expect("an answer");
        read(&found.expect("a document")).1
    }

    async fn get_many(&self, numbers: Vec<u64>) -> Vec<Page> {
        let keys: Vec<_> = numbers
            .into_iter()
            .map(|number| key(number).into_bytes())
            .collect();
        let ids: Vec<_> = keys.iter().cloned().map(binary).collect();
        let filter = doc! { "_id": { "$in": ids } };
        let mut cursor = self
            .0
            .find(filter)
            .batch_size(1000)
            .await
            .expect("a cursor");
        let mut find = HashMap::new();
        while cursor.advance().await.expect("an answer") {
            let document = RawDocumentBuf::from_bytes(cursor.current().as_bytes().to_vec());
            let (key, page) = read(&document.expect("a document"));
            find.insert(key, page);
        }
        keys.iter().map(|key| find[key].clone()).collect()
    }
}

pub(super) async fn measure(rounds: usize) -> Result<Figures, BoxError> {
    let server = MongodbServer::start();
    let mut options = ClientOptions::parse(server.url()).await?;
    options.max_pool_size = Some(8);
    let client = Client::with_options(options)?;
    let collection = client.database("cacheme").collection::<Document>("raw");
    for number in 0..VALUES {
        let expires = DateTime::from_millis(DateTime::now().timestamp_millis() + 3_600_000);
        let (id, value) = (
            binary(key(number).into_bytes()),
            binary(Page::new(number).encode()),
        );
        collection
            .insert_one(doc! { "_id": id, "value": value, "expires": expires })
            .await?;
    }
    let raw = Raw(collection.clone_with_type());
    // 64 batches at once take it longer than the deadline that a service has use for.
    let ours = MongodbStorage::builder(&server.url()).deadline(Duration::from_secs(5));
    round::measure(ours.connect().await?, raw, rounds).await
}
