//! What a hit costs: in the cache alone, through cacheme, and through the `cached` crate.
//!
//! Run it with `cargo run --release --example hit_cost`. All of them answer the same requests from
//! memory, in one task on one thread, and take turns, so that whatever else the machine does slows
//! each of them. The program ends with a panic if a request wasn't a hit.

#![expect(clippy::print_stdout, reason = "the table is the output")]
#![expect(clippy::unused_async, reason = "it is the hits that are measured")]

use std::hint::black_box;
use std::iter;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use cached::macros::{cached, concurrent_cached};
use cacheme::{Load, LoadContext, LoadResult, LocalStorage};
use cacheme_tinylfu::Cache;

/// Different ids, all of them resident.
const IDS: u64 = 1000;
const CAPACITY: usize = 10_000;
const REQUESTS: u32 = 10_000;
/// How often the requests are repeated in a turn.
const REPEATS: u32 = 10;
const ROUNDS: u32 = 101;

#[cacheme::node(storage = "hot")]
struct Square {
    id: u64,
}

impl Load for Square {
    type Value = u64;

    async fn load(&self, _cx: &LoadContext) -> LoadResult<u64> {
        Ok(square(self.id))
    }
}

/// As its documentation begins: a hash map without bound, behind an asynchronous lock for reading
/// and writing.
#[cached]
async fn plain(id: u64) -> u64 {
    square(id)
}

/// The same store behind a mutex: the fastest configuration of `#[cached]` that was found.
#[cached(sync_lock = "mutex")]
async fn mutex(id: u64) -> u64 {
    square(id)
}

/// The crate's other macro: sharded, and with this option bounded, by LRU.
#[concurrent_cached(max_size = 10_000)]
async fn concurrent(id: u64) -> u64 {
    square(id)
}

/// How often a value had to be made.
static MADE: AtomicU64 = AtomicU64::new(0);

fn square(id: u64) -> u64 {
    MADE.fetch_add(1, Ordering::Relaxed);
    id * id
}

/// Random ids, the same in every run (Marsaglia, "Xorshift RNGs", 2003).
fn requests() -> Vec<u64> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let draw = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % IDS
    };
    iter::repeat_with(draw).take(REQUESTS as usize).collect()
}

/// Nanoseconds per request.
async fn turn(requests: &[u64], get: impl AsyncFn(u64) -> u64) -> f64 {
    let start = Instant::now();
    for _ in 0..REPEATS {
        for &id in requests {
            black_box(get(black_box(id)).await);
        }
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(REQUESTS * REPEATS)
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> cacheme::Result<()> {
    let alone = Cache::new(CAPACITY);
    cacheme::register_storage("hot", LocalStorage::tlfu(CAPACITY)).await?;
    for id in 0..IDS {
        alone.insert(id, square(id));
        let values = [
            cacheme::get(Square { id }).await?,
            plain(id).await,
            mutex(id).await,
            concurrent(id).await,
        ];
        assert_eq!(values, [id * id; 4]);
    }
    let made = MADE.load(Ordering::Relaxed);

    let requests = requests();
    let mut times: [Vec<f64>; 5] = Default::default();
    for _ in 0..ROUNDS {
        let round = [
            turn(&requests, async |id| alone.get(&id).expect("a hit")).await,
            turn(&requests, async |id| {
                let value = cacheme::get(Square { id }).await;
                value.expect("a hit")
            })
            .await,
            turn(&requests, plain).await,
            turn(&requests, mutex).await,
            turn(&requests, concurrent).await,
        ];
        times
            .iter_mut()
            .zip(round)
            .for_each(|(times, time)| times.push(time));
    }

    let stats = cacheme::stats();
    let hits = stats
        .node::<Square>()
        .map(|node| (node.misses(), node.hits()));
    assert_eq!(hits, Some((IDS, u64::from(REQUESTS * REPEATS * ROUNDS))));
    assert_eq!(MADE.load(Ordering::Relaxed), made, "a value was made again");

    let medians = times.map(median);
    let names = [
        "cacheme_tinylfu::Cache::get",
        "cacheme::get",
        "#[cached]",
        "#[cached(sync_lock = \"mutex\")]",
        "#[concurrent_cached(max_size)]",
    ];
    println!("{:32} {:>10} {:>14}", "", "ns per hit", "cacheme / this");
    for (name, nanos) in names.into_iter().zip(medians) {
        println!("{name:32} {nanos:>10.1} {:>14.2}", medians[1] / nanos);
    }
    Ok(())
}
