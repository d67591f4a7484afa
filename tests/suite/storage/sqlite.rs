//! SQLite, beside what holds for every embedded database.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use bytes::Bytes;
use cacheme::storage::SqliteStorage;
use cacheme::testing::Conformance;
use cacheme::{BoxError, Entry, Key, Storage, StorageFuture};
use cacheme_tests::wait::eventually;
use rusqlite::Connection;
use tokio::task::JoinSet;

use super::embedded::{Embedded, PATIENCE, clock, folder, get, open_files, put};

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

async fn open(url: &str) -> Result<Arc<dyn Storage>, BoxError> {
    cacheme::storage::open(url).await
}

async fn refused(url: &str) -> String {
    let opened = open(url).await;
    opened.expect_err("it is refused").to_string()
}

fn url(path: &Path, parameters: &str) -> String {
    format!("sqlite:{}{parameters}", path.display())
}

fn raw(path: &Path) -> Connection {
    Connection::open(path).expect("the file can be opened")
}

fn run(raw: &Connection, sql: &str) {
    raw.execute_batch(sql).expect("the statements are right");
}

fn count(raw: &Connection, sql: &str) -> u32 {
    let count = raw.query_row(sql, [], |row| row.get(0));
    count.expect("the query is right")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_conforms_to_the_contract() {
    let clock = clock();
    let storage = <SqliteStorage as Embedded>::open(Path::new(":memory:"), &clock);
    let pass = async |_: &Key, ttl| clock.advance(ttl);
    Conformance::of(storage).run(pass).await;
    assert!(!Path::new(":memory:").exists());
}

#[tokio::test]
async fn each_memory_is_private() {
    let one = open("sqlite::memory:").await.expect("there is memory");
    let other = open("sqlite::memory:").await.expect("there is memory");
    put(&one, "key", "one").await;
    assert_eq!(get(&one, "key").await, Some("one".into()));
    assert_eq!(get(&other, "key").await, None);
}

/// Two storages of one file, each of which gets every other operation.
#[derive(Debug)]
struct Turns([SqliteStorage; 2], AtomicUsize);

impl Turns {
    fn next(&self) -> &SqliteStorage {
        let turn = self.1.fetch_add(1, Ordering::Relaxed);
        &self.0[turn % 2]
    }
}

impl Storage for Turns {
    fn get_many<'a>(&'a self, keys: &'a [Key]) -> StorageFuture<'a, Vec<Option<Bytes>>> {
        self.next().get_many(keys)
    }

    fn put_many<'a>(&'a self, entries: &'a [Entry]) -> StorageFuture<'a, ()> {
        self.next().put_many(entries)
    }

    fn remove_many<'a>(&'a self, keys: &'a [Key]) -> StorageFuture<'a, ()> {
        self.next().remove_many(keys)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_storages_of_a_file_conform_together() {
    let (folder, clock) = (folder(), clock());
    let path = folder.path().join("cache.db");
    let both = [(); 2].map(|()| <SqliteStorage as Embedded>::open(&path, &clock));
    let pass = async |_: &Key, ttl| clock.advance(ttl);
    let turns = Turns(both, AtomicUsize::new(0));
    Conformance::of(turns).run(pass).await;
}

/// Neither starves, though neither pauses.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_storages_write_to_a_file_at_once() {
    let folder = folder();
    let path = folder.path().join("cache.db");
    let mut tasks = JoinSet::new();
    for writer in 0..2 {
        let storage = SqliteStorage::builder(&path).durable().deadline(PATIENCE);
        let storage = storage.open().expect("the file can be shared");
        for task in 0..4 {
            let storage = storage.clone();
            tasks.spawn(async move {
                for round in 0..50 {
                    put(&storage, &format!("{writer}:{task}:{round}"), "x").await;
                }
            });
        }
    }
    while let Some(ended) = tasks.join_next().await {
        ended.expect("put succeeds");
    }
    assert_eq!(count(&raw(&path), "SELECT count(*) FROM cacheme"), 400);
}

#[test]
fn eight_at_once_open_a_file_that_is_not_there() {
    for _ in 0..100 {
        let folder = folder();
        let path = folder.path().join("cache.db");
        let start = Barrier::new(8);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    start.wait();
                    SqliteStorage::open(&path).expect("the file can be opened");
                });
            }
        });
    }
}

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

