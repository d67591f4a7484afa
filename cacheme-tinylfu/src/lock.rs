//! A readers-writer lock whose readers write no line of memory that another CPU writes.
//!
//! BRAVO (Dice and Kogan, "BRAVO: Biased Locking for Reader-Writer Locks", USENIX ATC 2019) around
//! the lock of the standard library. While a lock is biased towards readers, a reader only says in a
//! place of its own thread which lock it reads. A writer takes the bias away and waits until no place
//! names its lock any more. After some readers without a writer in between the bias comes back,
//! so that a lock that is often written is a plain one, and costs what that costs.
//!
//! The places are shared by all locks of the process. Two threads may have the same place, and one
//! thread may read two locks: whoever finds its place taken reads by the plain lock.
//!
//! As with the plain lock, a thread that writes what it already reads, or reads or writes what it
//! already writes, waits for itself; one that reads what it already reads does so if a writer came in
//! between. A guard that is forgotten keeps writers waiting for good, also those of a later lock at the
//! same address.
//!
//! This is the crate's unsafe code, but for two instructions in [`cpu`](crate::cpu). It is here since
//! readers of a plain lock take turns in writing its state: see `throughput --hot` of the benchmarks.

use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::ptr::{self, NonNull};

use crate::sync::{self, AtomicBool, AtomicUsize, Ordering, RwLock};
use crate::sync::{RwLockReadGuard, RwLockWriteGuard};
use crate::thread;

/// Readers in a row that bring the bias back, for each place that a writer looks at when it takes it
/// away. That look costs about as much as so many readers save.
const CALM: usize = if cfg!(all(test, loom)) { 1 } else { 4 };
/// Places for readers. Threads beyond that share them.
const PLACES: usize = if cfg!(all(test, loom)) { 2 } else { 64 };
/// How often a writer looks for a reader to leave before it lets other threads run.
const SPINS: u32 = 64;

/// The address of the lock that is read here, or zero. Off the lines of its neighbours, and off the
/// pair of lines that CPUs fetch together.
#[repr(align(128))]
struct Place(AtomicUsize);

#[cfg(not(all(test, loom)))]
static READERS: [Place; PLACES] = [const { Place(AtomicUsize::new(0)) }; PLACES];

#[cfg(all(test, loom))]
loom::lazy_static! {
    static ref READERS: [Place; PLACES] = std::array::from_fn(|_| Place(AtomicUsize::new(0)));
}

/// A value that many may read or one may write. In this order, so that what is read first of the value
/// is in the line that the lock is in.
#[repr(C)]
pub(crate) struct Lock<T> {
    plain: RwLock<()>,
    /// Written only by who holds the plain lock; set by readers, taken away by writers.
    biased: AtomicBool,
    /// About how many more readers bring the bias back; some are lost where several count at once.
    calm: AtomicUsize,
    value: UnsafeCell<T>,
}

// SAFETY: the lock hands out `&T` to many threads and `&mut T` to one at a time, as `RwLock<T>` does,
// which asks for the same of `T`.
unsafe impl<T: Send + Sync> Sync for Lock<T> {}

impl<T> Lock<T> {
    pub(crate) fn new(value: T) -> Self {
        Self {
            plain: RwLock::new(()),
            biased: AtomicBool::new(false),
            calm: AtomicUsize::new(0),
            value: UnsafeCell::new(value),
        }
    }

