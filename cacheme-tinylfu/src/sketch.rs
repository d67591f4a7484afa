//! An estimate of how often each key was asked for lately, whether or not it is in the cache.
//!
//! A count-min sketch (Cormode and Muthukrishnan, "An Improved Data Stream Summary", 2005) of 4-bit
//! counters, aged as in Einziger, Friedman and Manes, "`TinyLFU`: A Highly Efficient Cache Admission
//! Policy", ACM Transactions on Storage 2017: after a period of records every counter is halved. The
//! four counters of a key lie in one block of 64 bytes, so that a record costs one cache miss. Between
//! two halvings an estimate is never below the true count, up to 15.

use std::array;

/// Counters of one row in a block.
const ROW: u64 = 32;
/// Counters in a 64-bit word.
const PER_WORD: u64 = 16;
const MAX_COUNT: u64 = 15;
/// Every counter of a word, without its highest bit: what is left of a counter after halving.
const HALVED: u64 = 0x7777_7777_7777_7777;
/// Entries that a block serves well.
const ENTRIES_PER_BLOCK: usize = 8;
/// Records per entry between two halvings.
const PERIOD: usize = 10;

/// Four rows of [`ROW`] counters, two words each; one cache line.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Block([u64; 8]);

/// Approximate counts of hashes, 0 to 15.
#[derive(Debug)]
pub(crate) struct Sketch {
    blocks: Vec<Block>,
    /// Records since the last halving.
    records: usize,
    /// Records at which the next halving is due.
    period: usize,
}

impl Sketch {
    /// A sketch that serves a few entries. It takes 64 bytes.
    pub(crate) fn new() -> Self {
        Self {
            blocks: vec![Block([0; 8])],
            records: 0,
            period: PERIOD * ENTRIES_PER_BLOCK,
        }
    }

    /// Grows the sketch until it serves `entries`. No estimate changes.
    ///
    /// A block is chosen by the low bits of the hash, so when one bit more is used both halves of a
    /// doubled sketch begin as copies of what the sketch was.
    pub(crate) fn fit(&mut self, entries: usize) {
        while self.blocks.len() * ENTRIES_PER_BLOCK < entries {
            self.blocks.extend_from_within(..);
        }
        self.period = PERIOD * entries.max(ENTRIES_PER_BLOCK);
    }

    /// Counts one request for a hash.
    pub(crate) fn record(&mut self, hash: u64) {
        let block = self.block_of(hash);
        let words = &mut self.blocks[block].0;
        let mut counted = 0;
        for (word, shift) in counters(hash) {
            // Without a branch, which would be as hard to predict as the keys are.
            let room = u64::from((words[word] >> shift) & MAX_COUNT < MAX_COUNT);
            words[word] += room << shift;
            counted |= room;
        }
        self.records += usize::from(counted != 0);
        if self.records >= self.period {
            self.halve();
        }
    }

    /// About how often a hash was recorded lately.
    pub(crate) fn estimate(&self, hash: u64) -> u64 {
        let words = &self.blocks[self.block_of(hash)].0;
        counters(hash)
            .into_iter()
            .map(|(word, shift)| (words[word] >> shift) & MAX_COUNT)
            .fold(MAX_COUNT, u64::min)
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "only the low bits of the hash are used"
    )]
    fn block_of(&self, hash: u64) -> usize {
        hash as usize & (self.blocks.len() - 1)
    }

    #[cold]
    fn halve(&mut self) {
        for word in self.blocks.iter_mut().flat_map(|block| &mut block.0) {
            *word = (*word >> 1) & HALVED;
        }
        self.records /= 2;
    }
}

/// The word and the shift of a hash's counter in each row of its block.
fn counters(hash: u64) -> [(usize, u64); 4] {
    // The low bits chose the block and bits from 40 up the shard, so the product's high bits, which
    // depend on all of them, choose the counters.
    let mixed = hash.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
    array::from_fn(|row| {
        let at = (mixed >> (row * 5)) % ROW;
        let word = row * 2 + (at / PER_WORD) as usize;
        (word, at % PER_WORD * 4)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(key: u64) -> u64 {
        (key + 1)
            .wrapping_mul(0xD6E8_FEB8_6659_FD93)
            .rotate_left(32)
    }

    #[test]
    fn estimate_is_never_below_the_count() {
        let mut sketch = Sketch::new();
        sketch.fit(1000);
        for key in 0..1000 {
            for _ in 0..key % 8 {
                sketch.record(hash(key));
            }
        }
        assert!((0..1000).all(|key| sketch.estimate(hash(key)) >= key % 8));
    }

    #[test]
    fn most_estimates_are_exact() {
        let mut sketch = Sketch::new();
        sketch.fit(1000);
        (0..1000).for_each(|key| sketch.record(hash(key)));
        let exact = (0..1000)
            .filter(|&key| sketch.estimate(hash(key)) == 1)
            .count();
        let unseen = (1000..2000)
            .filter(|&key| sketch.estimate(hash(key)) == 0)
            .count();
        assert!(exact > 950 && unseen > 950, "{exact} and {unseen} of 1000");
    }

    #[test]
    fn count_stops_at_fifteen() {
        let mut sketch = Sketch::new();
        (0..40).for_each(|_| sketch.record(hash(1)));
        assert_eq!(sketch.estimate(hash(1)), 15);
    }

    #[test]
    fn counts_are_halved_after_a_period() {
        let mut sketch = Sketch::new();
        sketch.fit(100);
        (0..15).for_each(|_| sketch.record(hash(0)));
        sketch.records = 10 * 100 - 1;
        sketch.record(hash(1));
        assert_eq!((sketch.estimate(hash(0)), sketch.records), (7, 500));
    }

    #[test]
    fn halving_changes_no_neighbour() {
        let mut sketch = Sketch::new();
        sketch.blocks[0] = Block([0x7531_7531_7531_7531; 8]);
        sketch.halve();
        assert_eq!(sketch.blocks[0].0, [0x3210_3210_3210_3210; 8]);
    }

    #[test]
    fn growth_changes_no_estimate() {
        let mut sketch = Sketch::new();
        for key in 0..20 {
            (0..=key % 3).for_each(|_| sketch.record(hash(key)));
        }
        let before: Vec<u64> = (0..40).map(|key| sketch.estimate(hash(key))).collect();
        sketch.fit(5000);
        let after: Vec<u64> = (0..40).map(|key| sketch.estimate(hash(key))).collect();
        assert_eq!(before, after);
    }
}
