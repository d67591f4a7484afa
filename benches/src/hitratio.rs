//! Hit ratios: a lookup of every request, then an insert if it was a miss, by one thread.

use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::belady;
use crate::chart::Chart;
use crate::machine;
use crate::number::{grouped, largest, mean, share};
use crate::option::Options;
use crate::peer::Library;
use crate::progress::Progress;
use crate::report::Report;
use crate::synthetic;
use crate::table::Table;
use crate::trace::{self, Trace};

/// The capacities, in thousandths of the number of different keys.
const CAPACITIES: [usize; 4] = [5, 20, 80, 250];
/// Below it, the rounding of a library's shards says more than its policy.
const SMALLEST: usize = 100;
/// How many points below the best peer a row may be.
const TOLERANCE: f64 = 2.0;

/// A trace at a capacity.
struct Row<'a> {
    trace: &'a Trace,
    capacity: usize,
    /// Belady's optimum, in percent.
    optimum: f64,
    /// The hit ratio of each library, in percent.
    ratios: Vec<f64>,
}

impl Row<'_> {
    /// A hit ratio as a part of the optimum: all of it where there is nothing to hit.
    fn of_optimum(&self, ratio: f64) -> f64 {
        if self.optimum > 0.0 {
            ratio / self.optimum
        } else {
            1.0
        }
    }
}

/// Measures the hit ratios of all libraries on all traces.
///
/// # Errors
///
/// If traces can't be read, or if there is none of the name that is asked for.
pub(crate) fn measure(options: &Options) -> Result<Report, Box<dyn Error>> {
    let libraries = options.libraries(&[Library::FoyerLru]);
    let traces = traces(options)?;
    let rows = rows(&traces, &libraries);
    let mut report = Report::new("hitratio", "Hit ratio");
    report.push(
        "In percent: a lookup, then an insert if it was a miss, by one thread; capacity in entries. \
         `opt` is Belady's optimum, `best peer` the best of the others, and the last column the \
         distance to it in points.",
    );
    report.push(table(&rows, &libraries));
    if let Some(summary) = summary(&rows, &libraries) {
        report.push(summary);
    }
    report.chart("hitratio", chart(&rows, &libraries));
    Ok(report)
}

fn traces(options: &Options) -> Result<Vec<Trace>, Box<dyn Error>> {
    let wanted = |name: &str| options.only.as_ref().is_none_or(|only| only == name);
    let (mut traces, mut names) = match options.trace_folder() {
        Some(folder) => (trace::read_folder(&folder, wanted)?, trace::names(&folder)?),
        None => (Vec::from(synthetic::others()), Vec::new()),
    };
    traces.push(synthetic::zipf());
    names.extend(traces.iter().map(|trace| trace.name().to_owned()));
    traces.retain(|trace| wanted(trace.name()));
    match &options.only {
        Some(only) if traces.is_empty() => {
            Err(format!("there is no trace {only}, but {}", names.join(", ")).into())
        }
        _ => Ok(traces),
    }
}

/// Each library and the optimum on each row, on as many threads as there are cores.
fn rows<'a>(traces: &'a [Trace], libraries: &[Library]) -> Vec<Row<'a>> {
    let capacities = |trace: &'a Trace| {
        let capacities = CAPACITIES.map(|permille| trace.distinct() * permille / 1000);
        let enough = capacities
            .into_iter()
            .filter(|capacity| *capacity >= SMALLEST);
        enough.map(move |capacity| (trace, capacity))
    };
    let places: Vec<_> = traces.iter().flat_map(capacities).collect();
    let columns = libraries.len() + 1;
    let ratios = Mutex::new(vec![0.0; places.len() * columns]);
    let next = AtomicUsize::new(0);
    let progress = Progress::new("hitratio", places.len() * columns);
    let work = || {
        while let at = next.fetch_add(1, Ordering::Relaxed)
            && let Some((trace, capacity)) = places.get(at / columns)
        {
            let library = libraries.get(at % columns).copied();
            let name = library.map_or("optimum", Library::name);
            progress.begin(&format!("{} {} {name}", trace.name(), grouped(*capacity)));
            let ratio = ratio(trace, *capacity, library);
            ratios.lock().unwrap_or_else(PoisonError::into_inner)[at] = ratio;
            progress.end();
        }
    };
    thread::scope(|scope| {
        for _ in 0..machine::cores() {
            scope.spawn(work);
        }
    });
    let ratios = ratios.into_inner().unwrap_or_else(PoisonError::into_inner);
    let rows = places.into_iter().zip(ratios.chunks(columns));
    let row = |((trace, capacity), ratios): ((&'a Trace, usize), &[f64])| Row {
        trace,
        capacity,
        optimum: ratios[libraries.len()],
        ratios: ratios[..libraries.len()].to_vec(),
    };
    rows.map(row).collect()
}

