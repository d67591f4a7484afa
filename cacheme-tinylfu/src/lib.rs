//! A concurrent cache in the memory of one process, with W-TinyLFU or LRU eviction, a lifetime per
//! entry and lookup by borrowed keys. It needs no async runtime and starts no thread.
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
//! - A cache never keeps more entries than its capacity, not for a moment.
//! - What a lookup finds is the value that was inserted last under its key. It is never an expired one.
//! - A value that is replaced, evicted or cleared is dropped after the lock is released, so that its
//!   `Drop` may use the cache.
//! - After a panic in user code, such as in `Clone` or `Eq`, the cache works on as before.
//!
//! # What runs while a lock is held
//!
//! The cache is split into shards, each behind a lock. `Eq` of keys, `Clone` of what is handed out, the
//! closure of [`Cache::lookup`] and the [`clock`](Builder::clock) run while a shard is locked. They
//! must not use the same cache, which may deadlock, and should be short.
//!
//! # Costs
//!
//! Every operation on one key takes one lock and a constant number of steps. Besides the key and the
//! value, an entry takes 40 to 70 bytes. An empty cache takes a few hundred bytes per shard, whatever
//! its capacity.

#![forbid(unsafe_code)]

mod bloom;
mod builder;
mod cache;
mod clock;
mod list;
mod lookup;
mod node;
mod partition;
mod policy;
mod shard;
mod sketch;
mod slab;

pub use bloom::BloomFilter;
pub use builder::{BuildError, Builder};
pub use cache::{Cache, Iter};
pub use equivalent::Equivalent;
pub use foldhash::quality::RandomState;
pub use lookup::Lookup;
pub use policy::Policy;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
