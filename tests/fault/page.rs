//! What is cached: pages that say of themselves which they are, in nodes of several kinds.

use std::sync::Arc;

use cacheme::{Load, LoadContext, LoadResult};

use crate::source::Source;

/// A value. All of it follows from its number and its version.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
pub(crate) struct Page {
    /// Which one it is.
    pub(crate) number: u64,
    /// Which version of it.
    pub(crate) version: u64,
    body: Vec<u64>,
}

impl Page {
    /// The page as the source has it: up to 1 KiB.
    pub(crate) fn new(number: u64, version: u64) -> Self {
        let word = |place| (number << 32 | version).wrapping_mul(place | 1);
        let body = (0..number % 120).map(word).collect();
        Self {
            number,
            version,
            body,
        }
    }

    /// Whether the source could have given it.
    pub(crate) fn is_whole(&self) -> bool {
        *self == Self::new(self.number, self.version)
    }
}

/// A node of pages, by their number.
pub(crate) trait Shelf: Load<Value = Page> + Copy {
    /// The node of a page.
    fn at(number: u64) -> Self;
}

/// In process and beyond.
#[cacheme::node(
    caches(cache(storage = "near"), cache(storage = "far", ttl = "1h")),
    hard_timeout = "1s"
)]
#[derive(Clone, Copy)]
pub(crate) struct Chained(u64);

/// Not in process.
#[cacheme::node(storage = "far", ttl = "1h", hard_timeout = "1s")]
#[derive(Clone, Copy)]
pub(crate) struct Plain(u64);

/// In groups that end together.
#[cacheme::node(
    caches(cache(storage = "near"), cache(storage = "far", ttl = "1h")),
    tags("group:{1}"),
    hard_timeout = "1s"
)]
#[derive(Clone, Copy)]
pub(crate) struct Grouped(u64, u64);

/// Of a short life, and kept for when the source fails.
#[cacheme::node(storage = "far", ttl = "300ms", stale = "1h", hard_timeout = "1s")]
#[derive(Clone, Copy)]
pub(crate) struct Kept(u64);

/// In process only.
#[cacheme::node(storage = "near", hard_timeout = "1s")]
#[derive(Clone, Copy)]
pub(crate) struct Own(u64);

/// How many groups there are.
const GROUPS: u64 = 32;

/// The group of a page.
pub(crate) fn group(number: u64) -> u64 {
    number % GROUPS
}

/// Loads from the source that is the runtime's state.
macro_rules! shelves {
    ($($node:ident($($field:expr),*);)*) => {
        $(
            impl Load for $node {
                type Value = Page;

                async fn load(&self, cx: &LoadContext) -> LoadResult<Page> {
                    cx.state::<Arc<Source>>()?.load(self.0).await
                }
            }

            impl Shelf for $node {
                fn at(number: u64) -> Self {
                    Self($($field(number)),*)
                }
            }
        )*
    };
}

shelves! {
    Chained(u64::from);
    Plain(u64::from);
    Grouped(u64::from, group);
    Kept(u64::from);
    Own(u64::from);
}
