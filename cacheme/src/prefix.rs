//! What stands in front of every key of a runtime, and sets its entries apart.

use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use crate::switch::NOWHERE;

/// What stands in front of every key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Prefix {
    text: Option<Arc<str>>,
    /// A hash of it, which sets flights and entries in local tiers apart; 0 for none.
    pub(crate) scope: u64,
}

impl Prefix {
    /// The prefix of this text; an empty one is none.
    pub(crate) fn new(text: String) -> Self {
        if text.is_empty() {
            return Self::default();
        }
        let scope = xxh3_64(text.as_bytes()).clamp(1, NOWHERE - 1);
        let text = Some(text.into());
        Self { text, scope }
    }

    pub(crate) fn text(&self) -> &str {
        self.text.as_deref().unwrap_or_default()
    }
}
