//! What callers see while a source is slow, down and up again, and how a tenant's values end all at once.
//!
//! ```sh
//! cargo run --release -p cacheme-examples --example fail_safe
//! ```

#![expect(clippy::print_stdout, reason = "what it says is the output")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cacheme::{Cacheme, Load, LoadContext, LoadResult, LocalStorage};
use tokio::time::sleep;

/// Kept for a second, and for a minute more as an old value, for which nobody waits longer than 50 ms.
#[cacheme::node(
    storage = "hot",
    ttl = "1s",
    stale = "1m",
    soft_timeout = "50ms",
    hard_timeout = "2s",
    tags("tenant:{tenant}")
)]
struct Report {
    tenant: u64,
    number: u64,
}

impl Load for Report {
    type Value = String;

    async fn load(&self, cx: &LoadContext) -> LoadResult<String> {
        let version = cx.state::<Source>()?.ask().await?;
        Ok(format!("report {} in version {version}", self.number))
    }
}

#[derive(Clone, Copy)]
enum Health {
    Well,
    Slow,
    Down,
}

/// Stands for a database.
#[derive(Clone)]
struct Source {
    health: Arc<Mutex<Health>>,
    version: Arc<AtomicU64>,
}

impl Source {
    fn becomes(&self, health: Health) {
        *self.health.lock().unwrap_or_else(PoisonError::into_inner) = health;
    }

    async fn ask(&self) -> LoadResult<u64> {
        let health = *self.health.lock().unwrap_or_else(PoisonError::into_inner);
        match health {
            Health::Well => {}
            Health::Slow => sleep(Duration::from_millis(500)).await,
            Health::Down => return Err("the database is down".into()),
        }
        Ok(self.version.fetch_add(1, Ordering::Relaxed))
    }
}

/// Asks for a report, and says what came of it and when.
async fn show(runtime: &Cacheme, tenant: u64, when: &str) {
    let begun = Instant::now();
    let entry = runtime.get_entry(Report { tenant, number: 7 }).await;
    let waited = begun.elapsed().as_millis();
    match entry {
        Ok(entry) => {
            let old = if entry.is_stale() { ", an old one" } else { "" };
            println!("{when}: {}{old}, after {waited} ms", entry.value());
        }
        Err(error) => println!("{when}: {error:#}, after {waited} ms"),
    }
}

#[tokio::main]
async fn main() -> cacheme::Result<()> {
    let source = Source {
        health: Arc::new(Mutex::new(Health::Well)),
        version: Arc::default(),
    };
    let runtime = Cacheme::builder()
        .storage("hot", LocalStorage::tlfu(10_000))
        .state(source.clone())
        .build()
        .await?;
    let second = Duration::from_millis(1100);

    show(&runtime, 1, "at first").await;
    sleep(second).await;
    source.becomes(Health::Slow);
    show(&runtime, 1, "while the source is slow").await;
    sleep(second).await;
    show(
        &runtime,
        1,
        "a second later, though the load took half of it",
    )
    .await;
    source.becomes(Health::Down);
    sleep(second).await;
    show(&runtime, 1, "while it is down").await;
    show(&runtime, 2, "what was never loaded").await;
    source.becomes(Health::Well);
    sleep(second).await;
    show(&runtime, 1, "when it is back").await;

    show(&runtime, 2, "another tenant").await;
    runtime.invalidate_tag("tenant:1").await?;
    show(&runtime, 1, "the first one, whose values were ended").await;
    show(&runtime, 2, "the other one, whose are as they were").await;
    println!("{}", runtime.stats());
    Ok(())
}
