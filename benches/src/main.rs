//! Measures `cacheme-tinylfu` beside the caches that people pick today: hit ratio, throughput, memory
//! and latency. The README of this package says what is measured and how.

mod belady;
mod chart;
mod heap;
mod hitratio;
mod latency;
mod machine;
mod memory;
mod mix;
mod number;
mod option;
mod peer;
mod percentile;
mod progress;
mod random;
mod report;
mod synthetic;
mod table;
mod throughput;
mod trace;

use std::env;
use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use option::{Command, Options, USAGE};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody reads it if it can't be written.
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let options = Options::parse(env::args().skip(1))?;
    if options.command == Command::Help {
        return Ok(io::stdout().write_all(USAGE.as_bytes())?);
    }
    let measurements = [
        (Command::HitRatio, hitratio::measure as fn(&Options) -> _),
        (Command::Throughput, |options| {
            Ok(throughput::measure(options))
        }),
        (Command::Memory, |options| Ok(memory::measure(options))),
        (Command::Latency, |options| Ok(latency::measure(options))),
    ];
    for (command, measure) in measurements {
        if options.wants(command) {
            let report = measure(&options)?;
            report.print()?;
            if let Some(folder) = options.results() {
                report.save(&folder)?;
            }
        }
    }
    Ok(())
}
