//! The collection is made, or taken as it is, or refused and left alone.

use std::time::Duration;

use cacheme::storage::MongodbStorage;
use cacheme::{Entry, Key, Storage};
use cacheme_tests::mongodb::{MongodbServer, id};
use cacheme_tests::server::Server;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, Document, doc};

use super::{PATIENCE, get, put, storage};

/// The indexes of a collection, by what they are of and when documents end by them.
fn indexes(server: &MongodbServer, collection: &str) -> Vec<(Document, Option<i64>)> {
    let listed = server.command(doc! { "listIndexes": collection });
    let cursor = listed.get_document("cursor").expect("a cursor");
    let batch = cursor.get_array("firstBatch").expect("a batch");
    let index = |index: &Document| {
        let after = index.get("expireAfterSeconds").map(|after| {
            after
                .as_i64()
                .or(after.as_i32().map(i64::from))
                .expect("a number")
        });
        (index.get_document("key").expect("a key").clone(), after)
    };
    batch
        .iter()
        .filter_map(|document| document.as_document().map(index))
        .collect()
}

fn collections(server: &MongodbServer) -> usize {
    let listed = server.command(doc! { "listCollections": 1 });
    let cursor = listed.get_document("cursor").expect("a cursor");
    cursor.get_array("firstBatch").expect("a batch").len()
}

async fn refused(server: &MongodbServer, parameters: &str) -> String {
    let url = format!("{}?{parameters}", server.url());
    let error = MongodbStorage::connect(&url).await;
    error.expect_err("the collection can't be used").to_string()
}

#[tokio::test]
async fn makes_the_collection_and_an_index_by_which_the_server_removes() {
    let server = MongodbServer::start();
    let first = storage(&server).await;
    let expected = [(doc! { "_id": 1 }, None), (doc! { "expires": 1 }, Some(0))];
    assert_eq!(indexes(&server, "cacheme"), expected);
    put(&first, "key", "value").await;
    // It is there now, and ours.
    assert_eq!(
        get(&storage(&server).await, "key").await,
        Some("value".into())
    );
    assert_eq!(indexes(&server, "cacheme"), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_that_start_at_once_all_succeed() {
    let server = MongodbServer::start();
    let starting = (0..8).map(|_| {
        let url = format!("{}?connect_timeout=20s", server.url());
        tokio::spawn(async move { MongodbStorage::connect(&url).await })
    });
    for started in starting.collect::<Vec<_>>() {
        let storage = started.await.expect("no panic").expect("it starts");
        put(&storage, "key", "value").await;
    }
}

#[tokio::test]
async fn with_create_off_makes_nothing_and_takes_what_is_there() {
    let server = MongodbServer::start();
    let error = refused(&server, "create=false").await;
    let expected = "there is no collection `cacheme`, and `create` is off: create it as the \
                    storage's docs say";
    assert_eq!(error, expected);
    assert_eq!(collections(&server), 0);

    server.command(doc! { "create": "cacheme" });
    let builder = MongodbStorage::builder(&server.url()).without_create();
    let storage = builder.connect().await.expect("the collection is there");
    put(&storage, "key", "value").await;
    assert_eq!(get(&storage, "key").await, Some("value".into()));
    assert_eq!(indexes(&server, "cacheme"), [(doc! { "_id": 1 }, None)]);
}

#[tokio::test]
async fn refuses_a_collection_of_another_shape_and_leaves_it() {
    let server = MongodbServer::start();
    let ours = doc! { "_id": id("key"), "value": id("x") };
    let cases = [
        (
            "ids",
            vec![doc! { "_id": ObjectId::new(), "name": "Ada" }],
            "are objectId, missing and missing",
        ),
        (
            "texts",
            vec![doc! { "_id": "a", "value": id("x") }],
            "are string, binData and missing",
        ),
        (
            "values",
            vec![doc! { "_id": id("key"), "value": 7 }],
            "are binData, int and missing",
        ),
        (
            "times",
            vec![doc! { "_id": id("key"), "value": id("x"), "expires": "never" }],
            "are binData, binData and string",
        ),
        (
            "first",
            vec![doc! { "_id": 1 }, ours.clone()],
            "are int, missing and missing",
        ),
        (
            "last",
            vec![ours, doc! { "_id": true }],
            "are bool, missing and missing",
        ),
    ];
    for (collection, documents, difference) in cases {
        server.insert(collection, documents.clone());
        let before = (server.documents(collection), indexes(&server, collection));
        let error = refused(&server, &format!("collection={collection}")).await;
        let begin =
            format!("the collection `{collection}` isn't cacheme's: in one of its documents");
        assert!(
            error.starts_with(&begin) && error.contains(difference),
            "{error}"
        );
        assert!(
            error.ends_with("give another name by `collection`"),
            "{error}"
        );
        assert_eq!(
            (server.documents(collection), indexes(&server, collection)),
            before
        );
    }
}

#[tokio::test]
async fn refuses_what_is_no_plain_collection() {
    let server = MongodbServer::start();
    server.command(doc! { "create": "capped", "capped": true, "size": 4096 });
    let error = refused(&server, "collection=capped").await;
    assert!(error.contains("it is capped"), "{error}");
    server.command(doc! { "create": "view", "viewOn": "capped", "pipeline": [] });
    let error = refused(&server, "collection=view").await;
    assert!(error.contains("it is a View"), "{error}");
    let late = doc! { "key": { "expires": 1 }, "name": "expires_1", "expireAfterSeconds": 3600 };
    server.command(doc! { "createIndexes": "late", "indexes": [late] });
    let error = refused(&server, "collection=late").await;
    assert!(
        error.contains("it has another index of `expires`"),
        "{error}"
    );
    assert_eq!(indexes(&server, "late")[1].1, Some(3600));
}

/// A server that has no such indexes, played by one that is told to refuse.
#[tokio::test]
async fn does_without_the_server_removing() {
    let server = MongodbServer::start_failing();
    let refuse = doc! {
        "configureFailPoint": "failCommand",
        "mode": { "times": 1 },
        "data": { "failCommands": ["createIndexes"], "errorCode": 67 },
    };
    server.connection().command("admin", refuse);
    let storage = storage(&server).await;
    put(&storage, "key", "value").await;
    let expected = [(doc! { "_id": 1 }, None), (doc! { "expires": 1 }, None)];
    assert_eq!(indexes(&server, "cacheme"), expected);
}

/// With `lazy` it is looked at with the first connection, and refused with each operation.
#[tokio::test]
async fn refuses_another_shape_when_lazy() {
    let server = MongodbServer::start();
    server.insert(
        "cacheme",
        vec![doc! { "_id": 7, "at": DateTime::from_millis(0) }],
    );
    let builder = MongodbStorage::builder(&server.url())
        .lazy()
        .deadline(PATIENCE);
    let storage = builder.connect().await.expect("nothing is waited for");
    let entry = Entry::new(Key::new("key"), "value").with_ttl(Duration::from_secs(1));
    let error = storage.put_many(&[entry]).await.expect_err("it isn't ours");
    assert!(error.to_string().contains("isn't cacheme's"), "{error}");
    let error = storage
        .get_many(&[Key::new("key")])
        .await
        .expect_err("it isn't ours");
    assert!(error.to_string().contains("isn't cacheme's"), "{error}");
    assert_eq!(server.documents("cacheme").len(), 1);
}
