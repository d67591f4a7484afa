//! Values that are counted.

use std::sync::Arc;

/// Counts the tokens that were made of it and not dropped yet.
#[derive(Default)]
pub(super) struct Mint(Arc<()>);

/// A value that tells its key.
#[derive(Clone)]
pub(super) struct Token {
    pub(super) key: u64,
    _alive: Arc<()>,
}

impl Mint {
    pub(super) fn token(&self, key: u64) -> Token {
        Token {
            key,
            _alive: Arc::clone(&self.0),
        }
    }

    pub(super) fn alive(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }
}
