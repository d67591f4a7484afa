//! What isn't opened, and what is said of it.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use cacheme::Cacheme;

use super::{Embedded, clock, folder, put};

pub(super) async fn what_is_another_file_is_refused_and_left_alone<S: Embedded>() {
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

pub(super) async fn a_path_that_cannot_be_a_file_is_refused<S: Embedded>() {
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
pub(super) fn what_may_only_be_read_is_refused<S: Embedded>() {
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

pub(super) async fn wrong_parameters_are_named<S: Embedded>() {
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
