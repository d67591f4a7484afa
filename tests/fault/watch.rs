//! Faults in processes of their own, several at once, so that memory is measured for each, and one that hangs or dies
//! takes nobody along.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use cacheme_tests::server::Process;

use crate::fault::Fault;
use crate::outcome::Outcome;

/// How many run at once: they mostly wait.
const AT_ONCE: usize = 4;

/// What one may take, servers' starts included.
const DEADLINE: Duration = Duration::from_secs(150);

/// How often it is looked whether one has ended.
const PERIOD: Duration = Duration::from_millis(20);

/// What stands before the outcome in what a process writes.
const MARK: &str = "outcome: ";

/// Runs a fault in this process.
pub(crate) fn outcome_here(fault: &Fault) -> Outcome {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(fault.outcome())
}

/// Tells the process that watches this one.
pub(crate) fn tell(outcome: &Outcome) {
    let text = serde_json::to_string(outcome).expect("it can be written");
    crate::say(&format!("{MARK}{text}"));
}

/// What came of faults, each told when it and all before it have ended.
pub(crate) fn outcomes(names: &[String], tell: impl Fn(&str) + Sync) -> Vec<Outcome> {
    let next = Mutex::new(names.iter().enumerate());
    let done = Mutex::new(BTreeMap::new());
    let told = Mutex::new(0);
    let work = || {
        loop {
            let Some((place, name)) = lock(&next).next() else {
                return;
            };
            let outcome = outcome(name);
            lock(&done).insert(place, outcome);
            let mut told = lock(&told);
            while let Some(outcome) = lock(&done).get(&*told) {
                tell(&outcome.to_string());
                *told += 1;
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(work);
        }
    });
    let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.into_values().collect()
}

/// Runs a fault in a process of its own.
fn outcome(name: &str) -> Outcome {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let log = folder.path().join("log");
    let program = env::current_exe().expect("this is a program");
    let mut command = Command::new(program);
    // What a trace of a panic needs would count as the fault's memory.
    command.args(["--only", name]).env("RUST_BACKTRACE", "0");
    let mut process = Process::spawn(&mut command, &log, "");
    let begun = Instant::now();
    while process.has_ended().is_none() && begun.elapsed() < DEADLINE {
        thread::sleep(PERIOD);
    }
    let has_ended = process.has_ended().is_some();
    // Its servers go with it.
    drop(process);
    let said = fs::read_to_string(&log).unwrap_or_default();
    let outcome = said.lines().find_map(|line| line.strip_prefix(MARK));
    match outcome.map(serde_json::from_str) {
        Some(Ok(outcome)) => outcome,
        _ if has_ended => Outcome::failed(name, format!("the process died:\n{said}")),
        _ => Outcome::failed(name, format!("the process hangs:\n{said}")),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
