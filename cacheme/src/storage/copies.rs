//! Copies of what a database found, several to an allocation.
//!
//! They are made on one thread and dropped on another, which costs the allocator more than the copy.

use bytes::{Bytes, BytesMut};

/// Copies the values of one read.
pub(super) struct Copies {
    /// Where the next ones go.
    block: BytesMut,
    /// How many are to come at most.
    left: usize,
}

impl Copies {
    /// The most that one value keeps others in memory with.
    const BLOCK: usize = 32 << 10;

    /// For a read of so many keys.
    pub(super) fn of(keys: usize) -> Self {
        let block = BytesMut::new();
        Self { block, left: keys }
    }

    pub(super) fn copy(&mut self, value: &[u8]) -> Bytes {
        if self.block.capacity() < value.len() {
            if self.left <= 1 {
                return Bytes::copy_from_slice(value);
            }
            // As if the others were as large.
            let rest = value.len().saturating_mul(self.left).min(Self::BLOCK);
            self.block = BytesMut::with_capacity(rest.max(value.len()));
        }
        self.left = self.left.saturating_sub(1);
        self.block.extend_from_slice(value);
        self.block.split().freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_follow_share_an_allocation() {
        let mut copies = Copies::of(3);
        let [first, second] = [b"first", b"other"].map(|value| copies.copy(value));
        assert_eq!([&first[..], &second], [b"first", b"other"]);
        assert_eq!(first.as_ptr_range().end, second.as_ptr());
        // Much larger than what came before, and the last.
        let last = copies.copy(&vec![7; 1 << 20]);
        assert!(last.len() == 1 << 20 && last.iter().all(|byte| *byte == 7));
        assert!(copies.copy(b"").is_empty());
    }

    #[test]
    fn a_value_keeps_no_more_than_a_block_in_memory() {
        let mut copies = Copies::of(10_000);
        let copied: Vec<_> = (0..100).map(|_| copies.copy(&[1; 1000])).collect();
        let follow = |pair: &&[Bytes]| pair[0].as_ptr_range().end == pair[1].as_ptr();
        let apart = copied.windows(2).filter(|pair| !follow(pair)).count();
        assert!(apart >= 100_000 / Copies::BLOCK, "{apart} blocks");
    }
}
