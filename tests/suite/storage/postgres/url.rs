//! What URLs may say, and what is said of wrong ones.

use cacheme::storage::PostgresStorage;
use cacheme::{Cacheme, Key, Storage};
use cacheme_tests::postgres::{PASSWORD, PostgresServer};
use cacheme_tests::server::Server;

use super::{CONNECTIONS, open, refused, works};

#[tokio::test]
async fn wrong_urls_are_refused_by_what_is_wrong_and_never_show_the_password() {
    let host = "postgresql://me:secret@localhost/db";
    let cases = [
        (
            format!("{host}?tabel=x"),
            "unknown parameter `tabel`: there are `deadline`, ",
        ),
        (
            format!("{host}?sslmode=verify-ca"),
            "`sslmode=verify-ca` is not `disable`, `prefer`, ",
        ),
        (
            format!("{host}?connect_timeout=5"),
            "`connect_timeout=5` is not a duration such as",
        ),
        (format!("{host}?pool=0"), "`pool=0` leaves no connection"),
        (format!("{host}?pool=8&pool=9"), "`pool` is given twice"),
        (
            format!("{host}?unlogged=yes"),
            "`unlogged=yes` is not `true` or `false`",
        ),
        (
            format!("{host}?table=a;b"),
            "`a;b` can't be the name of a table",
        ),
        (
            format!("{host}?table=a.b.c"),
            "`a.b.c` can't be the name of a table",
        ),
        (
            format!("{host}?keepalives_idle=x"),
            "invalid value for option `keepalives_idle`",
        ),
        (
            format!("{host}?password=secret&port=x"),
            "invalid value for option `port`",
        ),
        (
            "postgresql://me:secret@localhost:x/db".to_owned(),
            "invalid value for option `port`",
        ),
        (
            "postgresql://me:sec@secret@localhost/db".to_owned(),
            "written as `%40`",
        ),
        ("postgresql://me:secret@/db".to_owned(), "it names no host"),
    ];
    for (url, said) in cases {
        let error = Cacheme::default().register_storage("mine", &*url).await;
        let error = error.expect_err("the URL is wrong");
        assert!(error.is_config(), "{url}: {error:?}");
        let message = error.to_string();
        assert!(message.contains(said), "{url}: {message}");
        let builder = PostgresStorage::builder(&url);
        let shown = format!("{message} {error:?} {builder:?}");
        assert!(!shown.contains("secret"), "{url}: {shown}");
    }
}

#[tokio::test]
async fn a_wrong_password_is_said_and_not_shown() {
    let server = PostgresServer::start();
    let url = server.url().replace(PASSWORD, "wrong-horse");
    let error = PostgresStorage::connect(&url).await;
    let error = error.expect_err("the password is wrong");
    let shown = format!("{error} {error:?}");
    assert!(
        shown.contains("password authentication failed for user"),
        "{shown}"
    );
    assert!(!shown.contains("wrong-horse"), "{shown}");
    let storage = open(&server, "").await;
    let shown = format!("{storage:?} {:?}", PostgresStorage::builder(&server.url()));
    assert!(!shown.contains(PASSWORD), "{shown}");
}

#[tokio::test]
async fn the_drivers_parameters_are_the_drivers() {
    let server = PostgresServer::start();
    let query = "application_name=shop&options=-c%20work_mem%3D5MB&keepalives=1&table=cache";
    let storage = open(&server, query).await;
    works(&storage).await;
    let shops = CONNECTIONS.replace("'cacheme'", "'shop'");
    assert!(server.number(&shops).await > 0);
    let error = refused(&server, "target_session_attrs=read-only").await;
    assert!(error.contains("database is not read only"), "{error}");
    let error = refused(&server, "options=-c%20work_mem%3Dnone").await;
    assert!(
        error.contains("invalid value for parameter \"work_mem\""),
        "{error}"
    );
    assert!(error.contains("SQLSTATE 22023"), "{error}");
}

#[tokio::test]
async fn a_unix_socket_is_a_host() {
    let server = PostgresServer::start();
    let folder = server.folder().display().to_string().replace('/', "%2F");
    let url = server.url().replace("127.0.0.1", &folder);
    let storage = cacheme::storage::open(&url.replace("postgresql:", "postgres:")).await;
    works(&storage.expect("the server can be reached")).await;
}

#[tokio::test]
async fn statements_are_prepared_unless_a_pooler_is_in_between() {
    let server = PostgresServer::start_with(&["log_statement=all"]);
    for (query, name) in [
        ("prepare=true", "execute s"),
        ("prepare=false", "execute <unnamed>"),
    ] {
        let storage = open(&server, query).await;
        works(&storage).await;
        let many = [Key::new("one"), Key::new("other")];
        assert_eq!(
            storage.get_many(&many).await.expect("get succeeds"),
            [None, None]
        );
        for statement in ["SELECT value", "SELECT key", "INSERT", "DELETE"] {
            let lines = server.log();
            let mut lines = lines.lines().filter(|line| line.contains(name));
            assert!(
                lines.any(|line| line.contains(statement)),
                "{query}: {statement}"
            );
        }
    }
}
