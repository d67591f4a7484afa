//! Latency: percentiles of single operations while another thread inserts all the time.
//!
//! Every operation is timed by itself, so that each time has the cost of reading the clock in it; that
//! cost is a row of the table. Rounds are interleaved as those of throughput are.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use crate::chart::Chart;
use crate::mix::Mix;
use crate::number::{float, grouped};
use crate::option::{Keys, Options, Values};
use crate::peer::{Drive, Library, Sample};
use crate::percentile::Percentiles;
use crate::progress::Progress;
use crate::random::{Random, Zipf, scramble};
use crate::report::Report;
use crate::table::Table;

const EXPONENT: f64 = 0.99;
const CAPACITY: usize = 100_000;
/// How many different keys there are.
const KEYS: u32 = 1_000_000;
/// How many operations of a kind are timed in a turn.
const TURN: usize = 200_000;

/// An operation that is timed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Get,
    Insert,
}

/// Of each library by its place: its lookups and its inserts.
type Latencies = Vec<[Percentiles; 2]>;

/// Measures the latency of all libraries.
pub(crate) fn measure(options: &Options) -> Report {
    let libraries = options.libraries(&[Library::Lru, Library::FoyerLfu]);
    let rounds = options.rounds;
    let (latencies, entry) = match (options.keys, options.values) {
        (Keys::Number, Values::Number) => (run::<u64, u64>(&libraries, rounds), "u64 → u64"),
        (Keys::Text, Values::Number) => (run::<String, u64>(&libraries, rounds), "String → u64"),
        (Keys::Number, Values::Kibibyte) => {
            (run::<u64, Arc<[u8]>>(&libraries, rounds), "u64 → 1 KiB")
        }
        (Keys::Text, Values::Kibibyte) => (
            run::<String, Arc<[u8]>>(&libraries, rounds),
            "String → 1 KiB",
        ),
    };
    let mut report = Report::new("latency", "Latency");
    report.push(format!(
        "Nanoseconds, {entry}, Zipf({EXPONENT}) over {} keys in a cache of {}, while another thread \
         inserts all the time; the median of {rounds} rounds of each percentile. `get` is of lookups \
         that were hits. Reading the clock is in every time.",
        grouped(KEYS as usize),
        grouped(CAPACITY),
    ));
    report.push(table(&libraries, &latencies));
    let mut chart =
        Chart::new("Latency, 99.9th percentile", "nanoseconds", libraries).logarithmic();
    for (place, label) in ["get", "insert"].into_iter().enumerate() {
        let times = latencies.iter().map(|operations| operations[place].p999);
        chart.push(label, times.map(nanos).collect());
    }
    report.chart("latency", chart);
    report
}

fn nanos(time: u64) -> f64 {
    usize::try_from(time).map_or(0.0, float)
}

fn run<K: Sample, V: Sample>(libraries: &[Library], rounds: usize) -> Latencies {
    let progress = Progress::new("latency", libraries.len() * (1 + 2 * rounds));
    let zipf = Zipf::new(KEYS, EXPONENT);
    let draw = |seed, count| -> Vec<K> {
        let mut random = Random::new(seed);
        let ranks = (0..count).map(|_| u64::from(zipf.draw(&mut random)));
        ranks.map(|rank| K::sample(scramble(rank))).collect()
    };
    progress.begin("drawing keys");
    let others = draw(0, 1 << 20);
    let keys: Vec<_> = (1..=rounds as u64).map(|seed| draw(seed, TURN)).collect();
    let warm = |library: &Library| {
        progress.begin(&format!("warming {}", library.name()));
        let cache = library.build::<K, V>(CAPACITY);
        cache.run(Mix::GetOrInsert, &others);
        cache.settle();
        progress.end();
        cache
    };
    let caches: Vec<_> = libraries.iter().map(warm).collect();
    let mut latencies = vec![[Vec::new(), Vec::new()]; libraries.len()];
    for (round, keys) in keys.iter().enumerate() {
        for turn in 0..libraries.len() {
            let at = (round + turn) % libraries.len();
            let operations = [Operation::Get, Operation::Insert];
            for (operation, rounds) in operations.into_iter().zip(&mut latencies[at]) {
                progress.begin(libraries[at].name());
                rounds.push(take_turn(&*caches[at], operation, keys, &others));
                progress.end();
            }
        }
    }
    let middle = |rounds: [Vec<_>; 2]| rounds.map(|rounds| Percentiles::median(&rounds));
    latencies.into_iter().map(middle).collect()
}

fn take_turn<K: Sample, V: Sample>(
    cache: &dyn Drive<K, V>,
    operation: Operation,
    keys: &[K],
    others: &[K],
) -> Percentiles {
    let stop = AtomicBool::new(false);
    let mut times = Vec::with_capacity(keys.len());
    thread::scope(|scope| {
        scope.spawn(|| cache.insert_until(others, &stop));
        match operation {
            Operation::Get => cache.time_hits(keys, &mut times),
            Operation::Insert => cache.time_inserts(keys, &mut times),
        }
        stop.store(true, Ordering::Relaxed);
    });
    Percentiles::of(&mut times)
}

/// The percentiles of doing nothing.
fn clock() -> Percentiles {
    let time = |_| {
        let start = Instant::now();
        black_box(());
        u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    };
    let mut times: Vec<u64> = (0..TURN).map(time).collect();
    Percentiles::of(&mut times)
}

fn table(libraries: &[Library], latencies: &Latencies) -> Table {
    let titles = "library|get p50|p99|p99.9|max|insert p50|p99|p99.9|max";
    let mut table = Table::new(titles.split('|'));
    let cells = |times: Percentiles| {
        [times.p50, times.p99, times.p999, times.max].map(|time| grouped(floor(time)))
    };
    for (library, operations) in libraries.iter().zip(latencies) {
        let cells = operations.iter().flat_map(|times| cells(*times));
        table.push([library.name().to_owned()].into_iter().chain(cells));
    }
    let cells = cells(clock()).into_iter();
    table.push(["the clock alone".to_owned()].into_iter().chain(cells));
    table
}

fn floor(time: u64) -> usize {
    usize::try_from(time).unwrap_or(usize::MAX)
}
