//! What a URL may say, and what is said of a wrong one.

use std::time::Duration;

use cacheme::storage::MysqlStorage;
use cacheme::{Cacheme, Key, Storage};
use cacheme_tests::mysql::MysqlServer;
use cacheme_tests::server::Server;

use super::{entry, get, put, storage};

const PASSWORD: &str = "hunter2";

#[tokio::test]
async fn a_wrong_url_names_what_is_wrong() {
    let there = "there are `deadline`, `connect_timeout`, `lazy`, `pool`, `table`, `create`, \
                 `sweep`, `tls`, `ca`, `compression`, `enable_cleartext_plugin`, `secure_auth`, \
                 `socket` and `tcp_keepalive`";
    let unknown = |name| format!("unknown parameter `{name}`: {there}");
    let cases = [
        ("localhost/db?pol=8", unknown("pol")),
        ("localhost/db?pool_max=8", unknown("pool_max")),
        ("localhost/db?require_ssl=true", unknown("require_ssl")),
        (
            "localhost/db?pool=many",
            "`pool=many` is not a whole number".into(),
        ),
        (
            "localhost/db?pool=0",
            "`pool=0` leaves no connection".into(),
        ),
        ("localhost/db?pool=1&pool=2", "`pool` is given twice".into()),
        (
            "localhost/db?deadline=5",
            "`deadline=5` is not a duration".into(),
        ),
        (
            "localhost/db?sweep=0s",
            "`sweep=0s` is not `off` or a duration".into(),
        ),
        (
            "localhost/db?table=a%20b",
            "`a b` can't be the name of a table".into(),
        ),
        (
            "localhost/db?table=a.b",
            "`a.b` can't be the name of a table".into(),
        ),
        (
            "localhost/db?table=a%60b",
            "`a`b` can't be the name of a table".into(),
        ),
        (
            "localhost/db?tls=false&ca=x.pem",
            "`ca` is given with `tls=false`".into(),
        ),
        ("localhost/db?tcp_keepalive=x", "`tcp_keepalive'".into()),
        (
            "localhost",
            "it names no database: write `mysql://host/database`".into(),
        ),
        ("localhost/?pool=1", "it names no database".into()),
        ("localhost:port/db", "invalid port number".into()),
        ("/db", "host".into()),
    ];
    for scheme in ["mysql", "mariadb"] {
        for (rest, expected) in &cases {
            let url = format!("{scheme}://user:{PASSWORD}@{rest}");
            let error = Cacheme::default().register_storage("mine", &*url).await;
            let error = error.expect_err(&url);
            assert!(error.is_config(), "{url}: {error:?}");
            let message = error.to_string();
            assert!(message.contains(expected), "{url}: {message}");
            assert!(
                !format!("{message} {error:?}").contains(PASSWORD),
                "{message}"
            );
        }
    }
    let error = Cacheme::default()
        .register_storage("mine", "mysql:db")
        .await;
    let message = error.expect_err("there is no host").to_string();
    assert!(
        message.contains("one is `mysql://host/database`"),
        "{message}"
    );
}

#[tokio::test]
async fn a_password_is_never_shown() {
    let server = MysqlServer::start();
    let url = server.url_of(&format!("cacheme:{PASSWORD}"), "");
    let builder = MysqlStorage::builder(&url);
    assert!(!format!("{builder:?}").contains(PASSWORD));
    let error = builder.connect().await.expect_err("the password is wrong");
    let message = format!("{error} {error:?}");
    assert!(
        message.contains("Access denied for user 'cacheme'"),
        "{message}"
    );
    assert!(!message.contains(PASSWORD), "{message}");
    let storage = storage(&server, "").await;
    let shown = format!("{storage:?}");
    let place = format!("127.0.0.1:{}", server.port());
    assert!(
        shown.contains(&place) && shown.contains("\"cacheme\""),
        "{shown}"
    );
    assert!(
        !shown.contains("p@ss") && !shown.contains("p%40ss"),
        "{shown}"
    );
}

#[tokio::test]
async fn another_scheme_and_the_drivers_parameters_are_taken() {
    let server = MysqlServer::start();
    let url = server.url_with("?table=other&compression=fast&tcp_keepalive=1000");
    let url = url.replace("mysql://", "mariadb://");
    let storage = cacheme::storage::open(&url)
        .await
        .expect("the URL is right");
    storage
        .put_many(&[entry("a", "1")])
        .await
        .expect("put succeeds");
    let found = storage
        .get_many(&[Key::new("a")])
        .await
        .expect("get succeeds");
    assert_eq!(found, [Some("1".into())]);
    let rows: Vec<u64> = server.query("SELECT COUNT(*) FROM other").await;
    assert_eq!(rows, [1]);
}

#[tokio::test]
async fn setters_win_over_the_url() {
    let server = MysqlServer::start();
    let builder = MysqlStorage::builder(&server.url_with("?table=first&deadline=1ms&pool=9"));
    let storage = builder
        .table("second")
        .deadline(Duration::from_secs(5))
        .connect_timeout(Duration::from_secs(10))
        .pool(1)
        .sweep(None)
        .connect()
        .await
        .expect("the server can be reached");
    put(&storage, &[entry("a", "1")]).await;
    assert_eq!(get(&storage, "a").await.as_deref(), Some("1"));
    let tables: Vec<String> = server.query("SHOW TABLES").await;
    assert_eq!(tables, ["second"]);
}
