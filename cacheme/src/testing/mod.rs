//! For tests: of services that use cacheme, and of storages of one's own.
//!
//! A service is tested without servers and without waiting:
//!
//! - [`Kit`] makes runtimes in which every storage that a node names is there, in memory, and time stands
//!   still until the test moves it.
//! - [`MemoryStorage`] is what it puts there: it fails, waits or panics when it is told to.
//! - [`Gate`] stands in front of the source: it counts loads, and holds them up, fails or panics when it
//!   is told to.
//! - [`MemoryBus`] carries invalidations between the runtimes of a test.
//! - [`Conformance`] checks a [`Storage`](crate::Storage) of one's own.
//!
//! What expires goes by the kit's clock, as do the pauses of `stale` and `refresh_at`; deadlines go by tokio's, and so do
//! the pauses of a storage or a bus that is down. A test with
//! `#[tokio::test(start_paused = true)]` doesn't wait for those either (tokio's feature `test-util`).
//! To see whether a test depends on the cache at all, run it with `CACHEME_DISABLED=1`.
//!
//! # A service and its test
//!
//! ```
//! use std::pin::Pin;
//! use std::time::Duration;
//!
//! use cacheme::testing::{Gate, Kit, Mode};
//! use cacheme::{Cacheme, Load, LoadContext, LoadResult, Miss};
//!
//! // The service: a node in two storages, and a source behind a trait.
//! trait Catalog: Send + Sync {
//!     fn price(&self, article: u64) -> Pin<Box<dyn Future<Output = LoadResult<u64>> + Send + '_>>;
//! }
//!
//! #[cacheme::node(caches(cache(storage = "hot", ttl = "10s"), cache(storage = "my-redis", ttl = "1h")))]
//! struct Price {
//!     article: u64,
//! }
//!
//! impl Load for Price {
//!     type Value = u64;
//!
//!     async fn load(&self, cx: &LoadContext) -> LoadResult<u64> {
//!         cx.state::<Box<dyn Catalog>>()?.price(self.article).await
//!     }
//! }
//!
//! async fn total(cache: &Cacheme, articles: &[u64]) -> cacheme::Result<u64> {
//!     let prices = articles.iter().map(|&article| Price { article });
//!     Ok(cache.get_all(prices).await?.into_iter().sum())
//! }
//!
//! // The test: a source that goes through a gate, and a kit.
//! struct FakeCatalog(Gate<u64>);
//!
//! impl Catalog for FakeCatalog {
//!     fn price(&self, article: u64) -> Pin<Box<dyn Future<Output = LoadResult<u64>> + Send + '_>> {
//!         Box::pin(async move {
//!             self.0.pass([article]).await?;
//!             Ok(100 * article)
//!         })
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> cacheme::Result<()> {
//! let (kit, gate) = (Kit::new(), Gate::new());
//! let catalog: Box<dyn Catalog> = Box::new(FakeCatalog(gate.clone()));
//! let cache = kit.builder().state(catalog).build().await?;
//!
//! // An article that is there twice is loaded once.
//! assert_eq!(total(&cache, &[1, 2, 1]).await?, 400);
//! assert_eq!((gate.count(&1), gate.count(&2)), (1, 1));
//!
//! // While both the source and what is nearest fail, Redis answers.
//! gate.set_mode(Mode::Fails);
//! kit.storage("hot").set_mode(Mode::Fails);
//! assert_eq!(total(&cache, &[2]).await?, 200);
//!
//! // When Redis has nothing any more, the error is the source's.
//! kit.advance(Duration::from_secs(3600));
//! let error = total(&cache, &[2]).await.expect_err("the source is down");
//! assert_eq!(format!("{error:#}"), "loading `Price` failed: told to fail");
//!
//! // And the figures say what happened.
//! let stats = cache.stats();
//! let price = stats.node::<Price>().expect("the node was used");
//! assert_eq!(price.failed_loads(), 1);
//! assert_eq!(price.tiers()[0].missed(Miss::Unavailable), 2);
//! # Ok(())
//! # }
//! ```
//!
//! A [cached](macro@crate::cached) function or method takes the kit's runtime from where it finds it, here from the
//! service:
//!
//! ```
//! use cacheme::Cacheme;
//! use cacheme::testing::Kit;
//!
//! struct Service { cacheme: Cacheme }
//!
//! impl Service {
//!     #[cacheme::cached(storage = "my-redis", ttl = "1h", runtime = &self.cacheme)]
//!     async fn length(#[skip] &self, text: &str) -> usize {
//!         text.len()
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> cacheme::Result<()> {
//! let kit = Kit::new();
//! let service = Service { cacheme: kit.builder().build().await? };
//! assert_eq!(service.length("four").await, 4);
//! assert_eq!(service.length_get_cached("four").await?, Some(4));
//! # Ok(())
//! # }
//! ```

mod bus;
mod conformance;
mod gate;
mod kit;
mod memory;
mod mode;

pub use self::bus::MemoryBus;
pub use self::conformance::Conformance;
pub use self::gate::Gate;
pub use self::kit::Kit;
pub(crate) use self::kit::StandIns;
pub use self::memory::{Call, MemoryStorage, Operation};
pub use self::mode::Mode;
