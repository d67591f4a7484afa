//! Where the file is.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use cacheme::storage::SqliteStorage;

use super::open;
use crate::storage::embedded::{folder, get, put};

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

#[tokio::test]
async fn debug_shows_the_path() {
    let folder = folder();
    let path = folder.path().join("cache.db");
    let storage = SqliteStorage::open(&path).expect("the file can be opened");
    assert!(format!("{storage:?}").contains("cache.db"));
}
