//! How far a measurement is, on stderr: a bar in a terminal, elsewhere a line every few seconds.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// How often there is a line when stderr is not a terminal.
const EVERY: Duration = Duration::from_secs(5);

/// The progress of one measurement. Threads share it by reference.
#[derive(Debug)]
pub(crate) struct Progress {
    name: &'static str,
    bar: ProgressBar,
    /// When the last line was written; none in a terminal, which has the bar.
    line: Option<Mutex<Instant>>,
}

impl Progress {
    /// Of a measurement of that many steps.
    pub(crate) fn new(name: &'static str, steps: usize) -> Self {
        let bar = ProgressBar::new(steps as u64);
        let template = "{prefix:>10} [{bar:32}] {pos}/{len} {elapsed} left {eta}  {wide_msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(name);
        let line = (!io::stderr().is_terminal()).then(|| Mutex::new(Instant::now()));
        Self { name, bar, line }
    }

    /// Says what comes next.
    pub(crate) fn begin(&self, step: &str) {
        self.bar.set_message(step.to_owned());
        let Some(line) = &self.line else { return };
        let mut last = line.lock().unwrap_or_else(PoisonError::into_inner);
        if last.elapsed() >= EVERY {
            *last = Instant::now();
            let (done, all) = (self.bar.position(), self.bar.length().unwrap_or(0));
            // Nobody reads it if it can't be written.
            let _ = writeln!(io::stderr(), "{}: {done}/{all} {step}", self.name);
        }
    }

    /// Says that a step is done.
    pub(crate) fn end(&self) {
        self.bar.inc(1);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
