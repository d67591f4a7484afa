//! The table: made, taken, refused.

use std::fs;
use std::path::Path;
use std::time::Duration;

use cacheme::{Entry, Key};

use super::{count, open, raw, refused, run, url};
use crate::storage::embedded::{folder, get, put};

/// As the docs have it.
const SCHEMA: &str = r#"
    CREATE TABLE "cacheme" (
        key TEXT NOT NULL PRIMARY KEY,
        value BLOB NOT NULL,
        expires INTEGER -- in ms since the Unix epoch; NULL is never
    );
    CREATE INDEX "cacheme_expires" ON "cacheme" (expires) WHERE expires IS NOT NULL;
    PRAGMA journal_mode = WAL;
"#;

#[tokio::test]
async fn the_schema_of_the_docs_is_what_is_made_and_taken() {
    let folder = folder();
    let (ours, theirs) = (
        folder.path().join("ours.db"),
        folder.path().join("theirs.db"),
    );
    drop(open(&url(&ours, "")).await.expect("it can be made"));
    run(&raw(&theirs), SCHEMA);
    let storage = open(&url(&theirs, "?create=false")).await;
    let storage = storage.expect("the table is there");
    let entry = Entry::new(Key::new("key"), "x").with_ttl(Duration::from_secs(60));
    storage.put_many(&[entry]).await.expect("put succeeds");
    drop(storage);
    let schema = |path: &Path| {
        let raw = raw(path);
        let sql = "SELECT type || ' ' || name || ' ' || tbl_name FROM sqlite_schema ORDER BY 1";
        let mut statement = raw.prepare(sql).expect("the query is right");
        let names = statement.query_map([], |row| row.get::<_, String>(0));
        let names = names.expect("the query is right");
        names
            .collect::<Result<Vec<_>, _>>()
            .expect("there are names")
    };
    assert_eq!(schema(&ours), schema(&theirs));
    let mode = "SELECT count(*) FROM pragma_journal_mode WHERE journal_mode = 'wal'";
    assert_eq!(count(&raw(&ours), mode), 1);
}

#[tokio::test]
async fn without_create_a_missing_table_is_an_error() {
    let folder = folder();
    let path = folder.path().join("cache.db");
    refused(&url(&path, "?create=false")).await;
    assert!(!path.exists(), "no file is made");
    run(&raw(&path), "CREATE TABLE other (x)");
    let before = fs::read(&path).expect("the file can be read");
    let error = refused(&url(&path, "?create=false")).await;
    assert!(error.contains("there is no table `cacheme`"), "{error}");
    assert!(fs::read(&path).expect("the file can be read") == before);
}

#[tokio::test]
async fn a_table_of_another_shape_is_refused_and_left_alone() {
    let folder = folder();
    let others = [
        "CREATE TABLE cacheme (id INTEGER PRIMARY KEY, name TEXT)",
        "CREATE TABLE cacheme (key TEXT NOT NULL, value BLOB NOT NULL, expires INTEGER)",
        "CREATE TABLE cacheme (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL, expires INTEGER)",
        "CREATE TABLE t (key, value, expires); CREATE VIEW cacheme AS SELECT * FROM t",
    ];
    for (number, other) in others.into_iter().enumerate() {
        let path = folder.path().join(format!("{number}.db"));
        run(&raw(&path), other);
        let before = fs::read(&path).expect("the file can be read");
        for parameters in ["", "?create=false"] {
            let error = refused(&url(&path, parameters)).await;
            assert!(
                error.contains(".db: the table `cacheme` isn't cacheme's: it has the columns ("),
                "{error}"
            );
        }
        assert!(fs::read(&path).expect("the file can be read") == before);
        drop(
            open(&url(&path, "?table=pages"))
                .await
                .expect("another name is free"),
        );
    }
}

#[tokio::test]
async fn tables_of_a_file_are_apart_and_their_names_are_quoted() {
    let folder = folder();
    let path = folder.path().join("cache.db");
    let select = open(&url(&path, "?table=select")).await;
    let select = select.expect("a keyword is a name");
    let other = open(&url(&path, "")).await.expect("the file can be shared");
    put(&select, "key", "x").await;
    assert_eq!(get(&other, "key").await, None);
    assert_eq!(count(&raw(&path), r#"SELECT count(*) FROM "select""#), 1);
    let error = refused(&url(&path, "?table=a%20b")).await;
    assert!(
        error.contains("`a b` can't be the name of a table"),
        "{error}"
    );
}
