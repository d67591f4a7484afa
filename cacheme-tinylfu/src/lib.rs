//! A concurrent cache in the memory of one process, which learns whether to keep what was used often or
//! what was used lately. It needs no async runtime and starts no thread.
//!
//! ```
//! use std::time::Duration;
//!
//! use cacheme_tinylfu::{BuildError, Cache};
//!
//! # fn main() -> Result<(), BuildError> {
//! let cache: Cache<String, u64> = Cache::builder().capacity(10_000).build()?;
//! cache.insert("hits".to_owned(), 1);
//! cache.insert_with_ttl("visitors".to_owned(), 2, Duration::from_secs(60));
//!
//! assert_eq!(cache.get("hits"), Some(1));
//! assert_eq!(cache.remove("visitors"), Some(2));
//! assert_eq!(cache.len(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! # What always holds
//!
//! - A cache never keeps more entries, or more weight, than its capacity, not for a moment.
//! - What a lookup finds is the value that was inserted last under its key. It is never an expired one.
//! - The entry that was inserted last is kept, whatever leaves for it. The exceptions are those of
//!   [`Cause::TooHeavy`] and [`Cause::Outweighed`], where entries are weighed, [`Cause::FirstSeen`], where
//!   a doorkeeper was asked for, and lifetimes of zero.
//! - A value that is replaced, evicted or cleared is dropped after the lock is released, so that its
//!   `Drop` may use the cache; so may the [listener](Builder::on_evict).
//! - After a panic in user code, such as in `Clone` or `Eq`, the cache works on as before.
//!
//! # What runs while a shard is held
//!
//! The cache is split into shards, each behind a lock that many may read or one may write. `Eq` of keys
//! and the [`clock`](Builder::clock) run under it, and so do `Clone` of what is handed out and the
//! closures of [`Cache::lookup`], [`Cache::compute`], [`Cache::remove_if`] and [`Cache::retain`]; within
//! `compute` the [weigher](Builder::weigher) and [`expires_after`](Builder::expires_after) too. They
//! must not use the same cache, which may deadlock, and should be short.
//!
//! # Costs
//!
//! A hit allocates nothing and reads two lines of memory, one of the table and one of the entry,
//! besides those of the shard, which stay in the CPU's cache. Its only write is of one bit of the
//! entry, if that isn't set, and of a place of its own thread, as long as nobody writes the shard;
//! where it is often written, and for [`Cache::get_ref`], readers share a plain lock, whose state they
//! take turns in writing. An insertion takes the lock of a shard, looks at 16 entries at most for each
//! that leaves, of which there may be several where entries are weighed, and at 8 timers. Growing a
//! shard's table, up to the capacity of the shard, and [`Cache::retain`], [`Cache::resize`] and
//! [`Cache::iter`] take time in proportion to what it holds.
//!
//! Besides the key and the value, an entry takes 24 to 32 bytes in a full cache; lifetimes and weights
//! take more where they are used. An empty cache takes 512 bytes per [shard](Builder::shards), whatever
//! its capacity.

#![deny(unsafe_code)]

mod bloom;
mod builder;
mod cache;
mod clock;
#[expect(unsafe_code, reason = "instructions of the CPU are unsafe functions")]
mod cpu;
mod doorkeeper;
mod flight;
mod list;
mod listener;
#[expect(unsafe_code, reason = "readers that write no shared line need it")]
mod lock;
mod lookup;
mod mark;
mod partition;
mod policy;
mod rules;
mod shard;
mod slab;
mod stats;
mod sync;
mod table;
mod thread;
mod times;
mod wheel;

pub use bloom::BloomFilter;
pub use builder::{BuildError, Builder};
pub use cache::{Cache, EntryRef, Iter, Op, PolicyView};
pub use equivalent::Equivalent;
pub use foldhash::quality::RandomState;
pub use listener::Cause;
pub use lookup::Lookup;
pub use policy::Policy;
pub use stats::Stats;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
