//! Files that are locked, cut, or left by a process that was killed.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cacheme::Key;
use rusqlite::Connection;
use tempfile::TempDir;

use crate::dice::Dice;
use crate::fault::{Fault, HOLD};
use crate::ledger::{Ledger, Terms};
use crate::outcome::Outcome;
use crate::scene::Scene;
use crate::source::Source;
use crate::world::World;

pub(crate) fn faults() -> Vec<Fault> {
    vec![
        locked(),
        truncated(),
        crashes("file: a writer killed", "file"),
        crashes("sqlite: a writer killed", "sqlite"),
    ]
}

/// A database of `SQLite` in a folder of its own.
struct Database(TempDir);

impl Database {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder can be made"))
    }

    fn path(&self) -> std::path::PathBuf {
        self.0.path().join("cache.db")
    }
}

impl Scene for Database {
    fn url(&self) -> String {
        format!("sqlite:{}", self.path().display())
    }
}

fn locked() -> Fault {
    let strike = async |at: &mut Database, world: &World| {
        let before = world.failures();
        let other = Connection::open(at.path()).expect("the file can be opened");
        let run = |sql| other.execute_batch(sql).expect("the statement is right");
        run("PRAGMA busy_timeout = 5000");
        run("BEGIN EXCLUSIVE");
        tokio::time::sleep(HOLD).await;
        run("COMMIT");
        world.failures() - before
    };
    Fault::new("sqlite: locked by others", Database::new, strike)
}

/// The process is started again with a new file, as whoever operates it would do.
fn truncated() -> Fault {
    let strike = async |at: &mut Database, world: &World| {
        let before = world.failures();
        let other = Connection::open(at.path()).expect("the file can be opened");
        // So that all is in the file.
        let moved = other.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
        moved.expect("it can be moved");
        let file = File::options().write(true).open(at.path());
        let file = file.expect("the file can be opened");
        let size = file.metadata().expect("it has a size").len();
        file.set_len(size / 3).expect("it can be cut");
        tokio::time::sleep(HOLD).await;
        let failed = world.failures() - before;
        *at = Database::new();
        world.restart(&at.url()).await;
        failed
    };
    Fault::new("sqlite: truncated file", Database::new, strike)
}

fn crashes(name: &str, scheme: &'static str) -> Fault {
    Fault::alone(name, move |terms| crash(scheme, terms))
}

/// A process writes until it is killed, and what it was told is written is there when the file is opened again.
async fn crash(scheme: &str, terms: Terms) -> Outcome {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let url = format!("{scheme}:{}", folder.path().join("cache").display());
    let ledger = Ledger::new(Arc::new(Source::new()), terms);
    let (mut dice, mut kills, mut recovery) = (Dice::new(), 0, Duration::ZERO);
    for _ in 0..12 {
        let written = written(&url, 1 + dice.below(400));
        kills += 1;
        let begun = Instant::now();
        read_back(&url, &written, &ledger).await;
        recovery = recovery.max(begun.elapsed());
    }
    Outcome::of(&ledger, kills, Some(recovery))
}

/// What a process was told is written, until it was killed.
fn written(url: &str, kill_after: u64) -> Vec<u64> {
    let mut writer = Command::new(env!("CARGO_BIN_EXE_file-writer"))
        .arg(url)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the writer can be run");
    let lines = BufReader::new(writer.stdout.take().expect("it is piped")).lines();
    let mut written = Vec::new();
    for line in lines.map_while(Result::ok) {
        written.extend(line.parse::<u64>());
        if written.len() as u64 == kill_after {
            writer.kill().expect("the writer is running");
        }
    }
    writer.wait().expect("the writer can be waited for");
    // A line that was cut may be another number.
    written.truncate(usize::try_from(kill_after).unwrap_or(usize::MAX));
    written
}

async fn read_back(url: &str, written: &[u64], ledger: &Ledger) {
    let opened = cacheme::storage::open(url).await;
    let storage = opened.expect("the file can be opened again");
    let keys: Vec<_> = written
        .iter()
        .map(|number| Key::new(number.to_string()))
        .collect();
    let read = async { Ok(storage.get_many(&keys).await) };
    let Some(Ok(Ok(found))) = ledger.ask("a read", read).await else {
        return ledger.problem("what was written can't be read".to_owned());
    };
    for (number, found) in written.iter().zip(found) {
        let value = format!("{number} ").repeat(50);
        if found.as_deref() != Some(value.as_bytes()) {
            ledger.wrong_because(format!("entry {number} was written, and is {found:?}"));
        }
    }
    let removed = storage.remove_many(&keys).await;
    removed.expect("entries can be removed");
}
