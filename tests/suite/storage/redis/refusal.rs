//! A server that can't be used is an error that says why, and never says the password.

use std::io::Read;
use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

use cacheme::storage::RedisStorage;
use cacheme::{BoxError, Cacheme, Error, Key, Storage};
use cacheme_tests::certificate::Certificate;
use cacheme_tests::redis::RedisServer;
use cacheme_tests::server::{Server, free_port};

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
async fn a_wrong_url_is_a_mistake_in_the_configuration() {
    let cases = [
        ("redis:", "one begins with `redis://`"),
        ("redis://", "no host is given"),
        ("redis://:hunter2@", "no host is given"),
        (
            "redis://hunter2@localhost:port",
            "a user is given without a password",
        ),
        (
            "redis://:hunter2@localhost:70000",
            "its port is not a number",
        ),
        (
            "redis://:hunter2@127.0.0.1/database",
            "not a database number",
        ),
        ("redis://:hunter2@[::1", "a `]` is missing"),
        ("redis://:hunter2@localhost?ca=/x.pem", "`ca` is for TLS"),
        (
            "redis://:hunter2@localhost?pol=2",
            "unknown parameter `pol`: there are `deadline`, ",
        ),
        (
            "redis://:hunter2@localhost?pool=0",
            "`pool=0` leaves no connection",
        ),
        ("redis://:hun?ter2@localhost", "`%3F`"),
        (
            "redis-sentinel://:hunter2@localhost",
            "no `service` is given",
        ),
        (
            "redis-cluster://:hunter2@localhost/1",
            "a cluster has one database",
        ),
        (
            "redis+unix://:hunter2@",
            "a socket's URL is `redis+unix:///path",
        ),
    ];
    for (url, expected) in cases {
        let error = register(url).await;
        assert!(error.is_config(), "{url}: {error:?}");
        let message = error.to_string();
        assert!(message.contains(expected), "{url}: {message}");
        assert!(!shown(&error).contains("ter2"), "{url}: {message}");
    }
}

#[tokio::test]
async fn another_scheme_is_refused_and_nothing_connected() {
    let server = RedisServer::start();
    let received = || {
        let info = server.command(&["INFO", "stats"]);
        info.figure("total_connections_received")
    };
    let before = received();
    let address = server.url().split_off("redis://".len());
    for scheme in [
        "http",
        "rediss+unix",
        "redis+tls",
        "redis-",
        "redis-replica",
        "REDIS",
    ] {
        let url = format!("{scheme}://:{PASSWORD}@{address}");
        shown(&*connect(&url).await);
        assert!(register(&url).await.is_config(), "{scheme}");
    }
    assert_eq!(received(), before.map(|connections| connections + 1));
}

#[tokio::test]
async fn a_password_is_not_sent_in_the_clear_where_the_url_asks_for_tls() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let received = tokio::task::spawn_blocking(move || {
        let (mut stream, _) = listener.accept().expect("somebody connects");
        let mut received = Vec::new();
        stream.read_to_end(&mut received).map(|_| received)
    });
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let ca = Certificate::make(folder.path()).authority;
    let url = format!(
        "rediss://:{PASSWORD}@{address}?connect_timeout=200ms&ca={}",
        ca.display()
    );
    shown(&*connect(&url).await);
    let received = received.await.expect("no panic").expect("it is read");
    assert_eq!(received.first(), Some(&22), "a handshake of TLS");
    let password = PASSWORD.as_bytes();
    assert!(
        !received
            .windows(password.len())
            .any(|part| part == password)
    );
}

#[tokio::test]
async fn a_server_of_another_kind_is_refused_with_the_right_scheme() {
    let server = RedisServer::start();
    let address = server.url().split_off("redis://".len());
    let error = connect(&format!("redis-cluster://{address}")).await;
    assert!(
        shown(&*error).contains("its URL begins with `redis://`"),
        "{error}"
    );
    let error = connect(&format!("redis-sentinel://{address}?service=main")).await;
    assert!(
        shown(&*error).contains(&format!("sentinel {address}: ")),
        "{error}"
    );
}
