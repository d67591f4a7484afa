//! Gets nodes from the storage of a URL until its standard input ends, and says how it goes.
//!
//! 64 tasks share 512 nodes of 1 KiB, and refresh one now and then. A load takes a while, as one of a real
//! source does: with one that takes none, the tasks would keep the machine from the very server that they
//! wait for. Every 250 ms there is a line: hits of the storage, loads, the longest request in ms, by how
//! many ms the line is late, and this process's resident memory in KiB.

use std::env;
use std::fs;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cacheme::{BoxError, Cacheme, Load, LoadContext, LoadResult};
use cacheme_tests::PERIOD;

/// How long a load takes.
const LOAD: Duration = Duration::from_millis(20);

#[cacheme::node(storage = "far", ttl = "1h")]
struct Page {
    number: u64,
}

/// How many times something was loaded.
#[derive(Default)]
struct Loads(AtomicU64);

impl Load for Page {
    type Value = Vec<u8>;

    async fn load(&self, cx: &LoadContext) -> LoadResult<Vec<u8>> {
        tokio::time::sleep(LOAD).await;
        cx.state::<Arc<Loads>>()?.0.fetch_add(1, Ordering::Relaxed);
        Ok(vec![self.number.to_le_bytes()[0]; 1024])
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let url = env::args().nth(1).ok_or("usage: load URL")?;
    let loads = Arc::<Loads>::default();
    let longest = Arc::<AtomicU64>::default();
    let builder = Cacheme::builder()
        .storage("far", url)
        .state(Arc::clone(&loads));
    let runtime = builder.build().await?;
    for task in 0..64 {
        let (runtime, longest) = (runtime.clone(), Arc::clone(&longest));
        tokio::spawn(async move {
            for round in 0_u64.. {
                let number = (task * 8 + round) % 512;
                let started = Instant::now();
                let node = Page { number };
                let page = if round % 64 == task {
                    runtime.refresh(node).await.expect("loaded")
                } else {
                    runtime.get(node).await.expect("hit or loaded")
                };
                assert!(page.len() == 1024 && page[0] == number.to_le_bytes()[0]);
                let millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
                longest.fetch_max(millis, Ordering::Relaxed);
            }
        });
    }
    tokio::task::spawn_blocking(|| {
        io::stdin()
            .read_to_end(&mut Vec::new())
            .map(|_| std::process::exit(0))
    });
    let mut before = (0, 0);
    loop {
        let slept = Instant::now();
        tokio::time::sleep(PERIOD).await;
        let lag = slept.elapsed().saturating_sub(PERIOD).as_millis();
        let stats = runtime.stats();
        let hits = stats
            .node::<Page>()
            .map_or(0, |node| node.tiers()[0].hits());
        let loaded = loads.0.load(Ordering::Relaxed);
        let longest = longest.swap(0, Ordering::Relaxed);
        let (hit, miss) = (hits - before.0, loaded - before.1);
        writeln!(io::stdout(), "{hit} {miss} {longest} {lag} {}", resident()?)?;
        before = (hits, loaded);
    }
}

/// This process's resident memory in KiB.
fn resident() -> Result<u64, BoxError> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.ok_or("there is no VmRSS")?.parse()?)
}
