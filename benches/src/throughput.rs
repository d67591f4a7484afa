//! Throughput: operations a second by mix and number of threads.
//!
//! Keys are Zipf(0.99), scrambled, so that those used most aren't neighbours, and drawn beforehand,
//! for each thread its own. All libraries take a turn in every round, so that whatever else the
//! machine does slows each of them; the order rotates, and the median over the rounds counts.

use std::sync::{Arc, Barrier};
use std::thread::{self, ScopedJoinHandle};
use std::time::Instant;

use crate::chart::Chart;
use crate::mix::Mix;
use crate::number::{float, floor, grouped, largest, median, share};
use crate::option::{Keys, Options, Values};
use crate::peer::{Drive, Library, Sample};
use crate::progress::Progress;
use crate::random::{Random, Zipf, scramble};
use crate::report::Report;
use crate::table::Table;

const THREADS: [usize; 3] = [1, 2, 8];
const EXPONENT: f64 = 0.99;
/// How many different keys there are.
const KEYS: u32 = 1_000_000;
/// The same with values of 1 KiB, of which all libraries together keep one each.
const KEYS_OF_KIBIBYTES: u32 = 100_000;
/// How many keys are drawn at a time: once for each thread where there are most, and dealt out.
const DRAWN: usize = 1 << 20;
/// The operations of a turn, of all threads together.
const TURN: usize = 1 << 21;

/// A mix by a number of threads.
struct Cell {
    mix: Mix,
    threads: usize,
    /// Million operations a second of each library, median.
    speeds: Vec<f64>,
    /// The part of lookups that were hits, of each library.
    hits: Vec<f64>,
}

/// What is measured, and by how many rounds.
struct Plan {
    libraries: Vec<Library>,
    mixes: Vec<Mix>,
    threads: Vec<usize>,
    rounds: usize,
    keys: u32,
}

/// Measures the throughput of all libraries.
pub(crate) fn measure(options: &Options) -> Report {
    let mixes = match options.mix {
        Some(mix) => vec![mix],
        None => Mix::TABLE.into_iter().chain([Mix::OneKey]).collect(),
    };
    let plan = Plan {
        libraries: options.libraries(&[Library::Lru, Library::FoyerLfu]),
        mixes,
        threads: options
            .threads
            .map_or(THREADS.to_vec(), |threads| vec![threads]),
        rounds: options.rounds,
        keys: match options.values {
            Values::Number => KEYS,
            Values::Kibibyte => KEYS_OF_KIBIBYTES,
        },
    };
    let (cells, entry) = match (options.keys, options.values) {
        (Keys::Number, Values::Number) => (cells::<u64, u64>(&plan), "u64 → u64"),
        (Keys::Text, Values::Number) => (cells::<String, u64>(&plan), "String → u64"),
        (Keys::Number, Values::Kibibyte) => (cells::<u64, Arc<[u8]>>(&plan), "u64 → 1 KiB"),
        (Keys::Text, Values::Kibibyte) => (cells::<String, Arc<[u8]>>(&plan), "String → 1 KiB"),
    };
    report(&plan, &cells, entry)
}

fn report(plan: &Plan, cells: &[Cell], entry: &str) -> Report {
    let mut report = Report::new("throughput", "Throughput");
    report.push(format!(
        "Million operations a second, {entry}, Zipf({EXPONENT}) over {} keys, median of {} rounds.",
        grouped(plan.keys as usize),
        plan.rounds,
    ));
    let main: Vec<&Cell> = cells
        .iter()
        .filter(|cell| cell.mix != Mix::OneKey)
        .collect();
    if !main.is_empty() {
        report.push(speeds(plan, &main));
        report.push("Hits in percent of the lookups that were timed:");
        report.push(hits(plan, &main));
        report.chart("throughput", chart(plan, &main, "Throughput"));
    }
    let hot: Vec<&Cell> = cells
        .iter()
        .filter(|cell| cell.mix == Mix::OneKey)
        .collect();
    if !hot.is_empty() {
        report.push("All threads look up one and the same key:");
        report.push(speeds(plan, &hot));
        report.chart(
            "throughput-one-key",
            chart(plan, &hot, "Throughput on one key"),
        );
    }
    report
}

