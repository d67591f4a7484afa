//! A process whose clock is set wrong, and right again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cacheme::{Clock, SystemClock};
use cacheme_tests::postgres::PostgresServer;
use cacheme_tests::redis::RedisServer;
use cacheme_tests::server::Server;

use crate::fault::{Fault, HOLD, run};
use crate::ledger::Terms;
use crate::outcome::Outcome;
use crate::source::Source;
use crate::world::{NEAR, World, builder, with_deadline};

const HOUR: Duration = Duration::from_secs(3600);

/// The system's time, set to another one.
#[derive(Debug)]
struct Skewed {
    clock: SystemClock,
    /// In seconds, from an hour behind.
    ahead: AtomicU64,
}

impl Clock for Skewed {
    fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }

    fn unix(&self) -> Duration {
        let ahead = Duration::from_secs(self.ahead.load(Ordering::SeqCst));
        (self.clock.unix() + ahead).saturating_sub(HOUR)
    }
}

pub(crate) fn faults() -> Vec<Fault> {
    vec![
        skewed::<RedisServer>("redis"),
        skewed::<PostgresServer>("postgres"),
    ]
}

fn skewed<S: Server>(server: &str) -> Fault {
    Fault::alone(format!("{server}: clock of the process"), skew::<S>)
}

/// The clock goes an hour ahead, an hour behind, and right again.
async fn skew<S: Server>(terms: Terms) -> Outcome {
    let server = S::start();
    let source = Arc::new(Source::new());
    let clock = Arc::new(Skewed {
        clock: SystemClock::new(),
        ahead: AtomicU64::new(HOUR.as_secs()),
    });
    let far = with_deadline(&server.url());
    let builder = || {
        let skewed = Arc::<Skewed>::clone(&clock);
        builder(&source, NEAR)
            .storage("far", far.clone())
            .clock(skewed)
    };
    let world = World::new(&source, builder, terms).await;
    run(&world, async || {
        let mut injected = 0;
        for ahead in [2 * HOUR, Duration::ZERO, HOUR] {
            clock.ahead.store(ahead.as_secs(), Ordering::SeqCst);
            injected += 1;
            tokio::time::sleep(HOLD / 2).await;
        }
        injected
    })
    .await
}
