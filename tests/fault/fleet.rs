//! Processes that end: in the midst of a load, by force, and in good order after an outage.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cacheme_tests::history::{Event, Kind, violations};
use cacheme_tests::postgres::PostgresServer;
use cacheme_tests::redis::RedisServer;
use cacheme_tests::server::Server;

use crate::dice::Dice;
use crate::fault::{Fault, HOLD};
use crate::ledger::Terms;
use crate::outcome::Outcome;
use crate::source::{PAGES, Source};
use crate::world::{NEAR, World, builder, with_deadline};

pub(crate) fn faults() -> Vec<Fault> {
    vec![
        holders_killed::<RedisServer>("redis"),
        shut_down::<RedisServer>("redis"),
        shut_down::<PostgresServer>("postgres"),
    ]
}

/// How long the processes that live do something.
const SECONDS: u64 = 5;

/// Others wait for the lease of a dead holder, of a second, and no longer.
fn holders_killed<S: Server>(server: &str) -> Fault {
    Fault::alone(format!("{server}: lease holders killed"), |_| async {
        let task = tokio::task::spawn_blocking(|| {
            let server = S::start();
            let folder = tempfile::tempdir().expect("a temporary folder can be made");
            let versions = folder.path().join("versions");
            let file = File::create(&versions).expect("there is room");
            file.set_len(64).expect("there is room");
            kill_holders(&server.url(), &versions)
        });
        task.await.expect("no panic")
    })
}

fn kill_holders(url: &str, versions: &Path) -> Outcome {
    let process = |number: u64, out| historian(url, versions, number, out);
    let living: Vec<_> = (0..3)
        .map(|number| process(number, Stdio::piped()))
        .collect();
    let (begun, mut dice, mut kills) = (Instant::now(), Dice::new(), 0);
    while begun.elapsed() < Duration::from_secs(SECONDS - 2) {
        let mut victim = process(3, Stdio::null());
        std::thread::sleep(Duration::from_millis(100 + dice.below(100)));
        victim.kill().expect("it is running");
        victim.wait().expect("it can be waited for");
        kills += 1;
    }
    let mut events: Vec<Event> = Vec::new();
    for process in living {
        let output = process.wait_with_output().expect("it ends");
        let lines = String::from_utf8_lossy(&output.stdout);
        events.extend(
            lines
                .lines()
                .map(|line| line.parse::<Event>().expect("an event")),
        );
    }
    let took = |event: &Event| Duration::from_nanos(event.to - event.from);
    let longest = events.iter().map(took).max().unwrap_or_default();
    let reads = events.iter().filter(|event| event.kind == Kind::Read);
    let wrong = violations(&events);
    let mut outcome = Outcome {
        injected: kills,
        wrong: wrong.len() as u64,
        requests: events.len() as u64,
        longest,
        // Who waits for a dead one waits for its lease.
        recovery: Some(longest),
        ..Outcome::default()
    };
    if let Some((read, end)) = wrong.first() {
        outcome.fails(format!("{read} is older than {end}"));
    }
    if reads.count() < 500 {
        outcome.fails(format!("{} requests are too few", events.len()));
    }
    // A second for each of the dead who had it in a row, and what a busy machine makes of that.
    if longest > Duration::from_secs(6) {
        outcome.fails(format!("somebody waited for {longest:?}"));
    }
    outcome
}

fn historian(url: &str, versions: &Path, number: u64, out: Stdio) -> Child {
    let arguments = [number, SECONDS].map(|number| number.to_string());
    Command::new(env!("CARGO_BIN_EXE_historian"))
        .args(["leased", url])
        .arg(versions)
        .args(arguments)
        .stdout(out)
        .spawn()
        .expect("it was built with the tests")
}

/// A process whose storage missed removals waits for it before it ends, and the next one finds nothing old.
fn shut_down<S: Server>(server: &str) -> Fault {
    let name = format!("{server}: shutdown after an outage");
    Fault::alone(name, |terms| async move {
        let server = S::start();
        let source = Arc::new(Source::new());
        end_well(&server, &source, terms).await
    })
}

async fn end_well<S: Server>(server: &S, source: &Arc<Source>, terms: Terms) -> Outcome {
    let far = with_deadline(&server.url());
    let builder = || builder(source, NEAR).storage("far", far.clone());
    let world = World::new(source, builder, terms).await;
    for number in 0..PAGES {
        world.read(number, 7).await;
    }
    server.freeze();
    let changing = (0..PAGES).map(|number| {
        let world = world.clone();
        // By an invalidation.
        tokio::spawn(async move { world.change(number, 2).await })
    });
    for change in changing.collect::<Vec<_>>() {
        change.await.expect("no panic");
    }
    let missed = world.runtime().pending().removals() as u64;
    server.thaw();
    let begun = Instant::now();
    let left = world.runtime().shutdown(4 * HOLD).await;
    let recovery = begun.elapsed();
    world.restart(&server.url()).await;
    for number in 0..PAGES {
        world.read(number, 7).await;
    }
    let mut outcome = Outcome::of(&world.ledger, missed, Some(recovery));
    if !left.is_empty() {
        outcome.fails(format!("{left:?} is left"));
    }
    outcome
}
