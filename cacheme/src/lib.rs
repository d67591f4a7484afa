//! A cache framework for async Rust: annotate a struct, say how its value is loaded, and it is
//! cached in process, in Redis, PostgreSQL, MySQL, MongoDB, SQLite or an embedded file, with one load
//! however many ask.
//!
//! ```
//! use cacheme::{Load, LoadContext, LoadResult};
//!
//! // A node: its values each identify one cached thing.
//! #[cacheme::node(storage = "hot", ttl = "30s", version = "v1")]
//! struct UserInfo {
//!     user_id: u64,
//! }
//!
//! impl Load for UserInfo {
//!     type Value = String;
//!
//!     async fn load(&self, _cx: &LoadContext) -> LoadResult<String> {
//!         Ok(format!("user {}", self.user_id))
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> cacheme::Result<()> {
//! cacheme::register_storage("hot", "local://tlfu?capacity=10000").await?;
//!
//! let user = cacheme::get(UserInfo { user_id: 1 }).await?;
//! let users = cacheme::get_all((1..4).map(|user_id| UserInfo { user_id })).await?;
//! assert_eq!(user, users[0]);
//!
//! println!("{}", cacheme::stats());
//! # Ok(())
//! # }
//! ```
//!
//! # Words
//!
//! - A **node** is a type whose values identify one cached thing each: [`node`](macro@node),
//!   [`Node`](trait@Node), [`Load`].
//! - A **storage** is a named place for entries: [`LocalStorage`] keeps typed values in process,
//!   the others keep bytes elsewhere behind the [`Storage`] trait. The module [`storage`] has all of
//!   them, with their URLs.
//! - A **tier** is a storage as a node uses it, with a time to live. A node has one or a chain of
//!   them: `caches(cache(storage = "hot", ttl = "30s"), cache(storage = "my-redis", ttl = "10d"))`.
//! - A **runtime**, [`Cacheme`], owns storages, loads in progress and figures. The functions at the
//!   crate's root use a [global](global()) one.
//!
//! # What always holds
//!
//! - Simultaneous requests for a node cause one load per process, of [`get`], [`get_all`] and both
//!   together. Nobody's cancellation ends it for the others; an error, a panic or a passed
//!   deadline ends it for all at once.
//! - A storage that fails is a counted miss. An entry that can't be read, because it is damaged, or
//!   written by another codec, or for another structure of the value's type, is a counted miss and
//!   is replaced.
//! - Different nodes never share a key: separators in fields are escaped.
//! - A refilled entry lives no longer than the one it was copied from.
//!
//! # Features
//!
//! | feature | default | what |
//! | --- | --- | --- |
//! | `macros` | yes | the attribute and the derive |
//! | `local` | yes | storages in process |
//! | `file`, `sqlite`, `redis`, `postgres`, `mysql`, `mongodb` | no | the [storages](storage) of these names |
//! | `bincode` | yes | the default [codec](codec::Bincode) |
//! | `msgpack`, `json` | no | [codecs](codec) with named fields |
//! | `zstd` | no | compression around any codec |
//! | `mac`, `encryption` | no | values that are signed, or encrypted, by a wrapper around any storage |
//! | `tracing` | no | events for the program's log: a storage or the bus is down, is back, has missed something |
//! | `testing` | no | a [kit](testing) for tests of services, the suite for storages of one's own |

#![forbid(unsafe_code)]

mod batch;
mod batcher;
mod builder;
mod bulkhead;
mod bus;
mod cached;
mod chain;
mod clock;
pub mod codec;
mod debounce;
mod doorkeeper;
mod dynamic;
mod ended;
mod envelope;
mod epoch;
mod error;
mod event;
mod fetch;
mod flight;
#[doc(hidden)]
pub mod function;
#[cfg(any(fuzzing, test))]
#[doc(hidden)]
pub mod fuzzing;
mod global;
mod guard;
mod jitter;
mod key;
mod lease;
mod life;
mod load;
mod lock;
mod meta;
mod node;
mod nothing;
mod panic;
mod pending;
mod prefix;
#[doc(hidden)]
pub mod private;
mod race;
mod registry;
mod renewal;
mod runtime;
#[cfg_attr(
    not(any(feature = "bincode", feature = "json", feature = "msgpack")),
    expect(dead_code, reason = "for codecs that need it")
)]
mod schema;
mod stats;
pub mod storage;
mod switch;
mod sync;
mod tag;
#[cfg(feature = "testing")]
pub mod testing;
mod together;
mod weight;

#[cfg(feature = "macros")]
pub use cacheme_macros::{Node, cached, node};

pub use crate::batch::Batch;
pub use crate::builder::Builder;
pub use crate::bulkhead::MaxLoads;
pub use crate::bus::{Bus, BusFuture, IntoBus, Listening};
pub use crate::cached::{Cached, Source};
pub use crate::clock::{Clock, ManualClock, SystemClock};
pub use crate::codec::{Cacheable, Codec};
pub use crate::debounce::Debounced;
pub use crate::doorkeeper::Doorkeeper;
pub use crate::dynamic::{DynamicBuilder, DynamicNode};
pub use crate::error::{BoxError, Error, ErrorKind, Result};
pub use crate::global::{
    connect_bus, contains, get, get_all, get_entry, get_if_present, get_many, get_with, global,
    invalidate, invalidate_all, invalidate_node, invalidate_tag, nodes, peek, pending, put,
    put_all, refresh, register_storage, set_prefix, set_state, shutdown, stats,
};
pub use crate::key::{Key, KeyWriter};
pub use crate::load::{Load, LoadContext, LoadResult, Loaded};
pub use crate::meta::{Meta, Tier};
pub use crate::node::{KeyPart, Node};
pub use crate::nothing::Nothing;
pub use crate::pending::Pending;
pub use crate::runtime::Cacheme;
pub use crate::stats::{Miss, NodeStats, Stats, TierStats};
#[cfg(feature = "local")]
pub use crate::storage::LocalStorage;
pub use crate::storage::{Entry, IntoStorage, Storage, StorageFuture, Swap};
pub use crate::tag::TagWriter;
