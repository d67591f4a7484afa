//! Tasks that use a process without a pause, and what that costs the machine.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::dice::Dice;
use crate::source::PAGES;
use crate::world::World;

/// Tasks that read.
const READERS: u64 = 8;

/// Tasks that change, each of its own pages, and groups as a whole.
const WRITERS: u64 = 2;

/// What a task waits between two requests, so that several faults fit on a machine.
const PAUSE: Duration = Duration::from_millis(2);

/// How often the machine is looked at.
const PERIOD: Duration = Duration::from_millis(20);

/// The tasks of a process.
#[derive(Debug)]
pub(crate) struct Crew {
    world: World,
    tasks: JoinSet<()>,
    end: watch::Sender<bool>,
    gauge: Arc<Gauge>,
}

impl Crew {
    pub(crate) fn start(world: &World) -> Self {
        let mut crew = Self::reading(world);
        for task in 0..WRITERS {
            let (world, end) = (world.clone(), crew.end.subscribe());
            crew.tasks.spawn(change(world, end, task));
        }
        crew
    }

    /// Tasks that change nothing.
    pub(crate) fn reading(world: &World) -> Self {
        let mut crew = Self {
            world: world.clone(),
            tasks: JoinSet::new(),
            end: watch::Sender::new(false),
            gauge: Arc::default(),
        };
        for _ in 0..READERS {
            let (world, end) = (world.clone(), crew.end.subscribe());
            crew.tasks.spawn(read(world, end));
        }
        let (gauge, end) = (Arc::clone(&crew.gauge), crew.end.subscribe());
        crew.tasks.spawn(async move { gauge.watch(end).await });
        crew
    }

    pub(crate) fn gauge(&self) -> &Gauge {
        &self.gauge
    }

    /// Waits for the tasks to end.
    pub(crate) async fn end(mut self) -> Arc<Gauge> {
        self.end.send_replace(true);
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                self.world.ledger.problem(format!("a task ended: {error}"));
            }
        }
        self.gauge
    }
}

async fn read(world: World, end: watch::Receiver<bool>) {
    let mut dice = Dice::new();
    while !*end.borrow() {
        // Some pages are asked for more often, as ever.
        let among = if dice.below(2) == 0 {
            PAGES
        } else {
            PAGES / 16
        };
        let request = Box::pin(world.read(dice.below(among), dice.below(16)));
        perhaps(&world, &mut dice, request).await;
        tokio::time::sleep(PAUSE).await;
    }
}

async fn change(world: World, end: watch::Receiver<bool>, task: u64) {
    let mut dice = Dice::new();
    while !*end.borrow() {
        let number = dice.below(PAGES / WRITERS) * WRITERS + task;
        let request = Box::pin(world.change(number, dice.below(30)));
        perhaps(&world, &mut dice, request).await;
        tokio::time::sleep(PAUSE).await;
    }
}

/// Waits for a request, unless the caller is one who goes.
async fn perhaps(world: &World, dice: &mut Dice, request: impl Future<Output = ()>) {
    if !world.ledger.terms().callers_go || dice.below(2) == 0 {
        return request.await;
    }
    let patience = Duration::from_millis(dice.below(3));
    if tokio::time::timeout(patience, request).await.is_err() {
        world.ledger.left();
    }
}

/// What is measured beside the tasks.
#[derive(Debug, Default)]
pub(crate) struct Gauge {
    /// By how many milliseconds the machine was late at most.
    lag: AtomicU64,
    /// The most resident memory, in KiB.
    resident: AtomicU64,
}

impl Gauge {
    async fn watch(&self, end: watch::Receiver<bool>) {
        while !*end.borrow() {
            let slept = Instant::now();
            tokio::time::sleep(PERIOD).await;
            let lag = slept.elapsed().saturating_sub(PERIOD).as_millis();
            self.lag
                .fetch_max(u64::try_from(lag).unwrap_or(u64::MAX), Ordering::Relaxed);
            self.resident.fetch_max(resident(), Ordering::Relaxed);
        }
    }

    pub(crate) fn lag(&self) -> Duration {
        Duration::from_millis(self.lag.load(Ordering::Relaxed))
    }

    pub(crate) fn resident(&self) -> u64 {
        self.resident.load(Ordering::Relaxed)
    }
}

/// This process' resident memory in KiB.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.expect("there is VmRSS")
}