#[tokio::test]
async fn a_path_may_have_any_characters() {
    let folder = folder();
    for name in ["a b.db", "a?b#c.db", "\u{43a}\u{43b}.db"] {
        let path = folder.path().join(name);
        let storage = SqliteStorage::open(&path).expect("it is a path");
        put(&storage, "key", "x").await;
        assert!(path.exists());
        let encoded = name.replace('?', "%3F").replace(' ', "%20");
        let url = format!("sqlite:{}/{encoded}", folder.path().display());
        let storage = open(&url).await.expect("it is the same file");
        assert_eq!(get(&storage, "key").await, Some("x".into()));
    }
    assert!(SqliteStorage::open("").is_err());
}

/// SQLite takes some names for something else than a path. In another process, whose folder it is.
#[test]
fn a_relative_path_is_a_path() {
    let folder = folder();
    for (url, name) in [
        ("sqlite:cache.db", "cache.db"),
        ("sqlite:file:x.db%3Fmode=memory", "file:x.db?mode=memory"),
    ] {
        let mut writer = Command::new(env!("CARGO_BIN_EXE_file-writer"))
            .arg(url)
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the writer can be run");
        let mut answer = String::new();
        let answers = writer.stdout.take().expect("it is piped");
        BufReader::new(answers)
            .read_line(&mut answer)
            .expect("it is text");
        writer.kill().expect("the writer is running");
        writer.wait().expect("the writer can be waited for");
        assert!(!answer.is_empty());
        assert!(folder.path().join(name).exists());
    }
}

