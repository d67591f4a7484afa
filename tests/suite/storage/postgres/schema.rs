//! The table: made when it is missing, left alone when it is another's.

use cacheme::Storage;
use cacheme::storage::PostgresStorage;
use cacheme_tests::postgres::PostgresServer;
use cacheme_tests::server::Server;

use super::{get, open, put, refused, url, works};

/// A user who may do nothing but what he is allowed to.
const GUEST: &str =
    "CREATE USER guest PASSWORD 'guest'; REVOKE CREATE ON SCHEMA public FROM public;";

/// The URL of `guest`, with a query.
fn guests_url(server: &PostgresServer, query: &str) -> String {
    let port = server.port();
    format!("postgresql://guest:guest@127.0.0.1:{port}/postgres?{query}")
}

#[tokio::test]
async fn a_missing_table_is_created_with_its_index() {
    let server = PostgresServer::start();
    works(&open(&server, "").await).await;
    let index = "SELECT count(*) FROM pg_indexes WHERE indexname = 'cacheme_expires' \
                 AND indexdef LIKE '%(expires) WHERE (expires IS NOT NULL)'";
    assert_eq!(server.number(index).await, 1);
    let column = "SELECT count(*) FROM pg_attribute WHERE attrelid = 'cacheme'::regclass \
                  AND attname = 'value' AND attstorage = 'e'";
    assert_eq!(server.number(column).await, 1);
    let kind = |kind| {
        format!(
            "SELECT count(*) FROM pg_class WHERE relname = 'cacheme' AND relpersistence = '{kind}'"
        )
    };
    assert_eq!(server.number(&kind('p')).await, 1);
    server.run("DROP TABLE cacheme").await;
    open(&server, "unlogged=true").await;
    assert_eq!(server.number(&kind('u')).await, 1);
}

#[tokio::test]
async fn a_table_may_be_in_a_schema_and_have_a_keyword_for_a_name() {
    let server = PostgresServer::start();
    server
        .run("CREATE SCHEMA shop; CREATE TABLE \"select\" (id int)")
        .await;
    works(&open(&server, "table=shop.select").await).await;
    assert_eq!(
        server.number("SELECT count(*) FROM shop.\"select\"").await,
        0
    );
    let error = refused(&server, "table=nowhere.cache").await;
    assert!(
        error.contains("schema \"nowhere\" does not exist"),
        "{error}"
    );
}

#[tokio::test]
async fn what_the_docs_say_can_be_run_by_hand() {
    let server = PostgresServer::start();
    let docs = include_str!("../../../../cacheme/src/storage/postgres/mod.rs");
    let lines = docs.lines().filter_map(|line| line.strip_prefix("/// "));
    let sql: Vec<_> = lines
        .skip_while(|line| *line != "```sql")
        .skip(1)
        .take_while(|line| *line != "```")
        .collect();
    assert_eq!(sql.len(), 3);
    let error = refused(&server, "create=false").await;
    assert!(
        error.contains("there is no table `cacheme`, and `create` is off"),
        "{error}"
    );
    server.run(&sql.concat()).await;
    works(&open(&server, "create=false").await).await;
}

#[tokio::test]
async fn another_table_is_refused_and_left_as_it_is() {
    let server = PostgresServer::start();
    for (columns, found) in [
        (
            "id int PRIMARY KEY, name text",
            "(id integer primary key, name text) instead of",
        ),
        (
            "key bytea, value bytea NOT NULL, expires timestamptz",
            "(expires timestamp with time zone, key bytea,",
        ),
        (
            "key text PRIMARY KEY, value bytea NOT NULL, expires timestamptz",
            "key text primary key",
        ),
        (
            "key bytea PRIMARY KEY, value bytea NOT NULL, expires timestamptz, owner text NOT NULL",
            "owner text not null",
        ),
    ] {
        let create = format!("DROP TABLE IF EXISTS cacheme; CREATE TABLE cacheme ({columns})");
        server.run(&create).await;
        let error = refused(&server, "").await;
        assert!(
            error.contains("the table `cacheme` isn't cacheme's"),
            "{error}"
        );
        assert!(error.contains(found), "{error}");
        let columns = columns.split(", ").count();
        let left =
            "SELECT count(*) FROM pg_attribute WHERE attrelid = 'cacheme'::regclass AND attnum > 0";
        assert_eq!(
            server.number(left).await,
            i64::try_from(columns).expect("a few")
        );
    }
    let lazy = open(&server, "lazy=true").await;
    let error = put(&lazy, "key", "value").await.expect_err("it is refused");
    assert!(error.to_string().contains("isn't cacheme's"), "{error}");
}

#[tokio::test]
async fn eight_that_start_at_once_all_succeed() {
    let server = PostgresServer::start();
    for round in 0..5 {
        let url = url(&server, &format!("table=cache_{round}"));
        let starts = (0..8).map(|_| {
            let url = url.clone();
            tokio::spawn(async move { PostgresStorage::connect(&url).await })
        });
        for start in starts.collect::<Vec<_>>() {
            let storage = start.await.expect("it doesn't panic");
            works(&storage.expect("the server can be reached")).await;
        }
    }
}

#[tokio::test]
async fn a_user_who_may_not_create_uses_what_is_there() {
    let server = PostgresServer::start();
    server.run(GUEST).await;
    let error = PostgresStorage::connect(&guests_url(&server, "")).await;
    let error = error.expect_err("there is no table").to_string();
    let said = "the table `cacheme` isn't there and can't be created: \
                permission denied for schema public (SQLSTATE 42501)";
    assert_eq!(error, said);
    open(&server, "").await;
    server
        .run("GRANT SELECT, INSERT, UPDATE, DELETE ON cacheme TO guest")
        .await;
    let guest = PostgresStorage::connect(&guests_url(&server, "")).await;
    works(&guest.expect("there is a table")).await;
}

#[tokio::test]
async fn a_user_who_may_only_read_reads() {
    let server = PostgresServer::start();
    put(&open(&server, "").await, "key", "value")
        .await
        .expect("put succeeds");
    server.run(GUEST).await;
    server.run("GRANT ALL ON cacheme TO guest; ALTER USER guest SET default_transaction_read_only = on").await;
    let guest = PostgresStorage::connect(&guests_url(&server, "")).await;
    let guest = guest.expect("there is a table");
    let found = get(&guest, "key").await.expect("get succeeds");
    assert_eq!(found.as_deref(), Some("value"));
    let error = put(&guest, "key", "other")
        .await
        .expect_err("it may not write");
    assert_eq!(
        error.to_string(),
        "cannot execute INSERT in a read-only transaction (SQLSTATE 25006)"
    );
    assert!(guest.now().is_some());
    let error = PostgresStorage::connect(&guests_url(&server, "table=other")).await;
    let error = error.expect_err("there is no table").to_string();
    assert!(
        error.contains("can't be created: cannot execute CREATE TABLE in a read-only"),
        "{error}"
    );
}
