//! Turns of ours and of the raw driver, interleaved.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cacheme::{BoxError, Cacheme, Load, LoadContext, LoadResult};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

/// How many tasks ask at once.
const TASKS: u64 = 64;
/// How many values a batch has.
const BATCH: u64 = 100;
/// How many values a task asks for. No other one does, so that none waits for another one's flight.
const OWN: u64 = 2 * BATCH;
/// How many values there are.
pub(crate) const VALUES: u64 = TASKS * OWN;
/// How long a turn is.
const TURN: Duration = Duration::from_secs(1);

/// A value of 1 KiB.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Page {
    number: u64,
    text: String,
}

impl Page {
    pub(crate) fn new(number: u64) -> Self {
        let text = format!("{number:016}").repeat(63);
        Self { number, text }
    }

    /// As the raw driver keeps it.
    pub(crate) fn encode(&self) -> Vec<u8> {
        bincode::serialize(self).expect("a page can be encoded")
    }

    pub(crate) fn decode(bytes: &[u8]) -> Self {
        bincode::deserialize(bytes).expect("a page was encoded")
    }
}

/// The key that the raw driver uses.
pub(crate) fn key(number: u64) -> String {
    format!("raw:page:{number}")
}

#[cacheme::node(storage = "far", ttl = "1h", key = "page:{number}")]
struct Node {
    number: u64,
}

impl Load for Node {
    type Value = Page;

    /// Only before the first turn: what is measured are hits.
    async fn load(&self, _cx: &LoadContext) -> LoadResult<Page> {
        Ok(Page::new(self.number))
    }
}

/// Somebody who gets pages.
pub(crate) trait Get: Clone + Send + Sync + 'static {
    fn get(&self, number: u64) -> impl Future<Output = Page> + Send;

    fn get_many(&self, numbers: Vec<u64>) -> impl Future<Output = Vec<Page>> + Send;

    /// Ours has its values as well by now.
    fn filled(&self) -> impl Future<Output = Result<(), BoxError>> + Send {
        std::future::ready(Ok(()))
    }
}

impl Get for Cacheme {
    async fn get(&self, number: u64) -> Page {
        Self::get(self, Node { number }).await.expect("a hit")
    }

    async fn get_many(&self, numbers: Vec<u64>) -> Vec<Page> {
        let nodes = numbers.into_iter().map(|number| Node { number });
        self.get_all(nodes).await.expect("hits")
    }
}

/// Operations per second of both, and the median of their ratios.
pub(crate) struct Pair {
    pub(crate) ours: f64,
    pub(crate) raw: f64,
    pub(crate) ratio: f64,
}

pub(crate) struct Figures {
    pub(crate) get: Pair,
    pub(crate) get_many: Pair,
}

/// Measures a storage beside its driver, which has the values already.
pub(crate) async fn measure(
    storage: impl cacheme::IntoStorage,
    raw: impl Get,
    rounds: usize,
) -> Result<Figures, BoxError> {
    let ours = Cacheme::builder().storage("far", storage).build().await?;
    let all: Vec<_> = (0..VALUES).collect();
    for numbers in all.chunks(512) {
        let expected: Vec<_> = numbers.iter().map(|&number| Page::new(number)).collect();
        assert_eq!(Get::get_many(&ours, numbers.to_vec()).await, expected);
        assert_eq!(raw.get_many(numbers.to_vec()).await, expected);
    }
    raw.filled().await?;
    let loads = || {
        ours.stats()
            .node::<Node>()
            .map_or(0, cacheme::NodeStats::loads)
    };
    let before = loads();
    let get = pair(rounds, &ours, &raw, 1).await;
    let get_many = pair(rounds, &ours, &raw, BATCH).await;
    assert_eq!(loads(), before, "every get is a hit");
    Ok(Figures { get, get_many })
}

/// Turns of both, in alternating order.
async fn pair(rounds: usize, ours: &impl Get, raw: &impl Get, batch: u64) -> Pair {
    turn(ours, batch).await;
    turn(raw, batch).await;
    let mut figures = Vec::new();
    for round in 0..rounds {
        let (our, their);
        if round % 2 == 0 {
            our = turn(ours, batch).await;
            their = turn(raw, batch).await;
        } else {
            their = turn(raw, batch).await;
            our = turn(ours, batch).await;
        }
        figures.push((our, their));
    }
    let median = |figure: fn(&(f64, f64)) -> f64| {
        let mut sorted: Vec<_> = figures.iter().map(figure).collect();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() / 2]
    };
    Pair {
        ours: median(|(ours, _)| *ours),
        raw: median(|(_, raw)| *raw),
        ratio: median(|(ours, raw)| ours / raw),
    }
}

/// One turn: operations per second.
async fn turn(get: &impl Get, batch: u64) -> f64 {
    let (ends, count) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let (get, ends, count) = (get.clone(), Arc::clone(&ends), Arc::clone(&count));
        tasks.spawn(async move {
            let number = |step| task * OWN + step * 37 % OWN;
            let mut step = 0;
            while !ends.load(Ordering::Relaxed) {
                if batch == 1 {
                    let page = get.get(number(step)).await;
                    assert_eq!(page.number, number(step));
                } else {
                    let numbers = (step..step + batch).map(number).collect();
                    assert_eq!(get.get_many(numbers).await.len() as u64, batch);
                }
                step += batch;
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    tokio::time::sleep(TURN).await;
    ends.store(true, Ordering::Relaxed);
    while let Some(ended) = tasks.join_next().await {
        ended.expect("a task doesn't panic");
    }
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
    let count = count.load(Ordering::Relaxed) as f64;
    count / started.elapsed().as_secs_f64()
}
