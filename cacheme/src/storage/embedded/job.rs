//! What the threads of a database are asked to do, and how they do it.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::{Engine, Settings, View};
use crate::clock::{Clock, millis};
use crate::error::BoxError;
use crate::key::Key;
use crate::storage::copies::Copies;

/// A change of entries.
#[derive(Debug)]
pub(in crate::storage) enum Change {
    /// Keys, when they expire in ms since the Unix epoch or [`NEVER`](crate::clock::NEVER), values.
    Put(Vec<(Key, u64, Bytes)>),
    Remove(Vec<Key>),
    /// The same as to put, each where this is there, or nothing.
    Swap(Vec<(Key, u64, Bytes, Option<Bytes>)>),
}

impl Change {
    /// How many entries it is about.
    fn entries(&self) -> usize {
        match self {
            Self::Put(entries) => entries.len(),
            Self::Remove(keys) => keys.len(),
            Self::Swap(swaps) => swaps.len(),
        }
    }

    /// The bytes of its keys and values.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Put(entries) => entries
                .iter()
                .map(|(key, _, value)| key.as_str().len() + value.len())
                .sum(),
            Self::Remove(keys) => keys.iter().map(|key| key.as_str().len()).sum(),
            Self::Swap(swaps) => swaps
                .iter()
                .map(|(key, _, value, expected)| {
                    let expected = expected.as_ref().map_or(0, Bytes::len);
                    key.as_str().len() + value.len() + expected
                })
                .sum(),
        }
    }
}

/// How many expired entries a commit takes out. It is in proportion to what the commit writes: more
/// of them leave than come, and none waits long for its commit.
#[derive(Debug)]
pub(in crate::storage) struct Sweep {
    entries: usize,
    bytes: usize,
}

impl Sweep {
    /// What goes with these changes.
    pub(in crate::storage) fn of(changes: &[&Change]) -> Self {
        let entries: usize = changes.iter().map(|change| change.entries()).sum();
        let bytes: usize = changes.iter().map(|change| change.bytes()).sum();
        Self {
            entries: 2 * entries + 16,
            bytes: 2 * bytes + (256 << 10),
        }
    }

    /// Whether there is to be one more.
    pub(in crate::storage) fn goes_on(&self) -> bool {
        self.entries > 0 && self.bytes > 0
    }

    /// Counts one of so many bytes.
    pub(in crate::storage) fn count(&mut self, bytes: usize) {
        self.entries = self.entries.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

pub(super) enum Job {
    Read(Asked<Vec<Key>, Vec<Option<Bytes>>>),
    /// Answered with which of its swaps were made.
    Write(Asked<Change, Vec<bool>>),
}

/// A question that somebody waits for the answer to.
pub(super) struct Asked<Q, A> {
    question: Q,
    answer: oneshot::Sender<Result<A, BoxError>>,
    at: Instant,
    /// In the queue.
    _room: OwnedSemaphorePermit,
}

impl<Q, A> Asked<Q, A> {
    pub(super) fn new(
        question: Q,
        answer: oneshot::Sender<Result<A, BoxError>>,
        at: Instant,
        room: OwnedSemaphorePermit,
    ) -> Self {
        Self {
            question,
            answer,
            at,
            _room: room,
        }
    }

    /// Whether somebody still waits.
    fn is_wanted(&self) -> bool {
        !self.answer.is_closed()
    }

    fn answer(self, outcome: Result<A, BoxError>) {
        // Nobody may be waiting any more.
        let _ = self.answer.send(outcome);
    }
}

/// Answers all with the same error.
fn refuse<Q, A>(asked: impl IntoIterator<Item = Asked<Q, A>>, error: &BoxError) {
    for asked in asked {
        asked.answer(Err(error.to_string().into()));
    }
}

/// A thread's work.
pub(super) struct Worker<E> {
    engine: E,
    clock: Arc<dyn Clock>,
    /// How long a write may wait for another process.
    patience: Duration,
}

impl<E: Engine> Worker<E> {
    /// How often another process is asked whether it is done.
    const PAUSE: Duration = Duration::from_millis(1);

    pub(super) fn new(engine: E, settings: &Settings) -> Self {
        Self {
            engine,
            clock: Arc::clone(&settings.clock),
            patience: settings.patience(),
        }
    }

    pub(super) fn serve(&mut self, jobs: Vec<Job>) {
        let (mut reads, mut writes) = (Vec::new(), Vec::new());
        for job in jobs {
            match job {
                Job::Read(read) if read.is_wanted() => reads.push(read),
                Job::Write(write) if write.is_wanted() => writes.push(write),
                Job::Read(_) | Job::Write(_) => {}
            }
        }
        self.write(writes);
        self.read(reads);
    }

    fn read(&self, reads: Vec<Asked<Vec<Key>, Vec<Option<Bytes>>>>) {
        if reads.is_empty() {
            return;
        }
        let now = millis(self.clock.unix());
        let mut view = match self.engine.view() {
            Ok(view) => view,
            Err(error) => return refuse(reads, &error),
        };
        for read in reads {
            let mut copies = Copies::of(read.question.len());
            let keys = read.question.iter();
            let found = keys.map(|key| view.find(key, now, &mut copies)).collect();
            read.answer(found);
        }
    }

    fn write(&mut self, mut writes: Vec<Asked<Change, Vec<bool>>>) {
        while !writes.is_empty() {
            match self.engine.lock() {
                Ok(true) => {
                    // What was given up before others wrote mustn't undo that.
                    writes.retain(Asked::is_wanted);
                    return self.commit(writes);
                }
                Ok(false) => thread::sleep(Self::PAUSE),
                Err(error) => return refuse(writes, &error),
            }
            let late = |write: &mut Asked<_, _>| write.at.elapsed() > self.patience;
            let error = "another process has it locked".into();
            refuse(writes.extract_if(.., late), &error);
            writes.retain(Asked::is_wanted);
        }
    }

    fn commit(&mut self, writes: Vec<Asked<Change, Vec<bool>>>) {
        let changes: Vec<_> = writes.iter().map(|write| &write.question).collect();
        let now = millis(self.clock.unix());
        match self.engine.commit(&changes, now) {
            Ok(swapped) => {
                let answers = writes.into_iter().zip(swapped);
                answers.for_each(|(write, swapped)| write.answer(Ok(swapped)));
            }
            Err(error) => refuse(writes, &error),
        }
    }
}
