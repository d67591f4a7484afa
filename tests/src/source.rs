//! A source whose values change from version to version, behind a gate; the state of a runtime.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cacheme::LoadResult;
use cacheme::testing::Gate;

/// Gives a number and a thousand for each change before the load began. Clones share everything.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// What each load passes, by its number.
    pub gate: Gate<u64>,
    version: Arc<AtomicU64>,
}

impl Source {
    /// The value of a number in the version that the source has when this is called.
    ///
    /// # Errors
    ///
    /// When the gate is told to fail.
    pub async fn load(&self, number: u64) -> LoadResult<u64> {
        let version = self.version.load(Ordering::Relaxed);
        self.gate.pass([number]).await?;
        Ok(number + 1000 * version)
    }

    /// Begins the next version.
    pub fn changes(&self) {
        self.version.fetch_add(1, Ordering::Relaxed);
    }

    /// How many loads have begun.
    pub fn loads(&self) -> usize {
        self.gate.calls().len()
    }
}

/// A `Load` for nodes of one number, from the [`Source`] in the state.
#[macro_export]
macro_rules! loads {
    ($($node:ident)*) => {
        $(impl ::cacheme::Load for $node {
            type Value = u64;

            async fn load(&self, cx: &::cacheme::LoadContext) -> ::cacheme::LoadResult<u64> {
                cx.state::<$crate::source::Source>()?.load(self.0).await
            }
        })*
    };
}
