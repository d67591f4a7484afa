//! What holds for every database in a file: one line in [`embedded!`] runs all of it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cacheme::storage::{FileStorage, SqliteStorage};
use cacheme::testing::Conformance;
use cacheme::{BoxError, Cacheme, Entry, Key, ManualClock, Storage};
use tempfile::TempDir;
use tokio::task::JoinSet;

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
                super::single_writes_of_many_tasks_all_land::<Embedded>().await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn ever_new_keys_do_not_grow_the_file() {
                super::ever_new_keys_do_not_grow_the_file::<Embedded>().await;
            }

            #[tokio::test]
            async fn every_answered_write_survives_a_kill() {
                super::every_answered_write_survives_a_kill::<Embedded>().await;
            }

            #[tokio::test]
            async fn what_is_another_file_is_refused_and_left_alone() {
                super::what_is_another_file_is_refused_and_left_alone::<Embedded>().await;
            }

            #[tokio::test]
            async fn a_path_that_cannot_be_a_file_is_refused() {
                super::a_path_that_cannot_be_a_file_is_refused::<Embedded>().await;
            }

            #[tokio::test]
            async fn what_may_only_be_read_is_refused() {
                super::what_may_only_be_read_is_refused::<Embedded>();
            }

            #[tokio::test]
            async fn wrong_parameters_are_named() {
                super::wrong_parameters_are_named::<Embedded>().await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn what_is_too_large_fails_alone() {
                super::what_is_too_large_fails_alone::<Embedded>().await;
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

async fn single_writes_of_many_tasks_all_land<S: Embedded>() {
    let (folder, clock) = (folder(), clock());
    let storage = S::open(&folder.path().join("cache"), &clock);
    let mut tasks = JoinSet::new();
    for number in 0..200 {
        let storage = storage.clone();
        tasks.spawn(async move { put(&storage, &number.to_string(), number.to_string()).await });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.expect("put succeeds");
    }
    for number in 0..200 {
        let found = get(&storage, &number.to_string()).await;
        assert_eq!(found, Some(number.to_string().into()));
    }
}

/// 500 entries live at a time, of 60,000.
async fn ever_new_keys_do_not_grow_the_file<S: Embedded>() {
    let (folder, clock) = (folder(), clock());
    let storage = S::open(&folder.path().join("cache"), &clock);
    put(&storage, "stays", "x").await;
    let size = || {
        let files = fs::read_dir(folder.path()).expect("the folder is there");
        let sizes = files.map(|file| file.and_then(|file| file.metadata()).map(|file| file.len()));
        sizes.sum::<Result<u64, _>>().expect("the files are there")
    };
    let mut early = 0;
    for round in 0..600_u128 {
        let entry = |number| {
            let key = Key::new(format!(
                "{:x}",
                (round * 100 + number) * 0x9E37_79B9_7F4A_7C15
            ));
            Entry::new(key, vec![0; 1000]).with_ttl(Duration::from_millis(500))
        };
        let entries: Vec<_> = (0..100).map(entry).collect();
        storage.put_many(&entries).await.expect("put succeeds");
        clock.advance(Duration::from_millis(100));
        if round == 100 {
            early = size();
        }
    }
    assert!(size() <= early * 2, "{early} bytes first, then {}", size());
    assert!(get(&storage, "stays").await.is_some());
}

/// What a process wrote that was killed in the middle of it; the next writes over it.
async fn every_answered_write_survives_a_kill<S: Embedded>() {
    let folder = folder();
    let path = folder.path().join("cache");
    let modes = S::MODES.iter();
    let rounds = modes.flat_map(|mode| [1, 20, 100, 300].map(|kill_after| (mode, kill_after)));
    for (mode, kill_after) in rounds {
        let mut writer = Command::new(env!("CARGO_BIN_EXE_file-writer"))
            .arg(S::url(&path) + mode)
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

        let storage = S::open(&path, &clock());
        let keys: Vec<_> = answered.iter().map(|n| Key::new(n.to_string())).collect();
        let found = storage.get_many(&keys).await.expect("get succeeds");
        for (number, found) in answered.iter().zip(found) {
            let expected = format!("{number} ").repeat(50);
            assert_eq!(
                found.as_deref(),
                Some(expected.as_bytes()),
                "answered, and gone"
            );
        }
        // The next round is to write them anew.
        storage.remove_many(&keys).await.expect("remove succeeds");
        drop(storage);
        assert!(S::is_whole(&path));
    }
}

async fn what_is_another_file_is_refused_and_left_alone<S: Embedded>() {
    let (folder, clock) = (folder(), clock());
    let real = folder.path().join("real");
    put(&S::open(&real, &clock), "key", "value").await;
    let magic = fs::read(&real).expect("the file can be read")[..9].to_vec();
    let contents = [
        b"a".to_vec(),
        b"a text that somebody wrote\n".repeat(1000),
        b"redb or SQLite format 3\0".repeat(4096),
        vec![0; 1 << 20],
        magic.clone(),
        [magic, vec![0xa5; 1 << 20]].concat(),
    ];
    for (number, content) in contents.iter().enumerate() {
        let path = folder.path().join(format!("{number}.cache"));
        fs::write(&path, content).expect("the file can be written");
        let error = S::try_open(&path, Arc::clone(&clock))
            .expect_err("it is another file")
            .to_string();
        assert!(error.contains(&format!("{number}.cache: ")), "{error}");
        let after = fs::read(&path).expect("the file can be read");
        assert!(after == *content, "file {number} is left as it was");
    }
    let files = fs::read_dir(folder.path()).expect("the folder is there");
    assert_eq!(files.count(), contents.len() + 1, "nothing is beside them");
}

async fn a_path_that_cannot_be_a_file_is_refused<S: Embedded>() {
    let folder = folder();
    for path in [
        folder.path().to_owned(),
        folder.path().join("not there").join("cache"),
    ] {
        let error = S::try_open(&path, clock())
            .expect_err("it can't be opened")
            .to_string();
        assert!(
            error.starts_with(&format!("{}: ", path.display())),
            "{error}"
        );
        assert!(!path.join("cache").exists());
        let registered = Cacheme::default();
        let registered = registered.register_storage("disk", S::url(&path)).await;
        let error = registered.expect_err("it can't be opened");
        assert!(error.is_storage());
        assert_eq!(error.storage(), Some("disk"));
    }
}

/// In another process, since root may write everything.
fn what_may_only_be_read_is_refused<S: Embedded>() {
    /// Nobody's.
    const USER: u32 = 65534;

    let folder = folder();
    let (path, program) = (folder.path().join("cache"), folder.path().join("writer"));
    drop(S::open(&path, &clock()));
    fs::copy(env!("CARGO_BIN_EXE_file-writer"), &program).expect("the program can be copied");
    let before = fs::read(&path).expect("the file can be read");
    let permit = |path: &Path, mode| {
        let permissions = fs::Permissions::from_mode(mode);
        fs::set_permissions(path, permissions).expect("they are ours");
    };
    let run = |path: &Path| {
        let mut writer = Command::new(&program);
        writer.arg(S::url(path));
        if fs::metadata("/proc/self").expect("there is /proc").uid() == 0 {
            writer.uid(USER).gid(USER);
        }
        let ended = writer.output().expect("the writer can be run");
        assert!(!ended.status.success());
        String::from_utf8_lossy(&ended.stderr).into_owned()
    };
    permit(&path, 0o444);
    permit(folder.path(), 0o777);
    let read_only = run(&path);
    permit(folder.path(), 0o555);
    let both = run(&path);
    let missing = run(&folder.path().join("new"));
    permit(folder.path(), 0o755);
    for (error, name) in [
        (read_only, "cache: "),
        (both, "cache: "),
        (missing, "new: "),
    ] {
        assert!(error.contains(name), "{error}");
        let reasons = ["may only be read", "may not be opened", "ermission denied"];
        let reason = reasons.iter().any(|reason| error.contains(reason));
        assert!(reason, "{error}");
    }
    assert!(fs::read(&path).expect("the file can be read") == before);
}

async fn wrong_parameters_are_named<S: Embedded>() {
    let scheme = S::SCHEME;
    let wrong = [
        (
            "cache?tabel=x",
            format!("unknown parameter `tabel`: there are {}", S::PARAMETERS),
        ),
        (
            "cache?readers=0",
            "`readers=0` leaves nobody to read".to_owned(),
        ),
        (
            "cache?readers=few",
            "`readers=few` is not a whole number".to_owned(),
        ),
        (
            "cache?deadline=1",
            "`deadline=1` is not a duration such as `500ms`, `2s` or `1m`".to_owned(),
        ),
        (
            "cache?deadline=1s&deadline=2s",
            "`deadline` is given twice".to_owned(),
        ),
        (
            "",
            format!("a {scheme} URL names a path, such as `{scheme}:cache."),
        ),
        (
            "//cache",
            format!("a {scheme} URL is `{scheme}:relative/path` or `{scheme}:/absolute/path`"),
        ),
    ];
    for (rest, problem) in wrong {
        let url = format!("{scheme}:{rest}");
        let registered = Cacheme::default().register_storage("disk", url).await;
        let error = registered.expect_err("the URL is wrong");
        assert!(error.is_config(), "{error}");
        assert!(error.to_string().contains(&problem), "{error}");
    }
}

/// It shares no commit with what other tasks write.
async fn what_is_too_large_fails_alone<S: Embedded>() {
    let (folder, clock) = (folder(), clock());
    let storage = S::open(&folder.path().join("cache"), &clock);
    // Of zeros, which take no memory before they are written.
    let giant = [Entry::new(Key::new("giant"), vec![0; (1 << 30) + 1])];
    let small = [Entry::new(Key::new("small"), "x")];
    let (large, small) = tokio::join!(storage.put_many(&giant), storage.put_many(&small));
    let error = large.expect_err("it is too large").to_string();
    assert!(error.contains("an entry has more than "), "{error}");
    small.expect("the other one isn't");
    assert_eq!(get(&storage, "giant").await, None);
}
