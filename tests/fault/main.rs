//! Faults of servers, networks, files, loaders and processes, and what callers see of them.
//!
//! Each fault is done to a server of its own while a crew of tasks uses the cache, and every answer is judged. A run
//! prints a table and fails when a value was wrong, a request took longer than its deadlines, memory grew, a fault did
//! nothing or its storage didn't come back.
//!
//! `cargo test -p cacheme-tests --test faults -- redis` runs those that have `redis` in their name, and `--soak 60` all
//! of them again and again for an hour.

mod bus;
mod clock;
mod crew;
mod dice;
mod embedded;
mod fault;
mod fleet;
mod ledger;
mod loader;
mod mysql;
mod network;
mod outage;
mod outcome;
mod page;
mod postgres;
mod process;
mod recovery;
mod redis;
mod scene;
mod schema;
mod source;
mod table;
mod watch;
mod world;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::fault::Fault;
use crate::outcome::Outcome;

/// What is asked for.
struct Arguments {
    filters: Vec<String>,
    soak: Duration,
    lists: bool,
    /// The fault to run in this process.
    only: Option<String>,
}

impl Arguments {
    /// Those of other tests' harness are ignored: `cargo test` hands them to all.
    fn read() -> Self {
        let mut read = Self {
            filters: Vec::new(),
            soak: Duration::ZERO,
            lists: false,
            only: None,
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            match &*argument {
                "--soak" => {
                    let minutes = arguments.next().and_then(|minutes| minutes.parse().ok());
                    read.soak = Duration::from_secs(60 * minutes.unwrap_or(10));
                }
                "--list" => read.lists = true,
                "--only" => read.only = arguments.next(),
                flag if flag.starts_with('-') => {}
                _ => read.filters.push(argument),
            }
        }
        read
    }

    fn takes(&self, fault: &Fault) -> bool {
        let mut filters = self.filters.iter();
        self.filters.is_empty() || filters.any(|filter| fault.name.contains(&**filter))
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::read();
    let mut faults = table::faults();
    if let Some(only) = arguments.only {
        faults.retain(|fault| fault.name == only);
        let outcomes = faults.iter().map(watch::outcome_here);
        return verdict(&outcomes.inspect(watch::tell).collect::<Vec<_>>());
    }
    faults.retain(|fault| arguments.takes(fault));
    let names: Vec<_> = faults.into_iter().map(|fault| fault.name).collect();
    if arguments.lists {
        say(&names.join("\n"));
        return ExitCode::SUCCESS;
    }
    if names.is_empty() {
        return ExitCode::SUCCESS;
    }
    verdict(&outcomes(&names, arguments.soak))
}

/// Runs faults, again and again for the time of a soak.
fn outcomes(names: &[String], soak: Duration) -> Vec<Outcome> {
    let begun = Instant::now();
    say(&Outcome::head());
    let mut outcomes = watch::outcomes(names, say);
    let mut rounds = 1;
    while begun.elapsed() < soak {
        for (outcome, next) in outcomes.iter_mut().zip(watch::outcomes(names, |_| {})) {
            outcome.add(next);
        }
        rounds += 1;
    }
    if rounds > 1 {
        let rows = outcomes.iter().map(ToString::to_string);
        let table = [Outcome::head()].into_iter().chain(rows);
        say(&format!(
            "\n{rounds} rounds:\n\n{}",
            table.collect::<Vec<_>>().join("\n")
        ));
    }
    let seconds = begun.elapsed().as_secs();
    let fleeting: u64 = outcomes.iter().map(|outcome| outcome.fleeting).sum();
    let (faults, old) = (
        names.len(),
        "old values were seen until they were taken back",
    );
    say(&format!(
        "\n{faults} faults in {seconds} s; {fleeting} {old}"
    ));
    outcomes
}

/// Tells what went wrong.
fn verdict(outcomes: &[Outcome]) -> ExitCode {
    let mut verdict = ExitCode::SUCCESS;
    for outcome in outcomes.iter().filter(|outcome| !outcome.is_well()) {
        verdict = ExitCode::FAILURE;
        say(&format!("\nFAILED {}", outcome.name));
        for problem in &outcome.problems {
            say(&format!("  {problem}"));
        }
    }
    verdict
}

fn say(line: &str) {
    // Whoever reads it may be gone.
    let _ = writeln!(io::stdout(), "{line}");
}
