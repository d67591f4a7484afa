//! The embedded file.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cacheme::{Cacheme, Entry, FileStorage, Key, ManualClock, Storage};
use tokio::task::JoinSet;

use super::conformance::{Shared, conforms};

fn open(path: &Path) -> FileStorage {
    FileStorage::open(path).expect("the file can be opened")
}

async fn put(file: &FileStorage, key: &str, value: impl Into<Bytes>) {
    let outcome = file.put_many(&[Entry::new(Key::new(key), value)]).await;
    outcome.expect("put succeeds");
}

async fn get(file: &FileStorage, key: &str) -> Option<Bytes> {
    let found = file.get_many(&[Key::new(key)]).await;
    found.expect("get succeeds").remove(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conforms_to_the_contract() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let clock = Arc::new(ManualClock::new());
    let builder = FileStorage::builder(folder.path().join("cache.redb"));
    let file = builder
        .clock(Arc::<ManualClock>::clone(&clock))
        .open()
        .expect("the file can be opened");
    let storage: Shared = Arc::new(file);
    conforms(&storage, &|_, ttl| clock.advance(ttl)).await;
}

#[tokio::test]
async fn a_ttl_ends_to_the_millisecond() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let clock = Arc::new(ManualClock::new());
    let builder = FileStorage::builder(folder.path().join("cache.redb"));
    let file = builder
        .clock(Arc::<ManualClock>::clone(&clock))
        .open()
        .expect("the file can be opened");
    let entry = Entry::new(Key::new("key"), "x").with_ttl(Duration::from_millis(1500));
    file.put_many(&[entry]).await.expect("put succeeds");
    clock.advance(Duration::from_millis(1499));
    assert!(get(&file, "key").await.is_some());
    clock.advance(Duration::from_millis(1));
    assert_eq!(get(&file, "key").await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_survive_closing_and_opening() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("cache.redb");
    for round in 0..50 {
        let file = open(&path);
        if round > 0 {
            assert_eq!(
                get(&file, "round").await,
                Some((round - 1).to_string().into())
            );
        }
        put(&file, "round", round.to_string()).await;
        // The last clone closes the file, and the next round opens it at once.
        let clone = file.clone();
        drop(file);
        get(&clone, "round").await;
    }
}

#[tokio::test]
async fn a_time_to_live_survives_closing_and_opening() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("cache.redb");
    let clock = Arc::new(ManualClock::new());
    let open = || {
        FileStorage::builder(&path)
            .clock(Arc::<ManualClock>::clone(&clock))
            .open()
    };
    let file = open().expect("the file can be opened");
    let entry = Entry::new(Key::new("key"), "x").with_ttl(Duration::from_secs(60));
    file.put_many(&[entry]).await.expect("put succeeds");
    drop(file);
    clock.advance(Duration::from_secs(59));
    let file = open().expect("the file can be opened");
    assert_eq!(get(&file, "key").await, Some("x".into()));
    clock.advance(Duration::from_secs(1));
    assert_eq!(get(&file, "key").await, None);
}

#[tokio::test]
async fn a_file_that_is_open_is_not_opened_again() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("cache.redb");
    let file = open(&path);
    put(&file, "key", "value").await;
    let error = FileStorage::open(&path)
        .expect_err("it is open")
        .to_string();
    assert!(
        error.contains("cache.redb") && error.contains("open"),
        "{error}"
    );

    let url = format!("file:{}", path.display());
    let error = Cacheme::default()
        .register_storage("disk", url)
        .await
        .expect_err("it is open");
    assert!(error.is_storage());
    assert_eq!(error.storage(), Some("disk"));
    assert_eq!(
        get(&file, "key").await,
        Some("value".into()),
        "the first is undisturbed"
    );
}

#[test]
fn what_is_not_a_redb_file_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let redb = folder.path().join("real.redb");
    drop(open(&redb));
    let magic = fs::read(&redb).expect("the file can be read")[..9].to_vec();
    let contents = [
        b"a".to_vec(),
        b"a text that somebody wrote\n".repeat(1000),
        b"SQLite format 3\0".repeat(4096),
        vec![0; 1 << 20],
        magic.clone(),
        [magic, vec![0xa5; 1 << 20]].concat(),
    ];
    for (number, content) in contents.iter().enumerate() {
        let path = folder.path().join(format!("{number}.redb"));
        fs::write(&path, content).expect("the file can be written");
        let error = FileStorage::open(&path)
            .expect_err("it isn't redb's")
            .to_string();
        assert!(error.contains(&format!("{number}.redb: ")), "{error}");
        let after = fs::read(&path).expect("the file can be read");
        assert!(after == *content, "file {number} is left as it was");
    }
}

#[test]
fn a_path_that_cannot_be_a_file_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    for path in [
        folder.path().to_owned(),
        folder.path().join("not there").join("cache.redb"),
    ] {
        let error = FileStorage::open(&path)
            .expect_err("it can't be opened")
            .to_string();
        assert!(error.starts_with(&path.display().to_string()), "{error}");
        assert!(!path.join("cache.redb").exists());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn single_writes_of_many_tasks_all_land() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("cache.redb");
    let file = open(&path);
    let mut tasks = JoinSet::new();
    for number in 0..200 {
        let file = file.clone();
        tasks.spawn(async move { put(&file, &number.to_string(), number.to_string()).await });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.expect("put succeeds");
    }
    for number in 0..200 {
        assert_eq!(
            get(&file, &number.to_string()).await,
            Some(number.to_string().into())
        );
    }
}

/// What a process wrote that was killed in the middle of it; it writes on from there each time.
#[tokio::test]
async fn every_answered_write_survives_a_kill() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    for (round, kill_after) in [1, 20, 100, 300].into_iter().enumerate() {
        let path = folder.path().join(format!("{round}.redb"));
        let mut writer = Command::new(env!("CARGO_BIN_EXE_file-writer"))
            .arg(&path)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the writer can be run");
        let answers = BufReader::new(writer.stdout.take().expect("it is piped"));
        let mut answered: Vec<u64> = Vec::new();
        for line in answers.lines() {
            // A last line that was cut isn't an answer.
            answered.extend(line.ok().and_then(|line| line.parse::<u64>().ok()));
            if answered.len() == kill_after {
                writer.kill().expect("the writer is running");
            }
        }
        writer.wait().expect("the writer can be waited for");
        assert!(answered.len() >= kill_after, "the writer ended by itself");

        let file = open(&path);
        for number in answered {
            let found = get(&file, &number.to_string()).await;
            let expected = format!("{number} ").repeat(50);
            assert_eq!(
                found.as_deref(),
                Some(expected.as_bytes()),
                "answered, and gone"
            );
        }
        put(&file, "after", "x").await;
        assert_eq!(get(&file, "after").await, Some("x".into()));
    }
}
