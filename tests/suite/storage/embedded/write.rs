//! Writes: all there, none larger than there is room for.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use cacheme::{Entry, Key};
use tokio::task::JoinSet;

use super::{Embedded, clock, folder, get, put};

pub(super) async fn single_writes_of_many_tasks_all_land<S: Embedded>() {
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
pub(super) async fn ever_new_keys_do_not_grow_the_file<S: Embedded>() {
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
pub(super) async fn every_answered_write_survives_a_kill<S: Embedded>() {
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

/// It shares no commit with what other tasks write.
pub(super) async fn what_is_too_large_fails_alone<S: Embedded>() {
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
