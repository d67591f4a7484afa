//! A storage in memory that does what the test says.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;

use super::mode::{Mode, Told};
use crate::clock::Clock;
use crate::ended;
use crate::error::BoxError;
use crate::key::Key;
use crate::lock::lock;
use crate::storage::{Entry, Storage, StorageFuture, Swap};

/// A storage that keeps bytes in memory, writes down its calls, and fails, waits or panics when it
/// is told to. Clones share everything.
///
/// ```
/// use cacheme::testing::{Call, MemoryStorage, Mode};
/// use cacheme::Cacheme;
///
/// #[cacheme::node(storage = "redis")]
/// struct Answer;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> cacheme::Result<()> {
/// let redis = MemoryStorage::new();
/// let runtime = Cacheme::builder().storage("redis", redis.clone()).build().await?;
/// redis.set_mode(Mode::FailsNext(1));
/// let answer = async || runtime.get_with(Answer, |_cx| async { Ok(42) }).await;
/// // A tier that didn't answer isn't asked to keep the value.
/// assert_eq!(answer().await?, 42);
/// assert_eq!(redis.take_calls(), [Call::Get(1)]);
/// assert_eq!(answer().await?, 42);
/// assert_eq!(redis.take_calls(), [Call::Get(1), Call::Put(1)]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct MemoryStorage {
    core: Arc<Core>,
    clock: Option<Arc<dyn Clock>>,
    parallel_reads: Option<usize>,
}

#[derive(Debug)]
struct Core {
    entries: Mutex<HashMap<Key, Bytes>>,
    /// When entries expire, locked behind them; by the clock's time since the Unix epoch.
    expiries: Mutex<HashMap<Key, Duration>>,
    calls: Mutex<Vec<Call>>,
    gets: Told,
    puts: Told,
    removes: Told,
    swaps: Told,
}

/// A call of an operation, and how many entries it was for, without those that say
/// [what was ended](crate::Cacheme::invalidate_node), which are read once a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// [`get_many`](Storage::get_many).
    Get(usize),
    /// [`put_many`](Storage::put_many).
    Put(usize),
    /// [`remove_many`](Storage::remove_many).
    Remove(usize),
    /// [`swap_many`](Storage::swap_many).
    Swap(usize),
}

/// The operations of a [`Storage`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// [`get_many`](Storage::get_many).
    Get,
    /// [`put_many`](Storage::put_many).
    Put,
    /// [`remove_many`](Storage::remove_many).
    Remove,
    /// [`swap_many`](Storage::swap_many).
    Swap,
}

impl MemoryStorage {
    /// An empty storage that works. Entries stay until they are removed; a runtime sees by its own
    /// clock that they are expired.
    pub fn new() -> Self {
        Self {
            core: Arc::new(Core {
                entries: Mutex::default(),
                expiries: Mutex::default(),
                calls: Mutex::default(),
                gets: Told::new(),
                puts: Told::new(),
                removes: Told::new(),
                swaps: Told::new(),
            }),
            clock: None,
            parallel_reads: None,
        }
    }

    /// Has entries expire by a clock, as on a server that has its own.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Has runtimes merge reads, of which so many are worth being under way at a time.
    #[must_use]
    pub fn with_parallel_reads(mut self, reads: usize) -> Self {
        self.parallel_reads = Some(reads);
        self
    }

    /// Changes what all operations do, those that wait included.
    ///
    /// A runtime leaves a storage alone whose reads fail, as [`Builder::storage_timeout`] says, so after an
    /// outage it takes a read that it sends beside its caller, 0.1 to 0.5 s of tokio's time later, until it
    /// asks again.
    ///
    /// [`Builder::storage_timeout`]: crate::Builder::storage_timeout
    pub fn set_mode(&self, mode: Mode) {
        let reads_and_writes = [Operation::Get, Operation::Put];
        for operation in reads_and_writes
            .into_iter()
            .chain([Operation::Remove, Operation::Swap])
        {
            self.set_mode_of(operation, mode);
        }
    }

    /// Changes what one operation does, those that wait included.
    pub fn set_mode_of(&self, operation: Operation, mode: Mode) {
        self.told(operation).set(mode);
    }

