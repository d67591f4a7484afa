//! Bytes, as what a target needs.

use std::time::Duration;

/// What is left of them. When there are none, all that is taken is zero or empty.
pub(super) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> u8 {
        self.bytes(1).first().copied().unwrap_or_default()
    }

    /// A number below `end`.
    pub(super) fn below(&mut self, end: u8) -> u8 {
        self.byte() % end
    }

    /// A number of so many bytes as the first one says, so that small ones are as likely as large ones.
    pub(super) fn word(&mut self) -> u64 {
        let length = usize::from(self.below(9));
        let mut word = [0; 8];
        let bytes = self.bytes(length);
        word[..bytes.len()].copy_from_slice(bytes);
        u64::from_le_bytes(word)
    }

    /// Up to 8900 years, of which several together are not too many.
    pub(super) fn millis(&mut self) -> Duration {
        Duration::from_millis(self.word() % (1 << 48))
    }

    /// Up to 255 bytes: the first one says how many.
    pub(super) fn some(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte());
        self.bytes(length)
    }

    /// The same as a text.
    pub(super) fn text(&mut self) -> String {
        String::from_utf8_lossy(self.some()).into_owned()
    }

    pub(super) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    fn bytes(&mut self, length: usize) -> &'a [u8] {
        let (taken, left) = self.0.split_at(length.min(self.0.len()));
        self.0 = left;
        taken
    }
}
