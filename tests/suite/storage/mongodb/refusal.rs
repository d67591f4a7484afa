//! A server that can't be used is an error that says why, and never says the password.

use std::time::{Duration, Instant};

use cacheme::storage::MongodbStorage;
use cacheme::{Cacheme, Error, Key, Storage};
use cacheme_tests::mongodb::MongodbServer;
use cacheme_tests::server::{Server, free_port};
use mongodb::bson::doc;

/// Stands in every URL here, and in no error.
const PASSWORD: &str = "hunter2";

/// All that an error shows of itself and of what caused it.
fn shown(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| (**error).source());
    let shown = causes.map(|cause| format!("{cause} {cause:#} {cause:?} {cause:#?}"));
    let shown = shown.collect::<Vec<_>>().join(" ");
    assert!(!shown.contains(PASSWORD), "the password is shown: {shown}");
    shown
}

async fn register(url: &str) -> Error {
    let refused = Cacheme::default().register_storage("far", url).await;
    refused.expect_err("the URL can't be used")
}

#[tokio::test]
async fn a_wrong_url_says_what_would_be_right() {
    let form = "a MongoDB URL is `mongodb://[user:password@]host[:port]";
    let theirs = "`create`, `sweep`, `appName`";
    let cases = [
        ("mongodb:", form),
        ("mongodb://", form),
        ("mongodb://u:hunter2@", form),
        ("mongodb://u:hunter2", form),
        ("mongodb://u:hun/ter2@hunter2", "`%2F`"),
        ("mongodb://u:hunter2@host:port/mydb", form),
        ("mongodb+srv://u:hunter2@host:27017", form),
        ("mongodb://u:hunter2@host/mydb?colection=x", theirs),
        (
            "mongodb://u:hunter2@host/mydb?maxPoolSize=3",
            "unknown parameter `maxPoolSize`: there are `deadline`",
        ),
        (
            "mongodb://u:hunter2@host/mydb?pool=0",
            "`pool=0` leaves no connection",
        ),
        (
            "mongodb://u:hunter2@host/mydb?pool=3&pool=4",
            "`pool` is given twice",
        ),
        (
            "mongodb://u:hunter2@host/mydb?sweep=never",
            "`sweep=never` is not `off` or a duration",
        ),
        ("mongodb://u:hunter2@host/mydb?w=0", "`w` is at least 1"),
        ("mongodb://u:hunter2@host/mydb?tls=maybe", "tls"),
        (
            "mongodb://u:hunter2@host/mydb?collection=system.users",
            "`system.users` can't be the name of a collection",
        ),
        (
            "mongodb://u:hunter2@host/mydb?collection=a%24b",
            "`a$b` can't be the name of a collection",
        ),
        (
            "mongodb://u:hunter2@host/mydb?database=a.b",
            "`a.b` can't be the name of a database",
        ),
    ];
    for (url, expected) in cases {
        let error = register(url).await;
        assert!(error.is_config(), "{url}: {error:?}");
        let shown = shown(&error);
        assert!(shown.contains(expected), "{url}: {shown}");
    }
}

#[tokio::test]
async fn what_mongodb_has_of_parameters_is_handed_on() {
    let server = MongodbServer::start();
    let parameters = "retryWrites=true&w=majority&appName=shop&readPreference=primaryPreferred&\
                      connect_timeout=20s&deadline=20s&directConnection=true&heartbeatFrequencyMS=1000";
    let url = format!("{}?{parameters}", server.url());
    let storage = MongodbStorage::connect(&url)
        .await
        .expect("all of them are known");
    super::put(&storage, "key", "value").await;
    assert_eq!(super::get(&storage, "key").await, Some("value".into()));
    let wrong = format!("{}?replicaSet=other", server.url());
    let builder = MongodbStorage::builder(&wrong).connect_timeout(Duration::from_millis(100));
    builder
        .connect()
        .await
        .expect_err("it is of another replica set");
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_is_an_error_that_says_so() {
    let began = Instant::now();
    let url = format!("mongodb://u:{PASSWORD}@127.0.0.1:{}", free_port());
    let error = register(&format!("{url}?connect_timeout=2s")).await;
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "that was longer than the time for connecting"
    );
    assert!(error.is_storage());
    assert!(shown(&error).contains("refused"), "{error:?}");
    let builder = MongodbStorage::builder(&url).lazy();
    let storage = builder.connect().await.expect("nothing is waited for");
    let error = storage
        .get_many(&[Key::new("key")])
        .await
        .expect_err("nobody is there");
    assert!(shown(&*error).contains("refused"), "{error:?}");
    let debug = format!("{storage:?} {:?}", MongodbStorage::builder(&url));
    assert!(!debug.contains(PASSWORD), "{debug}");
}

#[tokio::test]
async fn a_user_has_to_say_the_right_password() {
    let mut server = MongodbServer::start();
    let roles = vec![doc! { "role": "readWrite", "db": server.database() }];
    server.command(doc! { "createUser": "shop", "pwd": "right: p@ss/wörd%", "roles": roles });
    server.require_users();
    for credentials in [
        format!("shop:{PASSWORD}@"),
        format!("{PASSWORD}:{PASSWORD}@"),
    ] {
        let error = register(&server.url_with(&credentials)).await;
        assert!(error.is_storage(), "{error:?}");
        assert_eq!(error.storage(), Some("far"));
        let shown = shown(&error);
        assert!(shown.to_lowercase().contains("auth"), "{shown}");
    }
    // Without a password there is a connection, but no command.
    let error = register(&server.url()).await;
    assert!(
        shown(&error).contains("equires authentication"),
        "{error:?}"
    );

    let url = server.url_with("shop:right%3A%20p%40ss%2Fw%C3%B6rd%25@");
    let storage = MongodbStorage::connect(&url)
        .await
        .expect("the password is right");
    super::put(&storage, "key", "value").await;
    let debug = format!("{storage:?} {:?}", MongodbStorage::builder(&url));
    assert!(
        !debug.contains("p%40ss") && !debug.contains("p@ss"),
        "{debug}"
    );
    // The user may not do more than that.
    let other = format!("{url}?database=other&authSource={}", server.database());
    let error = register(&other).await;
    assert!(shown(&error).contains("uthorized"), "{error:?}");
}
