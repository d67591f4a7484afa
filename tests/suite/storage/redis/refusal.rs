//! A server that can't be used is an error that says why, and never says the password.

use std::error::Error as _;
use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

use cacheme::{BoxError, Cacheme, Error, Key, RedisStorage, Storage};
use cacheme_tests::redis::{RedisServer, free_port};

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

async fn connect(url: &str) -> BoxError {
    let refused = RedisStorage::connect(url).await;
    refused.expect_err("the URL can't be used")
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_not_shown() {
    let server = RedisServer::start();
    server.command(&["CONFIG", "SET", "requirepass", "right: p@ss/wörd%"]);
    for credentials in [
        format!(":{PASSWORD}@"),
        format!("default:{PASSWORD}@"),
        format!("{PASSWORD}:{PASSWORD}@"),
    ] {
        let error = register(&server.url_with(&credentials)).await;
        assert!(error.is_storage(), "{error:?}");
        assert_eq!(error.storage(), Some("far"));
        assert_eq!(error.to_string(), "storage \"far\" could not be opened");
        let shown = shown(&error);
        assert!(shown.contains("WRONGPASS"), "{shown}");
    }
    // Without a password there is a connection, but no command.
    let error = register(&server.url()).await;
    assert!(shown(&error).contains("NOAUTH"), "{error:?}");

    let url = server.url_with(":right%3A%20p%40ss%2Fw%C3%B6rd%25@");
    let storage = RedisStorage::connect(&url)
        .await
        .expect("the password is right");
    storage
        .get_many(&[Key::new("key")])
        .await
        .expect("the password is right");
    let debug = format!("{storage:?} {:?}", RedisStorage::builder(&url));
    assert!(
        !debug.contains("p%40ss") && !debug.contains("p@ss"),
        "{debug}"
    );
}

#[tokio::test]
async fn a_user_of_the_url_is_used() {
    let server = RedisServer::start();
    server.command(&[
        "ACL", "SETUSER", "reader", "on", ">pass", "~*", "+@all", "-@write",
    ]);
    let storage = RedisStorage::connect(&server.url_with("reader:pass@"))
        .await
        .expect("the password is right");
    storage
        .get_many(&[Key::new("key")])
        .await
        .expect("the user may read");
    let error = storage
        .remove_many(&[Key::new("key")])
        .await
        .expect_err("the user may not write");
    assert!(shown(&*error).contains("NOPERM"), "{error:?}");
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_is_refused_at_once() {
    let began = Instant::now();
    let error = register(&format!("redis://:{PASSWORD}@127.0.0.1:{}", free_port())).await;
    assert!(
        began.elapsed() < Duration::from_secs(4),
        "that wasn't the time for connecting"
    );
    assert!(error.is_storage());
    assert!(shown(&error).contains("refused"), "{error:?}");
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let port = silent.local_addr().expect("it is bound").port();
    let url = format!("redis://:{PASSWORD}@127.0.0.1:{port}");
    let began = Instant::now();
    let builder = RedisStorage::builder(&url).connect_timeout(Duration::from_millis(100));
    let error = builder.connect().await.expect_err("nobody answers");
    assert!(
        began.elapsed() < Duration::from_secs(4),
        "it was given up in time"
    );
    shown(&*error);
}

#[tokio::test]
async fn a_wrong_url_is_refused() {
    let urls = [
        "redis:",
        "redis://",
        "redis://:hunter2@",
        "redis://hunter2@localhost:port",
        "redis://:hunter2@localhost:70000",
        "redis://:hunter2@127.0.0.1/database",
        "redis://:hunter2@127.0.0.1/1/2",
        "redis://:hunter2@[::1",
    ];
    for url in urls {
        let error = register(url).await;
        assert!(error.source().is_some(), "{url}: {error:?}");
        assert!(shown(&error).len() > 20, "{url}: {error:?}");
    }
}

/// A password isn't sent in the clear where the URL asks for TLS.
#[tokio::test]
async fn what_is_not_plain_redis_is_refused() {
    let server = RedisServer::start();
    let before = server
        .command(&["INFO", "stats"])
        .figure("total_connections_received");
    let address = server.url().split_off("redis://".len());
    for scheme in [
        "rediss",
        "valkeys",
        "redis-cluster",
        "redis-sentinel",
        "redis+unix",
        "http",
    ] {
        let url = format!("{scheme}://:{PASSWORD}@{address}");
        shown(&*connect(&url).await);
        assert!(register(&url).await.is_config(), "{scheme}");
    }
    let after = server
        .command(&["INFO", "stats"])
        .figure("total_connections_received");
    assert_eq!(
        after,
        before.map(|connections| connections + 1),
        "nothing was connected"
    );
}
