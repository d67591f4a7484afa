//! What stands in front of every key of a runtime, and sets its entries apart.

use std::sync::Arc;

use twox_hash::XxHash3_64;

use crate::switch::NOWHERE;

/// What stands in front of every key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Prefix {
    text: Option<Arc<str>>,
    /// A hash of it; 0 for none.
    pub(crate) id: u64,
    /// What sets flights and entries in local tiers apart: the same, and other ones after all were ended.
    pub(crate) scope: u64,
}

impl Prefix {
    /// The prefix of this text; an empty one is none.
    pub(crate) fn new(text: String) -> Self {
        if text.is_empty() {
            return Self::default();
        }
        let id = XxHash3_64::oneshot(text.as_bytes()).clamp(1, NOWHERE - 1);
        let text = Some(text.into());
        let scope = id;
        Self { text, id, scope }
    }

    pub(crate) fn text(&self) -> &str {
        self.text.as_deref().unwrap_or_default()
    }
}
