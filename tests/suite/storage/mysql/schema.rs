//! The table: made, taken, refused.

use cacheme::storage::MysqlStorage;
use cacheme::{Key, Storage};
use cacheme_tests::mysql::MysqlServer;
use cacheme_tests::server::Server;
use tokio::task::JoinSet;

use super::{entry, get, put, storage};

/// As in the documentation of `MysqlStorage`.
const DOCUMENTED: &str = "CREATE TABLE IF NOT EXISTS `cacheme` (
    `key` VARBINARY(1024) NOT NULL PRIMARY KEY,
    `value` LONGBLOB NOT NULL,
    `expires` BIGINT NULL,
    KEY `expires` (`expires`)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC";

async fn shown(server: &MysqlServer, table: &str) -> String {
    let sql = format!("SHOW CREATE TABLE `{table}`");
    let rows: Vec<(String, String)> = server.query(&sql).await;
    rows[0].1.clone()
}

async fn refused(server: &MysqlServer, query: &str) -> String {
    let opened = MysqlStorage::connect(&server.url_with(query)).await;
    opened.expect_err("the table is refused").to_string()
}

#[tokio::test]
async fn a_missing_table_is_created_as_documented() {
    let server = MysqlServer::start();
    storage(&server, "").await;
    let created = shown(&server, "cacheme").await;
    server.query::<u8>("DROP TABLE cacheme").await;
    server.query::<u8>(DOCUMENTED).await;
    assert_eq!(created, shown(&server, "cacheme").await);
    let storage = storage(&server, "?create=false").await;
    put(&storage, &[entry("a", "1")]).await;
    assert_eq!(get(&storage, "a").await.as_deref(), Some("1"));
}

#[tokio::test]
async fn a_missing_table_is_an_error_when_it_is_not_to_be_created() {
    let server = MysqlServer::start();
    let message = refused(&server, "?create=false&table=mine").await;
    assert!(
        message.contains("there is no table `mine`, and `create` is off"),
        "{message}"
    );
    assert!(server.query::<String>("SHOW TABLES").await.is_empty());
    // A later look finds it.
    let lazy = storage(&server, "?create=false&lazy=true&table=mine").await;
    let error = lazy
        .get_many(&[Key::new("a")])
        .await
        .expect_err("there is no table");
    assert_eq!(error.to_string(), message);
    storage(&server, "?table=mine").await;
    put(&lazy, &[entry("a", "1")]).await;
}

#[tokio::test]
async fn another_table_is_refused_and_left_as_it_is() {
    let server = MysqlServer::start();
    let others = [
        "`key` VARBINARY(1024) NOT NULL PRIMARY KEY, `value` LONGBLOB NOT NULL",
        "`key` VARCHAR(255) NOT NULL PRIMARY KEY, `value` LONGBLOB NOT NULL, expires BIGINT",
        "`key` VARBINARY(1024) NOT NULL, `value` LONGBLOB NOT NULL, expires BIGINT, KEY (`key`)",
        "`key` VARBINARY(1024) PRIMARY KEY, `value` LONGBLOB, expires BIGINT",
        "`key` VARBINARY(1024) PRIMARY KEY, `value` LONGBLOB NOT NULL, expires BIGINT UNSIGNED",
        "`key` VARBINARY(1024) PRIMARY KEY, `value` LONGBLOB NOT NULL, expires BIGINT, more INT",
    ];
    for other in others {
        server
            .query::<u8>(&format!("CREATE TABLE cacheme ({other})"))
            .await;
        server
            .query::<u8>("INSERT INTO cacheme (`key`, `value`) VALUES ('a', 'theirs')")
            .await;
        let before = shown(&server, "cacheme").await;
        let message = refused(&server, "").await;
        assert!(
            message.contains("the table `cacheme` isn't cacheme's: it has the columns (")
                && message.contains("instead of (expires bigint, key varbinary(1024) not null"),
            "{message}"
        );
        assert_eq!(before, shown(&server, "cacheme").await);
        let values: Vec<String> = server.query("SELECT `value` FROM cacheme").await;
        assert_eq!(values, ["theirs"]);
        // What it does in the background mustn't create the table again when it is dropped.
        let lazy = storage(&server, "?lazy=true&create=false").await;
        let error = lazy.put_many(&[entry("a", "ours")]).await;
        assert_eq!(
            error.expect_err("the table is refused").to_string(),
            message
        );
        server.query::<u8>("DROP TABLE cacheme").await;
    }
}

#[tokio::test]
async fn words_of_sql_are_names_too() {
    let server = MysqlServer::start();
    for name in ["select", "_Table_9", "key", &"x".repeat(48)] {
        let storage = storage(&server, &format!("?table={name}&sweep=10ms")).await;
        put(&storage, &[entry(name, "1"), entry("b", "2")]).await;
        assert_eq!(get(&storage, name).await.as_deref(), Some("1"));
        storage
            .remove_many(&[Key::new(name)])
            .await
            .expect("remove succeeds");
        assert_eq!(get(&storage, name).await, None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_that_start_at_once_all_succeed() {
    let server = MysqlServer::start();
    let mut starts = JoinSet::new();
    for number in 0..8 {
        let url = server.url_with("");
        starts.spawn(async move {
            let storage = MysqlStorage::connect(&url).await.expect("it starts");
            put(&storage, &[entry(format!("{number}"), "x")]).await;
        });
    }
    starts.join_all().await;
    let rows: Vec<u64> = server.query("SELECT COUNT(*) FROM cacheme").await;
    assert_eq!(rows, [8]);
}

#[tokio::test]
async fn a_user_needs_no_more_rights_than_are_used() {
    let server = MysqlServer::start();
    let url = server.url_of("reader:x", "?sweep=10ms&deadline=20s");
    for sql in [
        "CREATE USER reader@127.0.0.1 IDENTIFIED BY 'x'",
        "GRANT SELECT ON cacheme.* TO reader@127.0.0.1",
    ] {
        server.query::<u8>(sql).await;
    }
    let error = MysqlStorage::connect(&url)
        .await
        .expect_err("it may not create");
    assert!(
        error
            .to_string()
            .contains("CREATE command denied to user 'reader'"),
        "{error}"
    );
    let owner = storage(&server, "").await;
    put(&owner, &[entry("a", "1")]).await;
    let reader = MysqlStorage::connect(&url)
        .await
        .expect("the table is there");
    assert_eq!(get(&reader, "a").await.as_deref(), Some("1"));
    let error = reader
        .put_many(&[entry("a", "2")])
        .await
        .expect_err("it may not write");
    assert!(
        error.to_string().contains("INSERT, UPDATE command denied"),
        "{error}"
    );
    assert!(reader.remove_many(&[Key::new("a")]).await.is_err());
    assert_eq!(get(&reader, "a").await.as_deref(), Some("1"));
    server
        .query::<u8>("GRANT INSERT, UPDATE, DELETE ON cacheme.* TO reader@127.0.0.1")
        .await;
    let writer = MysqlStorage::connect(&url)
        .await
        .expect("the table is there");
    put(&writer, &[entry("a", "2")]).await;
    writer
        .remove_many(&[Key::new("a")])
        .await
        .expect("remove succeeds");
    assert_eq!(get(&owner, "a").await, None);
}
