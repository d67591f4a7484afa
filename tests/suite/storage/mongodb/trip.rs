//! A batch is one command.

use bytes::Bytes;
use cacheme::storage::MongodbStorage;
use cacheme::{Entry, Key, Storage};
use cacheme_tests::mongodb::MongodbServer;
use cacheme_tests::server::Server;
use mongodb::bson::{Bson, Document, doc};

use super::PATIENCE;

/// A storage that does nothing by itself that is counted here.
async fn storage(server: &MongodbServer) -> MongodbStorage {
    let builder = MongodbStorage::builder(&server.url()).sweep(None);
    let storage = builder.deadline(PATIENCE).connect().await;
    storage.expect("the server can be reached")
}

/// How many commands of a kind, and statements of one, the server has had.
fn counts(server: &MongodbServer) -> [i64; 4] {
    let status = server.command(doc! { "serverStatus": 1 });
    let counters = status
        .get_document("opcounters")
        .expect("there are counters");
    let updates = commands(&status, "update");
    let [queries, mores, deletes] =
        ["query", "getmore", "delete"].map(|name| number(counters, name));
    let updates = updates.unwrap_or_else(|| number(counters, "update"));
    [queries, mores, updates, deletes]
}

/// Where a server counts commands by themselves, and not what is in them.
fn commands(status: &Document, name: &str) -> Option<i64> {
    let metrics = status.get_document("metrics").ok()?;
    let command = metrics
        .get_document("commands")
        .ok()?
        .get_document(name)
        .ok()?;
    Some(number(command, "total"))
}

fn number(document: &Document, name: &str) -> i64 {
    match document.get(name) {
        Some(Bson::Int32(number)) => i64::from(*number),
        Some(Bson::Int64(number)) => *number,
        other => panic!("{name} isn't a number: {other:?}"),
    }
}

/// How many `find`, `getMore`, `update` and `delete` something takes.
async fn trips(server: &MongodbServer, operation: impl Future) -> [i64; 4] {
    let before = counts(server);
    operation.await;
    let after = counts(server);
    std::array::from_fn(|n| after[n] - before[n])
}

#[tokio::test]
async fn a_batch_is_one_command() {
    let server = MongodbServer::start();
    let storage = storage(&server).await;
    let keys: Vec<_> = (0..300).map(|n| Key::new(format!("{}", n % 200))).collect();
    let value = Bytes::from(vec![b'x'; 1024]);
    let entries: Vec<_> = keys
        .iter()
        .map(|key| Entry::new(key.clone(), value.clone()))
        .collect();
    let put = async || storage.put_many(&entries).await.expect("put succeeds");
    let get = async || {
        let found = storage.get_many(&keys).await.expect("get succeeds");
        assert!(found.iter().all(Option::is_some));
    };
    assert_eq!(trips(&server, put()).await, [0, 0, 1, 0]);
    assert_eq!(trips(&server, get()).await, [1, 0, 0, 0]);
    let one = async { storage.get_many(&keys[..1]).await };
    assert_eq!(trips(&server, one).await, [1, 0, 0, 0]);
    let remove = async { storage.remove_many(&keys).await.expect("remove succeeds") };
    assert_eq!(trips(&server, remove).await, [0, 0, 0, 1]);
    assert!(server.documents("cacheme").is_empty());
}

#[tokio::test]
async fn nothing_is_asked_for_an_empty_batch() {
    let server = MongodbServer::start();
    let storage = storage(&server).await;
    let nothing = async {
        storage.put_many(&[]).await.expect("put succeeds");
        storage.remove_many(&[]).await.expect("remove succeeds");
        storage.get_many(&[]).await.expect("get succeeds")
    };
    assert_eq!(trips(&server, nothing).await, [0; 4]);
}

#[tokio::test]
async fn more_than_a_command_takes_goes_in_several() {
    let server = MongodbServer::start();
    let storage = storage(&server).await;
    let keys: Vec<_> = (0..1001).map(|n| Key::new(format!("{n}"))).collect();
    let get = async { storage.get_many(&keys).await.expect("get succeeds") };
    assert_eq!(trips(&server, get).await[0], 2);

    let value = Bytes::from(vec![b'x'; 6 << 20]);
    let entries: Vec<_> = keys[..5]
        .iter()
        .map(|key| Entry::new(key.clone(), value.clone()))
        .collect();
    let put = async { storage.put_many(&entries).await.expect("put succeeds") };
    assert_eq!(trips(&server, put).await, [0, 0, 3, 0]);
    let found = storage.get_many(&keys[..5]).await.expect("get succeeds");
    assert!(found.iter().all(|found| found.as_ref() == Some(&value)));
}
