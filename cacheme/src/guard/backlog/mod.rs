//! What a storage missed, made up for as soon as it can be: removals that failed or were given up, and ends of entries
//! that couldn't be marked.
//!
//! Until then this process doesn't read what is concerned, and what it writes over that is made up for. It is bounded:
//! when more than 20,000 removals are missed, all entries of their prefix are ended at once instead, as
//! [`invalidate_all`](crate::Cacheme::invalidate_all) does.

mod missed;

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::sleep;

pub(crate) use self::missed::Behind;
use self::missed::{Missed, Part};
use super::Bounded;
use crate::clock::Clock;
use crate::ended;
use crate::error::BoxError;
use crate::event::Event;
use crate::key::Key;
use crate::lock::lock;
use crate::prefix::Prefix;
use crate::race::first;

/// Between two attempts, at first and at most.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(1)];

/// So many removals are tried at once, and fewer when they fail.
const AT_ONCE: usize = 1000;

/// What a storage missed.
pub(super) struct Backlog {
    storage: Bounded,
    /// Whether there is anything, so that nobody locks it while there is nothing.
    has_any: AtomicBool,
    /// Until when all entries are ended, by the storage's clock, since too much was missed; 0 if that never was.
    flushed: AtomicU64,
    /// The latest end that is known, by the storage's clock.
    known: AtomicU64,
    missed: Mutex<Missed>,
    told: OnceLock<Box<dyn Fn() + Send + Sync>>,
    /// Told when it is to be tried at once.
    hurry: Arc<Notify>,
}

/// Removals that are missed unless they are done.
pub(super) struct Removing<'a> {
    pub(super) backlog: &'a Arc<Backlog>,
    /// Those that aren't done.
    pub(super) keys: Vec<Key>,
    pub(super) prefix: &'a Prefix,
    pub(super) clock: &'a dyn Clock,
}

/// A write, which makes up for what was missed of its keys before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Writing {
    since: u64,
}

impl Backlog {
    pub(super) fn new(storage: Bounded) -> Arc<Self> {
        Arc::new(Self {
            storage,
            has_any: AtomicBool::new(false),
            flushed: AtomicU64::new(0),
            known: AtomicU64::new(0),
            told: OnceLock::new(),
            missed: Mutex::default(),
            hurry: Arc::default(),
        })
    }

    /// Whether there is anything.
    fn has_any(&self) -> bool {
        self.has_any.load(Ordering::Acquire)
    }

    /// How much there is.
    pub(super) fn len(&self) -> usize {
        if self.has_any() {
            lock(&self.missed).len()
        } else {
            0
        }
    }

    /// Until when all entries are ended.
    pub(super) fn flushed(&self) -> u64 {
        self.flushed.load(Ordering::Acquire)
    }

    /// What the storage is behind with, of each of these keys; nothing if that holds for all.
    pub(super) fn behind(self: &Arc<Self>, keys: &[Key]) -> Option<Vec<Behind>> {
        if !self.has_any() {
            return None;
        }
        let missed = lock(&self.missed);
        let behind: Vec<_> = keys.iter().map(|key| missed.behind(key)).collect();
        self.see_to_it(missed);
        let is_any = behind.iter().any(|behind| *behind != Behind::Nothing);
        is_any.then_some(behind)
    }

    /// Has `told` called whenever something was made up for, which others may have read until then.
    pub(super) fn when_made_up(&self, told: impl Fn() + Send + Sync + 'static) {
        // A storage is registered once.
        let _ = self.told.set(Box::new(told));
    }

    /// Takes it that entries are known to be ended until then.
    pub(super) fn knows(&self, until: u64) {
        self.known.fetch_max(until, Ordering::AcqRel);
    }

    /// Takes removals that aren't done.
    pub(super) fn remove(self: &Arc<Self>, keys: &[Key], prefix: &Prefix, clock: &dyn Clock) {
        if keys.is_empty() {
            return;
        }
        let (now, storage) = (self.storage.now(clock), &self.storage.name);
        let mut missed = lock(&self.missed);
        // Behind all that entries may say, whose processes may have later clocks.
        let known = self.known.load(Ordering::Acquire).max(self.flushed());
        let flushed = missed.remove(keys, prefix, ended::until(now, known));
        if let Some(until) = flushed {
            self.flushed.fetch_max(until, Ordering::AcqRel);
        }
        self.see_to_it(missed);
        if flushed.is_some() {
            Event::Flushed { storage }.tell();
        }
    }

    /// Takes the end of entries, whose mark isn't written.
    pub(super) fn end(self: &Arc<Self>, mark: Key, until: u64) {
        let mut missed = lock(&self.missed);
        missed.end(mark, until);
        self.see_to_it(missed);
    }