fn cells<K: Sample, V: Sample>(plan: &Plan) -> Vec<Cell> {
    let turns = plan.threads.len() * plan.rounds + 1;
    let steps = plan.mixes.len() * plan.libraries.len() * turns;
    let progress = Progress::new("throughput", steps);
    progress.begin("drawing keys");
    let most = plan.threads.iter().copied().chain(THREADS).max();
    let most = most.unwrap_or(1);
    let zipf = Zipf::new(plan.keys, EXPONENT);
    let drawn = draw::<K>(most, |random| zipf.draw(random));
    let mut cells = Vec::new();
    for &mix in &plan.mixes {
        let hot = (mix == Mix::OneKey).then(|| draw::<K>(most, |_| 0));
        let keys = hot.as_deref().unwrap_or(&drawn);
        let warm = |library: &Library| {
            progress.begin(&format!("{} warming {}", mix.name(), library.name()));
            let cache = warm::<K, V>(*library, mix, plan.keys, &drawn);
            progress.end();
            cache
        };
        let caches: Vec<_> = plan.libraries.iter().map(warm).collect();
        for &threads in &plan.threads {
            progress.begin(&format!("{} by {threads}", mix.name()));
            cells.push(cell(plan.rounds, mix, threads, &caches, keys, &progress));
        }
    }
    cells
}

/// The keys of each thread.
fn draw<K: Sample>(threads: usize, rank: impl Fn(&mut Random) -> u32 + Sync) -> Vec<Vec<K>> {
    let rank = &rank;
    let draw = |seed: usize| {
        move || {
            let mut random = Random::new(seed as u64);
            (0..DRAWN).map(|_| key(rank(&mut random))).collect()
        }
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|seed| scope.spawn(draw(seed))).collect();
        let keys = threads.into_iter().map(ScopedJoinHandle::join);
        keys.map(Result::unwrap_or_default).collect()
    })
}

fn key<K: Sample>(rank: u32) -> K {
    K::sample(scramble(u64::from(rank)))
}

/// All ranks, in an order in which those used most aren't neighbours.
fn shuffled(ranks: u32) -> Vec<u32> {
    let mut random = Random::new(0);
    let mut order: Vec<u32> = (0..ranks).collect();
    for last in (1..ranks).rev() {
        order.swap(last as usize, random.below(last + 1) as usize);
    }
    order
}

/// A cache as it is after a while of this mix.
fn warm<K: Sample, V: Sample>(
    library: Library,
    mix: Mix,
    keys: u32,
    drawn: &[Vec<K>],
) -> Box<dyn Drive<K, V>> {
    let cache = library.build::<K, V>(mix.capacity(keys as usize));
    if mix.is_resident() {
        for rank in shuffled(keys) {
            cache.insert(key(rank), V::sample(u64::from(rank)));
        }
    } else {
        for keys in drawn.iter().cycle().take(2) {
            cache.run(mix, keys);
        }
    }
    cache.settle();
    cache
}

fn cell<K: Sample, V: Sample>(
    rounds: usize,
    mix: Mix,
    threads: usize,
    caches: &[Box<dyn Drive<K, V>>],
    keys: &[Vec<K>],
    progress: &Progress,
) -> Cell {
    let mut speeds = vec![Vec::new(); caches.len()];
    let mut hits = vec![0; caches.len()];
    for round in 0..rounds {
        for turn in 0..caches.len() {
            let at = (round + turn) % caches.len();
            let (seconds, found) = take_turn(&*caches[at], mix, threads, keys, round);
            speeds[at].push(float(TURN) / seconds / 1e6);
            hits[at] += found;
            progress.end();
        }
    }
    let lookups = floor(float(TURN * rounds) * mix.lookups());
    Cell {
        mix,
        threads,
        speeds: speeds.into_iter().map(median).collect(),
        hits: hits.into_iter().map(|hits| share(hits, lookups)).collect(),
    }
}

/// Runs `TURN` operations. Returns the seconds from the first thread's begin to the last one's end,
/// and the hits.
fn take_turn<K: Sample, V: Sample>(
    cache: &dyn Drive<K, V>,
    mix: Mix,
    threads: usize,
    keys: &[Vec<K>],
    round: usize,
) -> (f64, usize) {
    let share = TURN / threads;
    let barrier = Barrier::new(threads);
    let run = |thread| {
        let keys = circle(keys, thread, threads);
        let keys = slices(&keys, round * share, share);
        barrier.wait();
        let begin = Instant::now();
        let hits: usize = keys.iter().map(|keys| cache.run(mix, keys)).sum();
        (begin, Instant::now(), hits)
    };
    let run = &run;
    let turns: Vec<_> = thread::scope(|scope| {
        let spawn = |thread| scope.spawn(move || run(thread));
        let threads: Vec<_> = (0..threads).map(spawn).collect();
        let turns = threads.into_iter().filter_map(|thread| thread.join().ok());
        turns.collect()
    });
    assert_eq!(turns.len(), threads, "a library panicked");
    let begin = turns.iter().map(|(begin, ..)| *begin).min();
    let end = turns.iter().map(|(_, end, _)| *end).max();
    let time = end.zip(begin).map(|(end, begin)| end - begin);
    let hits = turns.iter().map(|(.., hits)| hits).sum();
    (time.unwrap_or_default().as_secs_f64(), hits)
}

