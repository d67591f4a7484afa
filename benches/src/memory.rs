//! Memory: bytes of the heap, as counted by the allocator, and entries over capacity.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::chart::Chart;
use crate::heap::Meter;
use crate::number::{grouped, share};
use crate::option::Options;
use crate::peer::{Drive, Library};
use crate::progress::Progress;
use crate::random::scramble;
use crate::report::Report;
use crate::table::Table;

/// The capacity of the caches whose bytes are counted, and how many keys they are given.
const CAPACITY: usize = 1_000_000;
/// The capacities and threads of those whose entries are.
const AUDITS: [(usize, usize); 4] = [(1000, 1), (1000, 4), (100_000, 1), (100_000, 4)];
/// How many entries are inserted between two counts by the inserting thread.
const BETWEEN: [usize; 2] = [1, 1000];

/// The bytes of one library.
struct Footprint {
    empty: usize,
    /// After as many different keys as there is room for.
    filled: Stand,
    /// After twice as many others, when the library also remembers some that it evicted.
    churned: Stand,
}

/// The bytes and the entries at a time.
struct Stand {
    bytes: usize,
    entries: usize,
}

/// Measures the memory of all libraries.
pub(crate) fn measure(options: &Options) -> Report {
    let libraries = options.libraries(&[Library::Lru]);
    let progress = Progress::new("memory", libraries.len() * (1 + AUDITS.len()));
    let mut report = Report::new("memory", "Memory");
    let mut chart = Chart::new("Heap per entry, u64 → u64", "bytes", libraries.clone());
    let titles = "library|empty|per capacity|per entry, filled|entries|per entry, churned|entries";
    let mut bytes = Table::new(titles.split('|'));
    let (mut filled, mut churned) = (Vec::new(), Vec::new());
    for library in &libraries {
        progress.begin(library.name());
        let footprint = Footprint::of(*library);
        bytes.push(footprint.row(*library));
        filled.push(footprint.filled.per_entry());
        churned.push(footprint.churned.per_entry());
        progress.end();
    }
    chart.push("filled", filled);
    chart.push("after churn", churned);
    report.push(format!(
        "Bytes that were asked of the allocator and not given back, u64 → u64: of an empty cache with \
         a capacity of {0}, when it is filled with {0} different keys, and after two times as many \
         others. 16 bytes of an entry are its key and value.",
        grouped(CAPACITY),
    ));
    report.push(bytes);
    report.push(format!(
        "Most entries over capacity that were seen at any time, while three times as many different \
         keys were inserted; – is for a library that doesn't tell. {} can only be counted by a walk, \
         which also finds what moved meanwhile.",
        Library::Moka.name(),
    ));
    report.push(audits(&libraries, &progress));
    report.chart("memory", chart);
    report
}

impl Stand {
    fn of(cache: &dyn Drive<u64, u64>, meter: &Meter, inserted: u64) -> Self {
        cache.settle();
        let bytes = meter.live();
        let found = |number: &u64| cache.get(&scramble(*number)).is_some();
        let count = || (0..inserted).filter(found).count();
        let entries = cache.len().unwrap_or_else(count);
        Self { bytes, entries }
    }

    fn per_entry(&self) -> f64 {
        share(self.bytes, self.entries)
    }
}

impl Footprint {
    fn of(library: Library) -> Self {
        let meter = Meter::new();
        let cache = library.build::<u64, u64>(CAPACITY);
        let empty = meter.live();
        let insert = |numbers: Range<u64>| {
            let end = numbers.end;
            for number in numbers {
                cache.insert(scramble(number), number);
            }
            Stand::of(&*cache, &meter, end)
        };
        let capacity = CAPACITY as u64;
        let filled = insert(0..capacity);
        let churned = insert(capacity..3 * capacity);
        Self {
            empty,
            filled,
            churned,
        }
    }

    fn row(&self, library: Library) -> [String; 7] {
        [
            library.name().to_owned(),
            grouped(self.empty),
            format!("{:.2}", share(self.empty, CAPACITY)),
            format!("{:.1}", self.filled.per_entry()),
            grouped(self.filled.entries),
            format!("{:.1}", self.churned.per_entry()),
            grouped(self.churned.entries),
        ]
    }
}

fn audits(libraries: &[Library], progress: &Progress) -> Table {
    let title = |(capacity, threads)| format!("{} by {threads}", grouped(capacity));
    let titles = AUDITS.map(title).into_iter();
    let mut table = Table::new(["library".to_owned()].into_iter().chain(titles));
    for library in libraries {
        let mut row = vec![library.name().to_owned()];
        for (capacity, threads) in AUDITS {
            progress.begin(library.name());
            let cache = library.build::<u64, u64>(capacity);
            let over = most_over(&*cache, capacity, threads);
            row.push(over.map_or("–".to_owned(), grouped));
            progress.end();
        }
        table.push(row);
    }
    table
}

/// The most entries over capacity; none if the library can't tell.
fn most_over(cache: &dyn Drive<u64, u64>, capacity: usize, threads: usize) -> Option<usize> {
    cache.len()?;
    let most = AtomicUsize::new(0);
    let [few, many] = BETWEEN;
    let between = if capacity <= 1000 { few } else { many };
    let insert = |part: usize| {
        for number in (part..3 * capacity).step_by(threads) {
            cache.insert(scramble(number as u64), 0);
            if (number / threads).is_multiple_of(between) {
                let len = cache.len().unwrap_or(0);
                most.fetch_max(len, Ordering::Relaxed);
            }
        }
    };
    let insert = &insert;
    thread::scope(|scope| {
        for part in 0..threads {
            scope.spawn(move || insert(part));
        }
    });
    Some(most.into_inner().saturating_sub(capacity))
}
