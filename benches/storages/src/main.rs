//! Measures what `get` and `get_all` through a remote storage cost above the driver used by hand.
//!
//! Both do the same work: 64 tasks get values of 1 KiB, every one of which is there, over as many
//! connections, and decode them. They run in turns of a second, each with warm connections; a ratio
//! is the median over the rounds of ours ÷ raw, so that 1 is the driver's own speed.

mod raw;
mod round;

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use cacheme::BoxError;

use crate::round::Figures;

const USAGE: &str = "\
Measures cacheme's storages beside their drivers.

Usage: storage-benches [--rounds N] [STORAGE]...

A STORAGE is redis, postgres, mysql, mongodb, sqlite or file; all of them by default. The servers
are started by the program, as the tests start them: run tests/run once to have them installed.
";

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody reads it if it can't be written.
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), BoxError> {
    let (mut rounds, mut wanted) = (7, Vec::new());
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--help" | "-h" => return Ok(io::stdout().write_all(USAGE.as_bytes())?),
            "--rounds" => {
                let number = arguments.next().and_then(|number| number.parse().ok());
                rounds = number
                    .filter(|number| *number > 0)
                    .ok_or("--rounds takes a number")?;
            }
            name if raw::NAMES.contains(&name) => wanted.push(argument),
            other => return Err(format!("`{other}` is no storage: see --help").into()),
        }
    }
    let mut out = io::stdout();
    writeln!(
        out,
        "{:10} {:>9} {:>9} {:>7}   {:>9} {:>9} {:>7}",
        "", "get", "raw", "ratio", "get_all", "raw", "ratio"
    )?;
    writeln!(
        out,
        "{:10} {:>9} {:>9} {:>7}   {:>9} {:>9} {:>7}",
        "", "/s", "/s", "", "100 /s", "/s", ""
    )?;
    for name in raw::NAMES {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            let Figures { get, get_many } = raw::measure(name, rounds).await?;
            writeln!(
                out,
                "{name:10} {:9.0} {:9.0} {:7.2}   {:9.0} {:9.0} {:7.2}",
                get.ours, get.raw, get.ratio, get_many.ours, get_many.raw, get_many.ratio
            )?;
        }
    }
    Ok(())
}
