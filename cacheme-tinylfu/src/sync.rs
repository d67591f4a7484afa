//! What [`lock`](crate::lock), [`flight`](crate::flight) and [`thread`](crate::thread) are made of: the
//! standard library, or in models loom, which runs them in every order that there is.

use std::sync::{LockResult, PoisonError};

#[cfg(all(test, loom))]
pub(crate) use loom::{
    hint::spin_loop as spin,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    sync::{Condvar, Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard},
    thread::yield_now,
};
#[cfg(not(all(test, loom)))]
pub(crate) use std::{
    hint::spin_loop as spin,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    sync::{Condvar, Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard},
    thread::yield_now,
};

/// The guard of a lock, also after a panic: no user code runs in the middle of a change.
pub(crate) fn unpoisoned<G>(result: LockResult<G>) -> G {
    result.unwrap_or_else(PoisonError::into_inner)
}

/// Nothing: sequentially consistent accesses on both sides are enough. Loom takes such accesses for
/// acquiring and releasing ones, so models need the fence.
#[inline]
pub(crate) fn fence() {
    #[cfg(all(test, loom))]
    loom::sync::atomic::fence(Ordering::SeqCst);
}