/// The keys of a thread: the drawn ones are dealt out, so that few threads don't repeat themselves
/// sooner than many.
fn circle<K>(keys: &[Vec<K>], thread: usize, threads: usize) -> Vec<&[K]> {
    let keys = keys.iter().skip(thread).step_by(threads);
    keys.map(Vec::as_slice).collect()
}

/// `count` keys of a circle of equally long slices, from `start` on.
fn slices<'a, K>(circle: &[&'a [K]], start: usize, count: usize) -> Vec<&'a [K]> {
    let mut slices = Vec::new();
    let (mut at, end) = (start, start + count);
    while at < end {
        let slice = circle[at / DRAWN % circle.len()];
        let slice = &slice[at % DRAWN..];
        let slice = &slice[..slice.len().min(end - at)];
        at += slice.len();
        slices.push(slice);
    }
    slices
}

/// The speeds, with that of ours divided by the best peer's.
fn speeds(plan: &Plan, cells: &[&Cell]) -> Table {
    let names = plan.libraries.iter().map(|library| library.name());
    let titles = ["mix", "threads"].into_iter().chain(names);
    let mut table = Table::new(titles.chain(["ours ÷ best peer"]));
    let ours = |library: &&Library| **library == Library::Cacheme;
    for cell in cells {
        let mut row = vec![cell.mix.name().to_owned(), cell.threads.to_string()];
        row.extend(cell.speeds.iter().map(|speed| format!("{speed:.2}")));
        let speeds = || plan.libraries.iter().zip(&cell.speeds);
        let own = speeds().find(|(library, _)| ours(library));
        let peers = speeds().filter(|(library, _)| !ours(library));
        let best = largest(peers.map(|(_, speed)| *speed));
        let ratio = own.zip(best).map(|((_, own), best)| own / best);
        row.extend(ratio.map(|ratio| format!("{ratio:.2}")));
        table.push(row);
    }
    table
}

fn hits(plan: &Plan, cells: &[&Cell]) -> Table {
    let names = plan.libraries.iter().map(|library| library.name());
    let mut table = Table::new(["mix", "threads"].into_iter().chain(names));
    for cell in cells {
        let mut row = vec![cell.mix.name().to_owned(), cell.threads.to_string()];
        row.extend(cell.hits.iter().map(|hits| format!("{:.2}", 100.0 * hits)));
        table.push(row);
    }
    table
}

fn chart(plan: &Plan, cells: &[&Cell], title: &str) -> Chart {
    let libraries = plan.libraries.clone();
    let mut chart = Chart::new(title, "million operations a second", libraries);
    for cell in cells {
        let threads = cell.threads;
        let plural = if threads == 1 { "thread" } else { "threads" };
        let label = format!("{}\n{threads} {plural}", cell.mix.name());
        chart.push(label, cell.speeds.clone());
    }
    chart
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_go_around() {
        let keys: Vec<Vec<usize>> = (0..5).map(|part| vec![part; DRAWN]).collect();
        let first = circle(&keys, 0, 2);
        assert_eq!(
            first.iter().map(|keys| keys[0]).collect::<Vec<_>>(),
            [0, 2, 4]
        );

        let slices = slices(&first, 2 * DRAWN + 7, DRAWN + 3);
        let parts: Vec<_> = slices.iter().map(|keys| (keys[0], keys.len())).collect();
        assert_eq!(parts, [(4, DRAWN - 7), (0, 10)]);
    }

    #[test]
    fn shuffled_ranks_are_all_there() {
        let mut ranks = shuffled(1000);
        let fixed = ranks.iter().zip(0..).filter(|(rank, at)| *rank == at);
        assert!(fixed.count() < 10);
        ranks.sort_unstable();
        assert!(ranks.into_iter().eq(0..1000));
    }
}