/// A write that waited, and was given up before another process wrote.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_given_up_does_not_undo_what_others_wrote() {
    let folder = folder();
    let path = folder.path().join("cache.db");
    let storage = SqliteStorage::builder(&path).deadline(PATIENCE);
    let storage = storage.open().expect("the file can be opened");
    let other = raw(&path);
    run(&other, "PRAGMA synchronous = OFF");
    for _ in 0..50 {
        put(&storage, "key", "first").await;
        run(&other, "BEGIN IMMEDIATE");
        let waiting = storage.clone();
        let task = tokio::spawn(async move { put(&waiting, "key", "given up").await });
        // Until it is with the thread that waits for the lock.
        tokio::time::sleep(Duration::from_millis(2)).await;
        run(&other, "UPDATE cacheme SET value = CAST('other' AS BLOB)");
        task.abort();
        assert!(task.await.is_err_and(|ended| ended.is_cancelled()));
        run(&other, "COMMIT");
        put(&storage, "later", "x").await;
        assert_eq!(get(&storage, "key").await, Some("other".into()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_database_costs_the_deadline_and_works_afterwards() {
    const DEADLINE: Duration = Duration::from_millis(300);

    let folder = folder();
    let path = folder.path().join("cache.db");
    let storage = SqliteStorage::builder(&path).deadline(DEADLINE);
    let storage = storage.open().expect("the file can be opened");
    put(&storage, "key", "before").await;
    let other = raw(&path);
    run(&other, "BEGIN EXCLUSIVE");
    let mut tasks = JoinSet::new();
    for task in 0..100 {
        let storage = storage.clone();
        tasks.spawn(async move {
            let started = Instant::now();
            // More than the queue has room for.
            let entry = Entry::new(Key::new(format!("{task}")), vec![0; 1 << 20]);
            let outcome = storage.put_many(&[entry]).await;
            (outcome, started.elapsed())
        });
    }
    assert_eq!(
        get(&storage, "key").await,
        Some("before".into()),
        "reads go on"
    );
    let mut errors = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        let (outcome, took) = ended.expect("the task doesn't panic");
        errors.push(outcome.expect_err("it is locked").to_string());
        // Generous, for busy machines.
        assert!(took < 10 * DEADLINE, "it took {took:?}");
    }
    let locked = |error: &String| error == "another process has it locked";
    assert!(errors.iter().any(locked), "{errors:?}");
    let late = |error: &String| error == "no answer within 300ms";
    assert!(
        errors.iter().all(|error| locked(error) || late(error)),
        "{errors:?}"
    );
    run(&other, "COMMIT");
    eventually("it works again", PATIENCE, async || {
        let entry = Entry::new(Key::new("key"), "after");
        storage.put_many(&[entry]).await.is_ok()
    })
    .await;
    assert_eq!(get(&storage, "key").await, Some("after".into()));
    let given_up = "SELECT count(*) FROM cacheme WHERE key <> 'key'";
    assert_eq!(count(&other, given_up), 0, "what failed wasn't written");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_does_not_wait_for_a_lock() {
    let folder = folder();
    let path = folder.path().join("cache.db");
    let storage = SqliteStorage::builder(&path).deadline(PATIENCE);
    let storage = storage.open().expect("the file can be opened");
    let other = raw(&path);
    run(&other, "BEGIN EXCLUSIVE");
    let waiting = storage.clone();
    let task = tokio::spawn(async move { put(&waiting, "key", "x").await });
    eventually("the write waits", PATIENCE, async || {
        // The connections of the storage and the other one.
        open_files(folder.path()) > 2 && !task.is_finished()
    })
    .await;
    task.abort();
    assert!(task.await.is_err_and(|ended| ended.is_cancelled()));
    let started = Instant::now();
    tokio::task::spawn_blocking(move || drop(storage))
        .await
        .expect("it closes");
    assert!(started.elapsed() < PATIENCE / 2);
    run(&other, "COMMIT");
    assert_eq!(count(&other, "SELECT count(*) FROM cacheme"), 0);
}

#[tokio::test]
async fn expired_rows_leave_the_table() {
    let (folder, clock) = (folder(), clock());
    let path = folder.path().join("cache.db");
    let storage = <SqliteStorage as Embedded>::open(&path, &clock);
    let put_all = async |name: &str, ttl| {
        let entry = |n| Entry::new(Key::new(format!("{name}:{n}")), "x").with_ttl(ttl);
        let entries: Vec<_> = (0..300).map(entry).collect();
        storage.put_many(&entries).await.expect("put succeeds");
    };
    put_all("short", Duration::from_secs(60)).await;
    put_all("long", Duration::from_secs(120)).await;
    clock.advance(Duration::from_secs(60));
    let raw = raw(&path);
    let rows = || count(&raw, "SELECT count(*) FROM cacheme");
    put(&storage, "a", "x").await;
    assert_eq!(
        rows(),
        601 - 18,
        "a write takes out twice as many as it makes, and 16"
    );
    for _ in 0..20 {
        let key = Key::new("a");
        storage.remove_many(&[key]).await.expect("remove succeeds");
    }
    assert_eq!(rows(), 300);
    let index = "SELECT count(*) FROM pragma_index_list('cacheme') WHERE partial = 1";
    assert_eq!(count(&raw, index), 1);
}

/// Many small commits, each of which is answered before the next.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_that_never_pause_do_not_grow_the_log() {
    let folder = folder();
    let path = folder.path().join("cache.db");
    let storage = SqliteStorage::builder(&path).readers(4).deadline(PATIENCE);
    let storage = storage.open().expect("the file can be opened");
    let mut readers = JoinSet::new();
    for task in 0..16 {
        let storage = storage.clone();
        readers.spawn(async move {
            loop {
                get(&storage, &task.to_string()).await;
            }
        });
    }
    for round in 0..4000_u32 {
        put(&storage, &(round % 100).to_string(), vec![0; 8000]).await;
    }
    let log = fs::metadata(path.with_extension("db-wal")).expect("there is a log");
    // Some 50 MB were written, of at least three pages each time.
    assert!(log.len() < 16 << 20, "{} bytes", log.len());
}

#[tokio::test]
async fn debug_shows_the_path() {
    let folder = folder();
    let path = folder.path().join("cache.db");
    let storage = SqliteStorage::open(&path).expect("the file can be opened");
    assert!(format!("{storage:?}").contains("cache.db"));
}