    /// Begins to write; nothing if there is nothing that it could make up for.
    pub(super) fn writing(&self) -> Option<Writing> {
        self.has_any().then(|| {
            let since = lock(&self.missed).last();
            Writing { since }
        })
    }

    /// Entries of these keys were written.
    pub(super) fn wrote<'k>(&self, writing: Writing, keys: impl Iterator<Item = &'k Key>) {
        let is_any = lock(&self.missed).replaced(keys, writing.since);
        if is_any {
            self.tell();
        }
    }

    /// Something was made up for, and others may have read it until now.
    fn tell(&self) {
        if let Some(told) = self.told.get() {
            told();
        }
    }

    /// Has it tried at once.
    pub(super) fn hurry(self: &Arc<Self>) {
        self.see_to_it(lock(&self.missed));
        self.hurry.notify_one();
    }

    /// Has a task make up for what was missed, if none does. Whoever looks next does so if this is no place to.
    fn see_to_it(self: &Arc<Self>, mut missed: MutexGuard<'_, Missed>) {
        let event = self.notice(&missed);
        // A task ends also with its tokio runtime.
        let works = |worker: &AbortHandle| !worker.is_finished();
        let is_idle = !missed.worker.as_ref().is_some_and(works);
        if !missed.is_empty()
            && is_idle
            && let Ok(tokio) = Handle::try_current()
        {
            let worker = tokio.spawn(make_up(Arc::downgrade(self), Arc::clone(&self.hurry)));
            missed.worker = Some(worker.abort_handle());
        }
        drop(missed);
        if let Some(event) = event {
            event.tell();
        }
    }

    /// Notices whether there is anything, and says what there is to tell of that.
    fn notice(&self, missed: &Missed) -> Option<Event<'_>> {
        let (has_any, storage) = (!missed.is_empty(), &self.storage.name);
        match (self.has_any.swap(has_any, Ordering::AcqRel), has_any) {
            (false, true) => Some(Event::Missed { storage }),
            (true, false) => Some(Event::MadeUp { storage }),
            _ => None,
        }
    }

    /// Makes up for some of it, and says whether that could be done; `None` if there is nothing left.
    async fn step(&self, most: usize) -> Option<Result<(), BoxError>> {
        let (part, event) = {
            let mut missed = lock(&self.missed);
            let part = missed.take_turn(most);
            if part.is_none() {
                // Under the lock: what is missed from now on needs another task.
                missed.worker = None;
            }
            (part, self.notice(&missed))
        };
        if let Some(event) = event {
            event.tell();
        }
        let part = part?;
        let done = match &part {
            Part::End(mark, until) => self.mark(mark, *until).await,
            Part::Removals(removals) => {
                let keys = removals.iter().map(|(_, key)| key.clone()).collect();
                self.storage.clone().remove(keys).await
            }
        };
        {
            let mut missed = lock(&self.missed);
            match &done {
                Ok(()) => missed.is_done(&part),
                Err(_) => missed.put_off(part),
            }
        }
        if done.is_ok() {
            self.tell();
        }
        Some(done)
    }

    /// Has a mark say at least this.
    async fn mark(&self, key: &Key, until: u64) -> Result<(), BoxError> {
        let found = self.storage.clone().read(vec![key.clone()]).await?;
        let last = found.first().and_then(|found| ended::read(found.as_ref()?));
        if last.is_some_and(|last| last >= until) {
            return Ok(());
        }
        let mark = ended::entry(key.clone(), until);
        self.storage.clone().write(vec![mark]).await
    }
}

/// Makes up for what was missed, as long as there is something and somebody to read it.
async fn make_up(backlog: Weak<Backlog>, hurry: Arc<Notify>) {
    let [shortest, longest] = PAUSES;
    let (mut pause, mut most) = (shortest, AT_ONCE);
    loop {
        first(sleep(pause), hurry.notified()).await;
        loop {
            let Some(backlog) = backlog.upgrade() else {
                return;
            };
            match backlog.step(most).await {
                None => return,
                Some(Ok(())) => (pause, most) = (shortest, AT_ONCE.min(2 * most)),
                Some(Err(_)) => {
                    (pause, most) = (longest.min(2 * pause), (most / 2).max(1));
                    break;
                }
            }
        }
    }
}

impl Removing<'_> {
    /// They are done.
    pub(super) fn done(mut self) {
        self.keys.clear();
    }
}

impl fmt::Debug for Backlog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Backlog").field(&self.len()).finish()
    }
}

impl Drop for Removing<'_> {
    fn drop(&mut self) {
        self.backlog.remove(&self.keys, self.prefix, self.clock);
    }
}
