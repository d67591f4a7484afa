//! What [`flight`](crate::flight), [`tag`](crate::tag) and the breaker are made of: the standard library and
//! tokio, or in models shuttle, which runs threads and tasks in orders of its choice.

#[cfg(not(all(test, shuttle)))]
pub(crate) use std::sync::{
    Mutex, MutexGuard, OnceLock,
    atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering},
};
#[cfg(not(all(test, shuttle)))]
pub(crate) use tokio::{runtime::Handle, sync::Notify};

#[cfg(not(all(test, shuttle)))]
pub(crate) use crate::lock::lock;

#[cfg(all(test, shuttle))]
mod shuttled;
#[cfg(all(test, shuttle))]
pub(crate) use self::shuttled::{
    AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Handle, Mutex, MutexGuard, Notify, OnceLock,
    Ordering, explore, explore_all, later, lock, stroll,
};
