//! A storage that does what the test says: it keeps bytes in memory, writes down its calls, and
//! can be made to fail or to wait.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use cacheme::{Entry, Key, Storage, StorageFuture};
use tokio::sync::watch;

/// A storage in memory. Clones share it.
#[derive(Clone, Debug)]
pub struct MemoryStorage {
    entries: Arc<Mutex<HashMap<Key, Bytes>>>,
    calls: Arc<Mutex<Vec<Call>>>,
    mode: watch::Sender<Mode>,
    parallel_reads: Option<usize>,
}

/// An operation and how many entries it was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// `get_many`.
    Get(usize),
    /// `put_many`.
    Put(usize),
    /// `remove_many`.
    Remove(usize),
}

/// What operations do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// What they should.
    Works,
    /// Return an error.
    Fails,
    /// Wait for another mode.
    Waits,
    /// Writes wait for another mode.
    HoldsWrites,
    /// Writes are done at once, and answered in another mode.
    AnswersWritesLate,
    /// Panic.
    Panics,
}

impl MemoryStorage {
    /// An empty storage that works.
    pub fn new() -> Self {
        Self {
            entries: Arc::default(),
            calls: Arc::default(),
            mode: watch::Sender::new(Mode::Works),
            parallel_reads: None,
        }
    }

    /// Has runtimes merge reads beyond so many at a time.
    #[must_use]
    pub fn with_parallel_reads(mut self, reads: usize) -> Self {
        self.parallel_reads = Some(reads);
        self
    }

    /// Changes what operations do, those that wait included.
    pub fn set_mode(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// The operations since the last call of this, as they began.
    pub fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut lock(&self.calls))
    }

    /// Whether this operation has begun since the last [`take_calls`](Self::take_calls).
    pub fn has_begun(&self, call: Call) -> bool {
        lock(&self.calls).contains(&call)
    }

    /// What is there.
    pub fn entries(&self) -> MutexGuard<'_, HashMap<Key, Bytes>> {
        lock(&self.entries)
    }

    async fn begin(&self, call: Call) -> Result<(), &'static str> {
        lock(&self.calls).push(call);
        // Await points for cancellation to hit.
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        let waits = |mode: &Mode| match mode {
            Mode::Waits => true,
            Mode::HoldsWrites => matches!(call, Call::Put(_)),
            _ => false,
        };
        let mut mode = self.mode.subscribe();
        let mode = mode.wait_for(|mode| !waits(mode)).await;
        match mode.as_deref() {
            Ok(Mode::Fails) | Err(_) => Err("told to fail"),
            Ok(Mode::Panics) => panic!("told to panic"),
            Ok(_) => Ok(()),
        }
    }
}

impl Default for MemoryStorage {
    fn default() -> Self {
        Self::new()
    }
}

impl Storage for MemoryStorage {
    fn get_many<'a>(&'a self, keys: &'a [Key]) -> StorageFuture<'a, Vec<Option<Bytes>>> {
        Box::pin(async move {
            self.begin(Call::Get(keys.len())).await?;
            let entries = self.entries();
            Ok(keys.iter().map(|key| entries.get(key).cloned()).collect())
        })
    }

    fn put_many<'a>(&'a self, entries: &'a [Entry]) -> StorageFuture<'a, ()> {
        Box::pin(async move {
            self.begin(Call::Put(entries.len())).await?;
            let pairs = entries
                .iter()
                .map(|entry| (entry.key().clone(), entry.value().clone()));
            self.entries().extend(pairs);
            let mut mode = self.mode.subscribe();
            mode.wait_for(|mode| *mode != Mode::AnswersWritesLate)
                .await?;
            Ok(())
        })
    }

    fn remove_many<'a>(&'a self, keys: &'a [Key]) -> StorageFuture<'a, ()> {
        Box::pin(async move {
            self.begin(Call::Remove(keys.len())).await?;
            self.entries().retain(|key, _| !keys.contains(key));
            Ok(())
        })
    }

    fn parallel_reads(&self) -> Option<usize> {
        self.parallel_reads
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
