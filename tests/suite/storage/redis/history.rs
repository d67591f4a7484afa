//! What several processes do, as if they had done it one after the other.

use std::fs::File;
use std::process::{Command, Stdio};

use cacheme_tests::history::{Event, Kind, violations};
use cacheme_tests::redis::RedisServer;
use cacheme_tests::server::Server;

/// What four processes did in so many seconds.
fn history(kind: &str, seconds: u32) -> Vec<Event> {
    let server = RedisServer::start();
    let folder = tempfile::tempdir().expect("there is room");
    let path = folder.path().join("versions");
    let file = File::create(&path).expect("there is room");
    file.set_len(64).expect("there is room");
    let processes = (0..4).map(|number: u32| {
        Command::new(env!("CARGO_BIN_EXE_historian"))
            .args([kind, &server.url()])
            .arg(&path)
            .args([number, seconds].map(|number| number.to_string()))
            .stdout(Stdio::piped())
            .spawn()
            .expect("it was built with the tests")
    });
    let processes: Vec<_> = processes.collect();
    let mut events = Vec::new();
    for process in processes {
        let output = process.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{}", output.status);
        let lines = String::from_utf8(output.stdout).expect("it is text");
        let parsed = lines.lines().map(str::parse::<Event>);
        events.extend(parsed.map(|event| event.expect("it is an event")));
    }
    events
}

#[test]
fn promise_3_nobody_reads_what_was_ended_before_by_any_process() {
    let events = history("leased", 60);
    let reads = events
        .iter()
        .filter(|event| event.kind == Kind::Read)
        .count();
    assert!(
        reads > 5000 && events.len() - reads > 1000,
        "{reads} of {}",
        events.len()
    );
    let violations = violations(&events);
    assert!(
        violations.is_empty(),
        "{} of {reads}: {:?}",
        violations.len(),
        &violations[..1]
    );
}

/// So the check can fail.
#[test]
fn without_leases_somebody_does() {
    let found = (0..5).any(|_| !violations(&history("plain", 3)).is_empty());
    assert!(found);
}
