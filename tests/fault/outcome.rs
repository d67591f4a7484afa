//! What came of a fault, and the table of all.

use std::fmt;
use std::time::Duration;

use crate::crew::Gauge;
use crate::ledger::Ledger;
use crate::world::DEADLINE;

/// What a request may take: the deadlines of a read, of the mark of a tag, of a write and of taking that back, and that
/// of a load.
const LONGEST: Duration = DEADLINE
    .saturating_mul(4)
    .saturating_add(Duration::from_secs(1));

/// What a busy machine may add, beside four times by how much it was late.
const MARGIN: Duration = Duration::from_secs(2);

/// By how many KiB memory may grow: what buffers and allocators take for what waits.
const MEMORY: u64 = 24 << 10;

/// What came of a fault.
#[derive(Clone, Debug, Default, serde::Deserialize, serde::Serialize)]
pub(crate) struct Outcome {
    pub(crate) name: String,
    pub(crate) injected: u64,
    pub(crate) wrong: u64,
    pub(crate) requests: u64,
    pub(crate) longest: Duration,
    /// Old values that were taken back at once.
    pub(crate) fleeting: u64,
    /// Until all worked again.
    pub(crate) recovery: Option<Duration>,
    /// By how many KiB it grew.
    pub(crate) memory: u64,
    /// What isn't as it should be.
    pub(crate) problems: Vec<String>,
}

impl Outcome {
    /// What a ledger says.
    pub(crate) fn of(ledger: &Ledger, injected: u64, recovery: Option<Duration>) -> Self {
        let mut outcome = Self {
            injected,
            wrong: ledger.wrong(),
            requests: ledger.requests(),
            longest: ledger.longest(),
            fleeting: ledger.fleeting(),
            recovery,
            problems: ledger.problems(),
            ..Self::default()
        };
        if injected == 0 {
            outcome.fails("nothing was injected");
        }
        if recovery.is_none() {
            outcome.fails("it doesn't work again");
        }
        outcome
    }

    /// What another process' ledger says.
    pub(crate) fn also(&mut self, ledger: &Ledger) {
        self.wrong += ledger.wrong();
        self.requests += ledger.requests();
        self.fleeting += ledger.fleeting();
        self.longest = self.longest.max(ledger.longest());
        self.problems.extend(ledger.problems());
    }

    /// A fault of which there is nothing to tell but that it went wrong.
    pub(crate) fn failed(name: &str, problem: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            problems: vec![problem.into()],
            ..Self::default()
        }
    }

    /// Something isn't as it should be.
    pub(crate) fn fails(&mut self, problem: impl Into<String>) {
        self.problems.push(problem.into());
    }

    /// Looks what all took of the machine, of which `before` was taken before the fault.
    pub(crate) fn measure(&mut self, gauge: &Gauge, before: u64) {
        self.memory = gauge.resident().saturating_sub(before);
        if self.memory > MEMORY {
            self.fails(format!("memory grew by {} KiB", self.memory));
        }
        let bound = LONGEST + MARGIN + 4 * gauge.lag();
        if self.longest > bound {
            self.fails(format!("a request took {:?} of {bound:?}", self.longest));
        }
    }

    pub(crate) fn is_well(&self) -> bool {
        self.problems.is_empty() && self.wrong == 0
    }

    /// Takes in what came of the same fault another time.
    pub(crate) fn add(&mut self, other: Self) {
        self.injected += other.injected;
        self.wrong += other.wrong;
        self.requests += other.requests;
        self.fleeting += other.fleeting;
        self.longest = self.longest.max(other.longest);
        self.recovery = self.recovery.max(other.recovery);
        self.memory = self.memory.max(other.memory);
        self.problems.extend(other.problems);
    }

    /// The head of the table.
    pub(crate) fn head() -> String {
        let names = [
            "fault",
            "times injected",
            "wrong values",
            "requests",
            "longest request",
            "recovery",
            "memory",
        ];
        let [fault, injected, wrong, requests, longest, recovery, memory] = names;
        format!(
            "| {fault:42} | {injected} | {wrong} | {requests} | {longest} | {recovery:>8} | {memory:>9} |\n\
             | {:-<42} | -------------: | -----------: | -------: | --------------: | -------: | --------: |",
            ""
        )
    }
}

/// A row of the table.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let longest = format!("{} ms", self.longest.as_millis());
        let never = || "never".to_owned();
        let recovery = self
            .recovery
            .map_or_else(never, |time| format!("{:.1} s", time.as_secs_f64()));
        let memory = format!("{} KiB", self.memory);
        write!(
            f,
            "| {:42} | {:14} | {:12} | {:8} | {longest:>15} | {recovery:>8} | {memory:>9} |",
            self.name, self.injected, self.wrong, self.requests,
        )
    }
}