/// The hit ratio of a library, or else the optimum, in percent.
fn ratio(trace: &Trace, capacity: usize, library: Option<Library>) -> f64 {
    let hits = match library {
        Some(library) => library.build::<u64, u64>(capacity).replay(trace.ids()),
        None => belady::hits(trace.ids(), trace.distinct(), capacity),
    };
    100.0 * share(hits, trace.ids().len())
}

/// The ratio of ours, that of the best peer and its name, if both were measured.
fn rivals(row: &Row, libraries: &[Library]) -> Option<(f64, f64, &'static str)> {
    let ours = libraries
        .iter()
        .position(|library| *library == Library::Cacheme)?;
    let peers = (0..libraries.len()).filter(|library| *library != ours);
    let best = peers.max_by(|a, b| row.ratios[*a].total_cmp(&row.ratios[*b]))?;
    Some((row.ratios[ours], row.ratios[best], libraries[best].name()))
}

fn table(rows: &[Row], libraries: &[Library]) -> Table {
    let names = libraries.iter().map(|library| library.name());
    let titles = ["trace", "capacity", "opt"].into_iter().chain(names);
    let mut table = Table::new(titles.chain(["best peer", "points"]));
    for row in rows {
        let mut cells = vec![row.trace.name().to_owned(), grouped(row.capacity)];
        let ratios = [row.optimum].into_iter().chain(row.ratios.iter().copied());
        cells.extend(ratios.map(|ratio| format!("{ratio:.2}")));
        if let Some((ours, best, name)) = rivals(row, libraries) {
            cells.extend([format!("{name} {best:.2}"), format!("{:+.2}", ours - best)]);
        }
        table.push(cells);
    }
    table.push(means(rows, libraries));
    table
}

/// The last row: each library's mean of hit ÷ opt, and that of choosing the best peer for each row.
fn means(rows: &[Row], libraries: &[Library]) -> Vec<String> {
    let mut cells = vec![
        "mean of hit ÷ opt".to_owned(),
        String::new(),
        "1".to_owned(),
    ];
    for place in 0..libraries.len() {
        let shares = rows.iter().map(|row| row.of_optimum(row.ratios[place]));
        cells.push(format!("{:.4}", mean(&shares.collect::<Vec<_>>())));
    }
    let best = |row: &Row| rivals(row, libraries).map(|(_, best, _)| row.of_optimum(best));
    let best: Vec<f64> = rows.iter().filter_map(best).collect();
    if !best.is_empty() {
        cells.push(format!("{:.4}", mean(&best)));
    }
    cells
}

/// How ours stands on the rows where it is furthest below the best peer.
fn summary(rows: &[Row], libraries: &[Library]) -> Option<String> {
    let below = |row: &Row| rivals(row, libraries).map(|(ours, best, _)| best - ours);
    let most = largest(rows.iter().filter_map(below))?;
    let worst = rows.iter().find(|row| below(row) == Some(most))?;
    let (ours, best, name) = rivals(worst, libraries)?;
    let failed = rows
        .iter()
        .filter_map(below)
        .filter(|points| *points > TOLERANCE);
    Some(format!(
        "Worst row of cacheme: {} at {}, {ours:.2} against {best:.2} of {name} ({:+.2} points). \
         Rows more than {TOLERANCE} points below the best peer: {} of {}.",
        worst.trace.name(),
        grouped(worst.capacity),
        ours - best,
        failed.count(),
        rows.len(),
    ))
}

fn chart(rows: &[Row], libraries: &[Library]) -> Chart {
    let title = "Hit ratio as a part of Belady's optimum";
    let mut chart = Chart::new(title, "percent of the optimum", libraries.to_vec());
    for row in rows {
        let label = format!("{}\n{}", row.trace.name(), grouped(row.capacity));
        let shares = row
            .ratios
            .iter()
            .map(|ratio| 100.0 * row.of_optimum(*ratio));
        chart.push(label, shares.collect());
    }
    chart
}