    /// Waits until nobody writes. For short reads: a writer that waits for this one keeps a CPU busy.
    #[inline]
    pub(crate) fn read(&self) -> ReadGuard<'_, T> {
        match self.enter() {
            Some(place) => self.reading(Reader::Place(place)),
            None => self.read_plain(),
        }
    }

    /// Waits until nobody writes. For reads that may take long: a writer sleeps meanwhile.
    pub(crate) fn read_long(&self) -> ReadGuard<'_, T> {
        self.reading(Reader::Plain(sync::unpoisoned(self.plain.read())))
    }

    /// Waits until nobody reads or writes.
    pub(crate) fn write(&self) -> WriteGuard<'_, T> {
        let plain = sync::unpoisoned(self.plain.write());
        if self.biased.load(Ordering::Relaxed) {
            self.take_bias_away();
        }
        self.calm.store(CALM * places(), Ordering::Relaxed);
        WriteGuard {
            value: NonNull::from_ref(&self.value).cast(),
            _unique: PhantomData,
            _plain: plain,
        }
    }

    /// Reads by the place of this thread, if the lock is biased and the place is free.
    ///
    /// Says where it reads, then looks whether it may, while a writer takes the bias away, then looks
    /// who reads. All four are sequentially consistent, so at least one of them sees the other.
    #[inline]
    fn enter(&self) -> Option<&'static AtomicUsize> {
        if !self.biased.load(Ordering::Relaxed) {
            return None;
        }
        let place = own_place();
        place
            .compare_exchange(0, self.address(), Ordering::SeqCst, Ordering::Relaxed)
            .ok()?;
        sync::fence();
        if self.biased.load(Ordering::SeqCst) {
            return Some(place);
        }
        place.store(0, Ordering::Release);
        None
    }

    fn read_plain(&self) -> ReadGuard<'_, T> {
        let plain = sync::unpoisoned(self.plain.read());
        let calm = self.calm.load(Ordering::Relaxed);
        if calm > 0 {
            self.calm.store(calm - 1, Ordering::Relaxed);
        } else if !self.biased.load(Ordering::Relaxed) {
            self.biased.store(true, Ordering::SeqCst);
        }
        self.reading(Reader::Plain(plain))
    }

    #[cold]
    fn take_bias_away(&self) {
        self.biased.store(false, Ordering::SeqCst);
        sync::fence();
        for place in &READERS[..places()] {
            let mut looks = 0;
            while place.0.load(Ordering::SeqCst) == self.address() {
                looks += 1;
                if looks < SPINS {
                    sync::spin();
                } else {
                    sync::yield_now();
                }
            }
        }
    }

    fn reading<'a>(&'a self, reader: Reader<'a>) -> ReadGuard<'a, T> {
        ReadGuard {
            value: NonNull::from_ref(&self.value).cast(),
            _reader: reader,
        }
    }

    fn address(&self) -> usize {
        ptr::from_ref(&self.biased).addr()
    }
}

/// How a reader makes itself known.
enum Reader<'a> {
    Place(&'static AtomicUsize),
    Plain(#[expect(dead_code, reason = "released when it is dropped")] RwLockReadGuard<'a, ()>),
}

impl Drop for Reader<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Self::Place(place) = self {
            place.store(0, Ordering::Release);
        }
    }
}

/// Lets its holder read the value.
pub(crate) struct ReadGuard<'a, T> {
    /// Not a reference, which would have to be valid until after the lock is released.
    value: NonNull<T>,
    _reader: Reader<'a>,
}

impl<T> Deref for ReadGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the value lives as long as the lock, which is borrowed. Nobody writes it: who holds
        // the plain lock keeps writers out, and a writer waits for who is at a place.
        unsafe { self.value.as_ref() }
    }
}

// SAFETY: a shared guard only hands out `&T`.
unsafe impl<T: Sync> Sync for ReadGuard<'_, T> {}

/// Lets its holder change the value.
pub(crate) struct WriteGuard<'a, T> {
    value: NonNull<T>,
    /// What can be put there must live as long as what the lock was made for: unlike `NonNull`, this
    /// doesn't let a guard pass for one of a shorter-lived value.
    _unique: PhantomData<&'a mut T>,
    _plain: RwLockWriteGuard<'a, ()>,
}

impl<T> Deref for WriteGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the value lives as long as the lock, which is borrowed, and nobody else has access to
        // it: the plain lock is held for writing, and the readers at places were waited for.
        unsafe { self.value.as_ref() }
    }
}

impl<T> DerefMut for WriteGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`; the guard is borrowed mutably, so this is the only reference.
        unsafe { self.value.as_mut() }
    }
}

/// The place of this thread.
#[inline]
fn own_place() -> &'static AtomicUsize {
    &READERS[thread::number() % PLACES].0
}

/// How many of the places threads may be at.
#[inline]
fn places() -> usize {
    thread::most().min(PLACES)
}

#[cfg(test)]
impl<T> Lock<T> {
    /// Whether nobody reads by the plain lock, or by the place of this thread, or writes.
    pub(crate) fn is_free(&self) -> bool {
        // A panic while it was held poisons it, which doesn't matter.
        let held = matches!(
            self.plain.try_write(),
            Err(std::sync::TryLockError::WouldBlock)
        );
        !held && own_place().load(Ordering::SeqCst) != self.address()
    }
}

#[cfg(test)]
impl<T> ReadGuard<'_, T> {
    #[expect(clippy::used_underscore_binding, reason = "only tests look at it")]
    fn is_at_place(&self) -> bool {
        matches!(self._reader, Reader::Place(_))
    }
}

impl<T> fmt::Debug for Lock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lock").finish_non_exhaustive()
    }
}

#[cfg(all(test, loom))]
mod models;
#[cfg(all(test, not(loom)))]
mod tests;
