//! What becomes of storages and the bus, told once for each change of a state.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cacheme::testing::{MemoryBus, Mode};
use cacheme::{Cacheme, LocalStorage};
use cacheme_tests::memory::MemoryStorage;
use cacheme_tests::source::Source;
use tokio::time::sleep;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

#[cacheme::node(storage = "far", ttl = "1h")]
#[derive(Clone, Copy)]
struct Remote(u64);

cacheme_tests::loads!(Remote);

/// Writes down what it is told.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().expect("no panic"))
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("cacheme::")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        if *event.metadata().level() == Level::WARN {
            line.0.push('!');
        }
        event.record(&mut line);
        self.0.lock().expect("no panic").push(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {field}={value:?}").expect("there is room");
    }
}

#[tokio::test(start_paused = true)]
async fn a_storage_that_does_not_answer_is_told_of_once() {
    let (log, far) = (Log::default(), MemoryStorage::new());
    let _log = tracing::subscriber::set_default(log.clone());
    let runtime = Cacheme::builder()
        .storage("far", far.clone())
        .state(Source::default())
        .build()
        .await
        .expect("the set-up is right");
    let request = async |number| runtime.get(Remote(number)).await.expect("it is loaded");
    request(0).await;
    assert!(log.take().is_empty());
    far.set_mode(Mode::Fails);
    for number in 0..50 {
        request(number).await;
    }
    assert_eq!(
        log.take(),
        ["! message=a storage doesn't answer and is left alone storage=\"far\" error=told to fail"]
    );
    for number in 0..50 {
        let error = runtime.invalidate(Remote(number)).await;
        error.expect_err("it fails");
    }
    assert_eq!(
        log.take(),
        ["! message=a storage didn't remove what it was to, which is tried again storage=\"far\""]
    );
    far.set_mode(Mode::Works);
    for number in 0..50 {
        sleep(Duration::from_millis(100)).await;
        request(number).await;
    }
    let mut told = log.take();
    told.sort();
    assert_eq!(
        told,
        [
            " message=a storage answers again storage=\"far\"",
            " message=what a storage was to remove is removed storage=\"far\"",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_bus_that_is_lost_is_told_of_once() {
    let (log, bus) = (Log::default(), MemoryBus::new());
    let _log = tracing::subscriber::set_default(log.clone());
    let runtime = Cacheme::builder()
        .storage("far", LocalStorage::lru(10))
        .bus(bus.clone())
        .build()
        .await
        .expect("the set-up is right");
    bus.set_mode(Mode::Fails);
    bus.disconnect();
    sleep(Duration::from_secs(20)).await;
    assert_eq!(
        log.take(),
        ["! message=the bus is lost, and local tiers have dropped what they had"]
    );
    bus.set_mode(Mode::Works);
    sleep(Duration::from_secs(20)).await;
    assert_eq!(log.take(), [" message=the bus is back"]);
    drop(runtime);
}
