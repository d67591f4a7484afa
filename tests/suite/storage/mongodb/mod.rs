//! MongoDB, through a real server.

mod refusal;
mod schema;
mod sweep;
mod trip;

use std::time::Duration;

use bytes::Bytes;
use cacheme::storage::MongodbStorage;
use cacheme::{Entry, Key, Storage};
use cacheme_tests::mongodb::{MongodbServer, id};
use cacheme_tests::server::{Server, assert_left};
use cacheme_tests::wait::eventually;
use mongodb::bson::{Bson, DateTime, doc};

/// For what comes about by itself; never reached when all is well.
const PATIENCE: Duration = Duration::from_secs(20);

/// The largest document.
const DOCUMENT: usize = 16 << 20;

async fn storage(server: &MongodbServer) -> MongodbStorage {
    // Nothing here is about the deadline, and a busy machine may take long.
    let builder = MongodbStorage::builder(&server.url()).deadline(PATIENCE);
    builder.connect().await.expect("the server can be reached")
}

async fn put(storage: &MongodbStorage, key: &str, value: impl Into<Bytes>) {
    let outcome = storage.put_many(&[Entry::new(Key::new(key), value)]).await;
    outcome.expect("put succeeds");
}

async fn get(storage: &MongodbStorage, key: &str) -> Option<Bytes> {
    let found = storage.get_many(&[Key::new(key)]).await;
    found.expect("get succeeds").remove(0)
}

#[tokio::test]
async fn an_entry_is_a_document_that_expires_by_the_servers_clock() {
    let server = MongodbServer::start();
    let storage = storage(&server).await;
    let ttl = Duration::from_secs(7200);
    let entries = [
        Entry::new(Key::new("ever"), "one"),
        Entry::new(Key::new("hours"), "two").with_ttl(ttl),
    ];
    storage.put_many(&entries).await.expect("put succeeds");
    let documents = server.documents("cacheme");
    assert_eq!(documents[0], doc! { "_id": id("ever"), "value": id("one") });
    let expires = documents[1].get_datetime("expires").expect("a date");
    let expected = doc! { "_id": id("hours"), "value": id("two"), "expires": *expires };
    assert_eq!(documents[1], expected);
    let hello = server.command(doc! { "hello": 1 });
    let now = hello.get_datetime("localTime").expect("the server's time");
    assert_left(expires.timestamp_millis() - now.timestamp_millis(), ttl);

    // Written over without one, it has no time to live any more.
    put(&storage, "hours", "three").await;
    let document = server.documents("cacheme").remove(1);
    assert_eq!(document, doc! { "_id": id("hours"), "value": id("three") });
}

#[tokio::test]
async fn what_is_expired_is_not_returned_while_it_is_still_there() {
    let server = MongodbServer::start();
    let builder = MongodbStorage::builder(&server.url()).sweep(None);
    let storage = builder.connect().await.expect("the server can be reached");
    let now = storage.now().expect("the time is known").as_millis();
    let now = i64::try_from(now).expect("no far future");
    let document = |name, expires| {
        doc! { "_id": id(name), "value": id("x"), "expires": DateTime::from_millis(expires) }
    };
    let documents = vec![document("over", now), document("later", now + 60_000)];
    server.insert("cacheme", documents);
    assert_eq!(get(&storage, "over").await, None);
    assert_eq!(get(&storage, "later").await, Some("x".into()));
    assert_eq!(server.documents("cacheme").len(), 2);
}

#[tokio::test]
async fn the_shortest_ttl_passes() {
    let server = MongodbServer::start();
    let storage = storage(&server).await;
    let entry = Entry::new(Key::new("key"), "x").with_ttl(Duration::ZERO);
    storage.put_many(&[entry]).await.expect("put succeeds");
    eventually("it is over", PATIENCE, async || {
        get(&storage, "key").await.is_none()
    })
    .await;
}