    /// The calls since the last call of this, as they began.
    pub fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut lock(&self.core.calls))
    }

    /// How often an operation was called since the last [`take_calls`](Self::take_calls).
    pub fn count(&self, operation: Operation) -> usize {
        let calls = lock(&self.core.calls);
        calls
            .iter()
            .filter(|call| call.operation() == operation)
            .count()
    }

    /// Whether this call has begun since the last [`take_calls`](Self::take_calls).
    pub fn has_begun(&self, call: Call) -> bool {
        lock(&self.core.calls).contains(&call)
    }

    /// What is there, expired or not, to be looked at and to be damaged. Operations wait while it
    /// is held.
    pub fn entries(&self) -> MutexGuard<'_, HashMap<Key, Bytes>> {
        lock(&self.core.entries)
    }

    fn told(&self, operation: Operation) -> &Told {
        match operation {
            Operation::Get => &self.core.gets,
            Operation::Put => &self.core.puts,
            Operation::Remove => &self.core.removes,
            Operation::Swap => &self.core.swaps,
        }
    }

    /// Does `work` as the call is told to.
    async fn call<T>(&self, call: Call, work: impl FnOnce(&Self) -> T) -> Result<T, BoxError> {
        lock(&self.core.calls).push(call);
        let told = self.told(call.operation());
        told.begin().await?;
        let done = work(self);
        told.end().await?;
        Ok(done)
    }

    fn find(&self, keys: &[Key]) -> Vec<Option<Bytes>> {
        let kept = self.kept();
        keys.iter().map(|key| kept.find(key).cloned()).collect()
    }

    fn keep(&self, entries: &[Entry]) {
        let mut kept = self.kept();
        for entry in entries {
            kept.keep(entry);
        }
    }

    fn swap(&self, swaps: &[Swap]) -> Vec<bool> {
        let mut kept = self.kept();
        let swap = |swap: &Swap| {
            let is_so = kept.find(swap.entry().key()) == swap.expected();
            if is_so {
                kept.keep(swap.entry());
            }
            is_so
        };
        swaps.iter().map(swap).collect()
    }

    fn kept(&self) -> Kept<'_> {
        Kept {
            entries: self.entries(),
            expiries: lock(&self.core.expiries),
            now: self.now(),
        }
    }

    fn forget(&self, keys: &[Key]) {
        let (mut entries, mut expiries) = (self.entries(), lock(&self.core.expiries));
        for key in keys {
            entries.remove(key);
            expiries.remove(key);
        }
    }
}

/// What is there, while nobody else changes it.
struct Kept<'a> {
    entries: MutexGuard<'a, HashMap<Key, Bytes>>,
    expiries: MutexGuard<'a, HashMap<Key, Duration>>,
    /// The time, where entries expire by a clock.
    now: Option<Duration>,
}

impl Kept<'_> {
    fn find(&self, key: &Key) -> Option<&Bytes> {
        let end = self.expiries.get(key);
        let is_expired = end.zip(self.now).is_some_and(|(end, now)| *end <= now);
        self.entries.get(key).filter(|_| !is_expired)
    }

    fn keep(&mut self, entry: &Entry) {
        let key = entry.key().clone();
        self.entries.insert(key.clone(), entry.value().clone());
        match entry.ttl().zip(self.now) {
            Some((ttl, now)) => drop(self.expiries.insert(key, now.saturating_add(ttl))),
            None => drop(self.expiries.remove(&key)),
        }
    }
}

impl Call {
    fn operation(self) -> Operation {
        match self {
            Self::Get(_) => Operation::Get,
            Self::Put(_) => Operation::Put,
            Self::Remove(_) => Operation::Remove,
            Self::Swap(_) => Operation::Swap,
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
        let entries = keys.iter().filter(|key| !ended::is_mark(key)).count();
        Box::pin(self.call(Call::Get(entries), |storage| storage.find(keys)))
    }

    fn put_many<'a>(&'a self, entries: &'a [Entry]) -> StorageFuture<'a, ()> {
        Box::pin(self.call(Call::Put(entries.len()), |storage| storage.keep(entries)))
    }

    fn remove_many<'a>(&'a self, keys: &'a [Key]) -> StorageFuture<'a, ()> {
        Box::pin(self.call(Call::Remove(keys.len()), |storage| storage.forget(keys)))
    }

    fn swap_many<'a>(&'a self, swaps: &'a [Swap]) -> StorageFuture<'a, Vec<bool>> {
        Box::pin(self.call(Call::Swap(swaps.len()), |storage| storage.swap(swaps)))
    }

    fn can_swap(&self) -> bool {
        true
    }

    fn now(&self) -> Option<Duration> {
        self.clock.as_ref().map(|clock| clock.unix())
    }

    fn parallel_reads(&self) -> Option<usize> {
        self.parallel_reads
    }
}
