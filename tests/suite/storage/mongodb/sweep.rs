//! What is expired and the server leaves is removed.

use std::time::Duration;

use cacheme::storage::{MongodbStorage, MongodbStorageBuilder};
use cacheme_tests::mongodb::{MongodbServer, id};
use cacheme_tests::server::Server;
use cacheme_tests::wait::eventually;
use mongodb::bson::{Bson, DateTime, Document, doc};

use super::PATIENCE;

/// A server where nobody else removes anything, with documents that are expired for an hour and
/// some that are not.
fn server(expired: i32) -> MongodbServer {
    let server = MongodbServer::start();
    server.command(doc! { "create": "cacheme" });
    let now = DateTime::now().timestamp_millis();
    let document = |name: String, seconds: i64| {
        let expires = DateTime::from_millis(now + seconds * 1000);
        doc! { "_id": id(&name), "value": id("x"), "expires": expires }
    };
    let mut documents: Vec<_> = (0..expired)
        .map(|n| document(format!("{n}"), -3600))
        .collect();
    documents.push(document("just over".to_owned(), -1));
    documents.push(document("later".to_owned(), 3600));
    documents.push(doc! { "_id": id("ever"), "value": id("x") });
    server.insert("cacheme", documents);
    server
}

fn sweeper(server: &MongodbServer) -> MongodbStorageBuilder {
    let builder = MongodbStorage::builder(&server.url()).without_create();
    builder
        .deadline(PATIENCE)
        .sweep(Some(Duration::from_millis(50)))
}

fn count(server: &MongodbServer) -> i64 {
    let counted = server.command(doc! { "count": "cacheme" });
    match counted.get("n") {
        Some(Bson::Int32(count)) => i64::from(*count),
        Some(Bson::Int64(count)) => *count,
        other => panic!("not a count: {other:?}"),
    }
}

fn deletes(server: &MongodbServer) -> Document {
    let status = server.command(doc! { "serverStatus": 1 });
    let counters = status
        .get_document("opcounters")
        .expect("there are counters");
    doc! {
        "delete": counters.get("delete").cloned(),
        "update": counters.get("update").cloned(),
        "query": counters.get("query").cloned(),
    }
}

/// The three that stay: one is just over and the server's, two are not expired.
async fn swept(server: &MongodbServer) {
    eventually("what is expired is removed", PATIENCE, async || {
        count(server) == 3
    })
    .await;
    let left: Vec<_> = server.documents("cacheme");
    let ids = left.iter().filter_map(|document| document.get("_id"));
    let expected = ["ever", "later", "just over"].map(|name| Bson::Binary(id(name)));
    assert!(ids.eq(&expected), "{left:?}");
}

#[tokio::test]
async fn expired_documents_leave_in_batches() {
    let server = server(2500);
    let _storage = sweeper(&server)
        .connect()
        .await
        .expect("the server can be reached");
    swept(&server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_sweep_at_once() {
    let server = server(2500);
    let _storages = [
        sweeper(&server)
            .connect()
            .await
            .expect("the server can be reached"),
        sweeper(&server)
            .connect()
            .await
            .expect("the server can be reached"),
    ];
    swept(&server).await;
}

#[tokio::test]
async fn another_process_that_sweeps_is_left_to_it() {
    let server = server(10);
    let later = DateTime::from_millis(DateTime::now().timestamp_millis() + 3_600_000);
    server.insert("cacheme", vec![doc! { "_id": "sweep", "expires": later }]);
    let _storage = sweeper(&server)
        .connect()
        .await
        .expect("the server can be reached");
    let before = deletes(&server);
    let queries = |counters: &Document| match counters.get("query") {
        Some(Bson::Int32(count)) => i64::from(*count),
        Some(Bson::Int64(count)) => *count,
        other => panic!("not a count: {other:?}"),
    };
    eventually("it looked several times", PATIENCE, async || {
        queries(&deletes(&server)) >= queries(&before) + 3
    })
    .await;
    assert_eq!(count(&server), 14);

    // That one died, and its lease ends.
    let past =
        doc! { "q": { "_id": "sweep" }, "u": { "$set": { "expires": DateTime::from_millis(0) } } };
    server.command(doc! { "update": "cacheme", "updates": [past] });
    swept(&server).await;
}

#[tokio::test]
async fn nothing_is_written_where_nothing_is_to_be_swept() {
    let server = server(0);
    let _storage = sweeper(&server)
        .connect()
        .await
        .expect("the server can be reached");
    let before = deletes(&server);
    eventually("it looked", PATIENCE, async || {
        deletes(&server).get("query") != before.get("query")
    })
    .await;
    let after = deletes(&server);
    for name in ["delete", "update"] {
        assert_eq!(after.get(name), before.get(name), "{name}");
    }
    assert_eq!(count(&server), 3);
}