#[tokio::test]
async fn a_value_that_does_not_fit_is_refused_and_the_others_are_written() {
    let server = MongodbServer::start();
    let storage = storage(&server).await;
    // A document has 27 bytes beside key and value, and a time to live has 17.
    let most = DOCUMENT - 27 - 17 - "large".len();
    put(&storage, "large", vec![1; most]).await;
    let found = get(&storage, "large").await;
    assert!(found.is_some_and(|found| found == vec![1; most]));

    let entries = [
        Entry::new(Key::new("before"), "x"),
        Entry::new(Key::new("large"), vec![2; most + 1]),
        Entry::new(Key::new("after"), "x"),
    ];
    let error = storage
        .put_many(&entries)
        .await
        .expect_err("it is too large");
    let expected = format!(
        "1 of 3 entries couldn't be written: a value has {} bytes, and with its key up to {most} \
         fit into a document",
        most + 1
    );
    assert_eq!(error.to_string(), expected);
    assert_eq!(get(&storage, "before").await, Some("x".into()));
    assert_eq!(get(&storage, "after").await, Some("x".into()));
    let kept = get(&storage, "large").await.expect("the old one is left");
    assert_eq!(kept[0], 1);
}

/// The server itself refuses the second of two upserts that meet, or writes it: either is right.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_of_the_same_new_key_all_succeed() {
    let server = MongodbServer::start();
    let storages = [storage(&server).await, storage(&server).await];
    for round in 0..20 {
        let keys: Vec<_> = (0..10).map(|n| Key::new(format!("{round}:{n}"))).collect();
        let entries: Vec<_> = keys
            .iter()
            .map(|key| Entry::new(key.clone(), "x"))
            .collect();
        let writers = storages.iter().cycle().take(8).cloned().map(|storage| {
            let entries = entries.clone();
            tokio::spawn(async move { storage.put_many(&entries).await })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.await.expect("no panic").expect("put succeeds");
        }
        let found = storages[0].get_many(&keys).await.expect("get succeeds");
        assert!(found.iter().all(Option::is_some));
    }
}

/// The URL leads to another database and another collection.
#[tokio::test]
async fn uses_the_database_and_the_collection_of_the_url() {
    let server = MongodbServer::start();
    let plain = storage(&server).await;
    let url = format!("{}?collection=pages.2&deadline=20s", server.url());
    let pages = MongodbStorage::connect(&url)
        .await
        .expect("another collection");
    let url = format!("mongodb://{}", server.address());
    let builder = MongodbStorage::builder(&url).deadline(PATIENCE);
    let named = format!("{}-named", server.database());
    let named = builder
        .clone()
        .database(named)
        .connect()
        .await
        .expect("another database");
    let storages = [&plain, &pages, &named];
    for (number, storage) in storages.iter().enumerate() {
        put(storage, "key", number.to_string()).await;
    }
    for (number, storage) in storages.iter().enumerate() {
        assert_eq!(get(storage, "key").await, Some(number.to_string().into()));
    }
    assert_eq!(server.documents("pages.2").len(), 1);
    server.connection().command(
        &format!("{}-named", server.database()),
        doc! { "dropDatabase": 1 },
    );
    assert!(format!("{pages:?} {builder:?}").contains("pages.2"));
}

/// Reads that were cut off cost no connection, and those of the pool are all there are, beside two
/// that watch the server.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn has_no_more_connections_than_its_pool_and_closes_them_with_the_last_clone() {
    let server = MongodbServer::start();
    let mut connection = server.connection();
    let mut count = |which: &str| {
        let status = connection.command("admin", doc! { "serverStatus": 1 });
        match status
            .get_document("connections")
            .expect("there is")
            .get(which)
        {
            Some(Bson::Int32(count)) => i64::from(*count),
            Some(Bson::Int64(count)) => *count,
            other => panic!("not a count: {other:?}"),
        }
    };
    let (before, ever) = (count("current"), count("totalCreated"));
    let builder = MongodbStorage::builder(&server.url())
        .pool(3)
        .deadline(PATIENCE);
    let storage = builder.connect().await.expect("the server can be reached");
    for round in 0..5 {
        let readers = (0..32).map(|n| {
            let storage = storage.clone();
            let reader = tokio::spawn(async move { get(&storage, &n.to_string()).await });
            (n, reader)
        });
        for (n, reader) in readers.collect::<Vec<_>>() {
            if (n + round) % 2 == 0 {
                reader.abort();
            }
            let _ = reader.await;
        }
    }
    // One more for a bus, and two of the driver's own.
    let open = count("current") - before;
    assert!(open <= 3 + 1 + 2, "{open} connections");
    let made = count("totalCreated") - ever;
    assert!(made <= 3 + 1 + 2 + 1, "{made} connections were made");
    drop(storage);
    eventually("they are closed", PATIENCE, async || {
        count("current") <= before
    })
    .await;
}
