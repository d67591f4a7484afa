//! What holds for every database in a file: one line in [`embedded!`] runs all of it.

mod refusal;
mod write;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cacheme::storage::{FileStorage, SqliteStorage};
use cacheme::testing::Conformance;
use cacheme::{BoxError, Entry, Key, ManualClock, Storage};
use tempfile::TempDir;

/// Tests of every database, in a module for each.
macro_rules! embedded {
    ($($name:ident: $storage:ident;)*) => {
        $(mod $name {
            use super::$storage as Embedded;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn conforms_to_the_contract() {
                super::conforms_to_the_contract::<Embedded>().await;
            }

            #[tokio::test]
            async fn a_ttl_ends_to_the_millisecond() {
                super::a_ttl_ends_to_the_millisecond::<Embedded>().await;
            }

            #[tokio::test]
            async fn a_ttl_survives_closing_and_opening() {
                super::a_ttl_survives_closing_and_opening::<Embedded>().await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn the_last_clone_closes_the_file() {
                super::the_last_clone_closes_the_file::<Embedded>().await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn single_writes_of_many_tasks_all_land() {
                super::write::single_writes_of_many_tasks_all_land::<Embedded>().await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn ever_new_keys_do_not_grow_the_file() {
                super::write::ever_new_keys_do_not_grow_the_file::<Embedded>().await;
            }

            #[tokio::test]
            async fn every_answered_write_survives_a_kill() {
                super::write::every_answered_write_survives_a_kill::<Embedded>().await;
            }

            #[tokio::test]
            async fn what_is_another_file_is_refused_and_left_alone() {
                super::refusal::what_is_another_file_is_refused_and_left_alone::<Embedded>().await;
            }

            #[tokio::test]
            async fn a_path_that_cannot_be_a_file_is_refused() {
                super::refusal::a_path_that_cannot_be_a_file_is_refused::<Embedded>().await;
            }

            #[tokio::test]
            async fn what_may_only_be_read_is_refused() {
                super::refusal::what_may_only_be_read_is_refused::<Embedded>();
            }

            #[tokio::test]
            async fn wrong_parameters_are_named() {
                super::refusal::wrong_parameters_are_named::<Embedded>().await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn what_is_too_large_fails_alone() {
                super::write::what_is_too_large_fails_alone::<Embedded>().await;
            }
        })*
    };
}

embedded! {
    file: FileStorage;
    sqlite: SqliteStorage;
}

/// Longer than anything takes on a busy machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// A database in a file.
pub(super) trait Embedded: Storage + Clone {
    const SCHEME: &'static str;

    /// All parameters of its URLs, as an error lists them.
    const PARAMETERS: &'static str;

    /// Parameters to be killed with.
    const MODES: &'static [&'static str];

    fn try_open(path: &Path, clock: Arc<ManualClock>) -> Result<Self, BoxError>;

    /// Whether the file is whole, by the driver's own check.
    fn is_whole(path: &Path) -> bool;

    fn open(path: &Path, clock: &Arc<ManualClock>) -> Self {
        Self::try_open(path, Arc::clone(clock)).expect("the file can be opened")
    }

    fn url(path: &Path) -> String {
        format!("{}:{}?deadline=60s", Self::SCHEME, path.display())
    }
}

impl Embedded for FileStorage {
    const SCHEME: &'static str = "file";
    const PARAMETERS: &'static str = "`memory`, `deadline` and `readers`";
    const MODES: &'static [&'static str] = &[""];

    fn try_open(path: &Path, clock: Arc<ManualClock>) -> Result<Self, BoxError> {
        let builder = Self::builder(path).clock(clock);
        builder.deadline(PATIENCE).open()
    }

    fn is_whole(path: &Path) -> bool {
        let mut database = redb::Database::open(path).expect("it is closed");
        database.check_integrity().is_ok_and(|whole| whole)
    }
}

impl Embedded for SqliteStorage {
    const SCHEME: &'static str = "sqlite";
    const PARAMETERS: &'static str = "`create`, `durable`, `table`, `deadline` and `readers`";
    const MODES: &'static [&'static str] = &["", "&durable=true"];

    fn try_open(path: &Path, clock: Arc<ManualClock>) -> Result<Self, BoxError> {
        let builder = Self::builder(path).clock(clock);
        builder.deadline(PATIENCE).open()
    }

    fn is_whole(path: &Path) -> bool {
        let raw = rusqlite::Connection::open(path).expect("it is closed");
        let check = raw.query_row("PRAGMA integrity_check", [], |row| row.get(0));
        check.is_ok_and(|problems: String| problems == "ok")
    }
}

pub(super) fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder can be made")
}

pub(super) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new())
}

pub(super) async fn put(storage: &impl Storage, key: &str, value: impl Into<Bytes>) {
    let outcome = storage.put_many(&[Entry::new(Key::new(key), value)]).await;
    outcome.expect("put succeeds");
}

pub(super) async fn get(storage: &impl Storage, key: &str) -> Option<Bytes> {
    let found = storage.get_many(&[Key::new(key)]).await;
    found.expect("get succeeds").remove(0)
}

async fn conforms_to_the_contract<S: Embedded>() {
    let (folder, clock) = (folder(), clock());
    let storage = S::open(&folder.path().join("cache"), &clock);
    let pass = async |_: &Key, ttl| clock.advance(ttl);
    Conformance::of(storage).run(pass).await;
}

async fn a_ttl_ends_to_the_millisecond<S: Embedded>() {
    let (folder, clock) = (folder(), clock());
    let storage = S::open(&folder.path().join("cache"), &clock);
    let entry = Entry::new(Key::new("key"), "x").with_ttl(Duration::from_millis(1500));
    storage.put_many(&[entry]).await.expect("put succeeds");
    clock.advance(Duration::from_millis(1499));
    assert!(get(&storage, "key").await.is_some());
    clock.advance(Duration::from_millis(1));
    assert_eq!(get(&storage, "key").await, None);
}

async fn a_ttl_survives_closing_and_opening<S: Embedded>() {
    let (folder, clock) = (folder(), clock());
    let path = folder.path().join("cache");
    let storage = S::open(&path, &clock);
    let entry = Entry::new(Key::new("key"), "x").with_ttl(Duration::from_secs(60));
    storage.put_many(&[entry]).await.expect("put succeeds");
    drop(storage);
    clock.advance(Duration::from_secs(59));
    let storage = S::open(&path, &clock);
    assert_eq!(get(&storage, "key").await, Some("x".into()));
    clock.advance(Duration::from_secs(1));
    assert_eq!(get(&storage, "key").await, None);
}

/// How often this process has files in the folder open.
pub(super) fn open_files(folder: &Path) -> usize {
    let files = fs::read_dir("/proc/self/fd").expect("there is /proc");
    let paths = files.filter_map(|file| fs::read_link(file.ok()?.path()).ok());
    paths.filter(|path| path.starts_with(folder)).count()
}

async fn the_last_clone_closes_the_file<S: Embedded>() {
    let (folder, clock) = (folder(), clock());
    let path = folder.path().join("cache");
    for round in 0..20 {
        let storage = S::open(&path, &clock);
        if round > 0 {
            let last = (round - 1).to_string();
            assert_eq!(get(&storage, "round").await, Some(last.into()));
        }
        put(&storage, "round", round.to_string()).await;
        let clone = storage.clone();
        drop(storage);
        get(&clone, "round").await;
        assert!(open_files(folder.path()) > 0);
        drop(clone);
        assert_eq!(open_files(folder.path()), 0);
    }
}
