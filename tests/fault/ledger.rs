//! What one process was promised, and what it got.
//!
//! A value is wrong when it is another page's, when the source never gave it, or when it is older than a
//! removal or a `put` of this process that was over before it was asked for, whether it returned `Ok` or the storage missed
//! it, and stays.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cacheme::{ErrorKind, Result};

use crate::page::Page;
use crate::source::{PAGES, Source};

/// What is judged, and what isn't.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Terms {
    /// Removals aren't held to while the fault is there: `docs/RELIABILITY.md` says that a write which was given up
    /// may land later, and that a server may lose what it had taken.
    pub(crate) removals_may_be_undone: bool,
    /// The source fails, and requests with it.
    pub(crate) loads_fail: bool,
    /// Callers go at random.
    pub(crate) callers_go: bool,
}

/// How long a request may take before it is given up, to be counted as one that hangs.
const GIVEN_UP: Duration = Duration::from_secs(30);

/// How many problems are told.
const TOLD: usize = 5;

/// The judge of one process' requests.
#[derive(Debug)]
pub(crate) struct Ledger {
    source: Arc<Source>,
    terms: Terms,
    /// The version that each page has at least, by what this process was told.
    floors: Vec<AtomicU64>,
    holds: AtomicBool,
    requests: AtomicU64,
    /// Requests whose callers went.
    left: AtomicU64,
    /// Old values that were gone at the next look.
    fleeting: AtomicU64,
    wrong: AtomicU64,
    /// In microseconds.
    longest: AtomicU64,
    problems: Mutex<Vec<String>>,
}

impl Ledger {
    pub(crate) fn new(source: Arc<Source>, terms: Terms) -> Self {
        Self {
            source,
            terms,
            floors: (0..PAGES).map(|_| AtomicU64::new(0)).collect(),
            holds: AtomicBool::new(true),
            requests: AtomicU64::new(0),
            left: AtomicU64::new(0),
            fleeting: AtomicU64::new(0),
            wrong: AtomicU64::new(0),
            longest: AtomicU64::new(0),
            problems: Mutex::default(),
        }
    }

    pub(crate) fn terms(&self) -> Terms {
        self.terms
    }

    /// The fault begins.
    pub(crate) fn broken(&self) {
        if self.terms.removals_may_be_undone {
            self.holds.store(false, Ordering::SeqCst);
            for floor in &self.floors {
                floor.store(0, Ordering::SeqCst);
            }
        }
    }

    /// The fault is over, and what it left behind as well.
    pub(crate) fn mended(&self) {
        self.holds.store(true, Ordering::SeqCst);
    }

    /// The least version that a page may have in an answer to a request that begins now.
    pub(crate) fn floor(&self, number: u64) -> u64 {
        let place = usize::try_from(number).unwrap_or(usize::MAX);
        self.floors
            .get(place)
            .map_or(0, |floor| floor.load(Ordering::SeqCst))
    }

    /// This process was told that a page is nowhere in an older version.
    pub(crate) fn raise(&self, number: u64, version: u64) {
        if self.holds.load(Ordering::SeqCst) {
            let place = usize::try_from(number).unwrap_or(usize::MAX);
            self.floors[place].fetch_max(version, Ordering::SeqCst);
        }
    }

    /// Makes a request, and takes down how long that took. Nothing when it hangs.
    pub(crate) async fn ask<T>(
        &self,
        what: &str,
        request: impl Future<Output = Result<T>>,
    ) -> Option<Result<T>> {
        let begun = Instant::now();
        let answer = tokio::time::timeout(GIVEN_UP, request).await;
        let took = begun.elapsed();
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.longest.fetch_max(micros, Ordering::Relaxed);
        if answer.is_err() {
            self.problem(format!("{what} hangs"));
        }
        answer.ok()
    }

    /// Judges a page that was asked for when the floor was `floor`. One that is too old is handed back, with what is
    /// to be said if it stays.
    pub(crate) fn judge(&self, what: &str, number: u64, floor: u64, page: &Page) -> Option<String> {
        let (found, version) = (page.number, page.version);
        // Read after the answer: it may be as new as that.
        let newest = self.source.version(number);
        let wrong = if found != number {
            format!("{what} {number} gave page {found}")
        } else if !page.is_whole() || version > newest {
            format!("{what} {number} gave what never was: {page:?}")
        } else if version < floor && self.floor(number) >= floor {
            let old = format!("{what} {number} gave version {version} after {floor} was promised");
            return Some(old);
        } else {
            return None;
        };
        self.wrong_because(wrong);
        None
    }

    /// An old value was gone at the next look.
    pub(crate) fn was_fleeting(&self) {
        self.fleeting.fetch_add(1, Ordering::Relaxed);
    }

    /// How many old values were gone at the next look.
    pub(crate) fn fleeting(&self) -> u64 {
        self.fleeting.load(Ordering::Relaxed)
    }

    /// Takes down a wrong value.
    pub(crate) fn wrong_because(&self, problem: String) {
        self.wrong.fetch_add(1, Ordering::Relaxed);
        self.problem(problem);
    }

    /// Looks that a read failed as it may.
    pub(crate) fn read_failed(&self, what: &str, error: &cacheme::Error) {
        let of_load = matches!(
            error.kind(),
            ErrorKind::Load | ErrorKind::Panic | ErrorKind::Timeout
        );
        if !(of_load && self.terms.loads_fail) {
            self.problem(format!("{what} failed: {error:#}"));
        }
    }

    /// Looks that a write or a removal failed as it may, if it did.
    pub(crate) fn done(&self, what: &str, error: Option<&cacheme::Error>) {
        if let Some(error) = error
            && !matches!(error.kind(), ErrorKind::Storage | ErrorKind::Bus)
        {
            self.read_failed(what, error);
        }
    }

    /// Takes down what isn't as it should be.
    pub(crate) fn problem(&self, problem: String) {
        let mut problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        if problems.len() < TOLD {
            problems.push(problem);
        }
    }

    /// A caller went before the answer came.
    pub(crate) fn left(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.left.fetch_add(1, Ordering::Relaxed);
    }

    /// How many callers went.
    pub(crate) fn gone(&self) -> u64 {
        self.left.load(Ordering::Relaxed)
    }

    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    pub(crate) fn wrong(&self) -> u64 {
        self.wrong.load(Ordering::Relaxed)
    }

    pub(crate) fn longest(&self) -> Duration {
        Duration::from_micros(self.longest.load(Ordering::Relaxed))
    }

    pub(crate) fn problems(&self) -> Vec<String> {
        let problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        problems.clone()
    }
}
