//! A Bloom filter: which items were seen, in a few bits each, with a known share of errors.
//!
//! Bloom, "Space/Time Trade-offs in Hash Coding with Allowable Errors", 1970. The bits of an item are
//! derived from two hashes, as in Kirsch and Mitzenmacher, "Less Hashing, Same Performance: Building a
//! Better Bloom Filter", 2006. An item that was inserted is always found.

use std::f64::consts::LN_2;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::marker::PhantomData;

use foldhash::quality::RandomState;

/// The lowest rate that can be asked for. The two hashes come from one of 64 bits, which don't carry
/// much less.
const MIN_RATE: f64 = 1e-9;
const MAX_RATE: f64 = 0.5;

/// A set that answers "surely not" or "probably", and never forgets an item until it is cleared.
///
/// Takes −1.44 · log₂(rate) bits per expected item, all at once: 9.6 bits for a rate of 1 %. An
/// operation hashes the item once and touches −log₂(rate) bits: 7 for 1 %. The hash is keyed at random
/// for each filter, so that nobody can prepare items that are found without having been inserted.
///
/// # Examples
///
/// ```
/// use cacheme_tinylfu::BloomFilter;
///
/// let mut seen = BloomFilter::<str>::with_false_positive_rate(1000, 0.01);
/// assert!(seen.insert("one"));
/// assert!(!seen.insert("one"));
/// assert!(seen.contains("one"));
/// assert!(!seen.contains("two"));
/// ```
pub struct BloomFilter<T: ?Sized, S = RandomState> {
    words: Box<[u64]>,
    /// How many bits each item sets, where no two of them fall together.
    probes: u32,
    /// How many bits are set.
    ones: usize,
    hasher: S,
    item: PhantomData<fn(&T)>,
}

impl<T: Hash + ?Sized> BloomFilter<T> {
    /// A filter that finds at most about the share `rate` of the items that it has not seen, as long
    /// as it has seen at most `expected_items`.
    ///
    /// `rate` is taken as 0.000000001 if it is lower or not a number, and as 0.5 if it is higher.
    ///
    /// # Examples
    ///
    /// ```
    /// use cacheme_tinylfu::BloomFilter;
    ///
    /// let mut filter = BloomFilter::<u64>::with_false_positive_rate(1000, 0.01);
    /// filter.insert(&7);
    /// assert!(filter.contains(&7));
    /// ```
    pub fn with_false_positive_rate(expected_items: usize, rate: f64) -> Self {
        Self::with_hasher(expected_items, rate, RandomState::default())
    }
}

impl<T: Hash + ?Sized, S: BuildHasher> BloomFilter<T, S> {
    /// A filter as [`with_false_positive_rate`](BloomFilter::with_false_positive_rate) makes it, with
    /// a hasher of one's own.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::hash::RandomState;
    ///
    /// use cacheme_tinylfu::BloomFilter;
    ///
    /// let mut filter = BloomFilter::with_hasher(1000, 0.01, RandomState::new());
    /// filter.insert("one");
    /// assert!(filter.contains("one"));
    /// ```
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "sizes are estimates, positive, and saturate"
    )]
    pub fn with_hasher(expected_items: usize, rate: f64, hasher: S) -> Self {
        let rate = if rate.is_nan() {
            MIN_RATE
        } else {
            rate.clamp(MIN_RATE, MAX_RATE)
        };
        let items = expected_items.max(1) as f64;
        let bits = -items * rate.ln() / (LN_2 * LN_2);
        Self {
            words: vec![0; (bits / 64.0).ceil() as usize].into(),
            probes: -rate.log2().round() as u32,
            ones: 0,
            hasher,
            item: PhantomData,
        }
    }

    /// Adds an item. Returns whether it was surely not there before.
    ///
    /// # Examples
    ///
    /// ```
    /// use cacheme_tinylfu::BloomFilter;
    ///
    /// let mut filter = BloomFilter::<u64>::with_false_positive_rate(1000, 0.01);
    /// assert!(filter.insert(&7));
    /// assert!(!filter.insert(&7));
    /// ```
    pub fn insert(&mut self, item: &T) -> bool {
        let before = self.ones;
        for (word, mask) in self.bits(item) {
            self.ones += usize::from(self.words[word] & mask == 0);
            self.words[word] |= mask;
        }
        self.ones > before
    }

    /// Whether an item was probably added. `false` is certain.
    ///
    /// # Examples
    ///
    /// ```
    /// use cacheme_tinylfu::BloomFilter;
    ///
    /// let filter = BloomFilter::<u64>::with_false_positive_rate(1000, 0.01);
    /// assert!(!filter.contains(&7));
    /// ```
    pub fn contains(&self, item: &T) -> bool {
        self.bits(item)
            .all(|(word, mask)| self.words[word] & mask != 0)
    }

    /// The word and the mask of each bit of an item.
    fn bits(&self, item: &T) -> impl Iterator<Item = (usize, u64)> + use<T, S> {
        let size = self.words.len() as u128 * 64;
        let first = self.hasher.hash_one(item);
        let step = (first.rotate_left(32)).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        (0..u64::from(self.probes)).map(move |probe| {
            let hash = first.wrapping_add(probe.wrapping_mul(step));
            let bit = (u128::from(hash) * size) >> 64;
            ((bit / 64) as usize, 1 << (bit % 64))
        })
    }
}

impl<T: ?Sized, S> BloomFilter<T, S> {
    /// Forgets all items. Takes time in proportion to the size, and keeps the memory.
    ///
    /// # Examples
    ///
    /// ```
    /// use cacheme_tinylfu::BloomFilter;
    ///
    /// let mut filter = BloomFilter::<u64>::with_false_positive_rate(1000, 0.01);
    /// filter.insert(&7);
    /// filter.clear();
    /// assert!(!filter.contains(&7));
    /// ```
    pub fn clear(&mut self) {
        self.words.fill(0);
        self.ones = 0;
    }

    /// The share of items not seen that the filter finds, as it is filled now, from 0 to 1.
    ///
    /// # Examples
    ///
    /// ```
    /// use cacheme_tinylfu::BloomFilter;
    ///
    /// let mut filter = BloomFilter::<u64>::with_false_positive_rate(1000, 0.01);
    /// assert_eq!(filter.false_positive_rate(), 0.0);
    /// for item in 0..1000 {
    ///     filter.insert(&item);
    /// }
    /// assert!(filter.false_positive_rate() < 0.015);
    /// ```
    #[expect(
        clippy::cast_precision_loss,
        reason = "a share of bits needs no more precision"
    )]
    pub fn false_positive_rate(&self) -> f64 {
        let filled = self.ones as f64 / (self.words.len() * 64) as f64;
        filled.powf(f64::from(self.probes))
    }
}

impl<T: ?Sized, S> fmt::Debug for BloomFilter<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BloomFilter")
            .field("bits", &(self.words.len() * 64))
            .field("ones", &self.ones)
            .field("probes", &self.probes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use foldhash::quality::FixedState;

    use super::*;

    fn filled(items: u64, rate: f64) -> BloomFilter<u64, FixedState> {
        let mut filter = BloomFilter::with_hasher(10_000, rate, FixedState::with_seed(1));
        (0..items).for_each(|item| {
            filter.insert(&item);
        });
        filter
    }

    #[test]
    fn what_was_inserted_is_found() {
        let filter = filled(10_000, 0.01);
        assert!((0..10_000).all(|item| filter.contains(&item)));
    }

    #[test]
    fn measured_rate_is_near_the_asked_and_the_stated_one() {
        for rate in [0.1, 0.01, 0.001] {
            let filter = filled(10_000, rate);
            let found = (10_000..1_010_000_u64)
                .filter(|item| filter.contains(item))
                .count();
            let measured = f64::from(u32::try_from(found).expect("a million at most")) / 1e6;
            assert!(
                (rate * 0.7..rate * 1.3).contains(&measured),
                "{measured} for {rate}"
            );
            let stated = filter.false_positive_rate();
            assert!(
                (stated * 0.8..stated * 1.2).contains(&measured),
                "{measured} for {stated}"
            );
        }
    }

    #[test]
    fn insert_tells_new_items_from_old_ones() {
        let mut filter = filled(0, 0.01);
        assert!(filter.insert(&1));
        assert!(!filter.insert(&1));
        filter.clear();
        assert_eq!(filter.ones, 0);
        assert!(filter.insert(&1));
    }

    #[test]
    fn odd_arguments_make_a_filter_that_works() {
        for rate in [-1.0, 0.0, f64::MIN_POSITIVE, 1.0, f64::INFINITY, f64::NAN] {
            let mut filter = BloomFilter::<u64>::with_false_positive_rate(0, rate);
            assert!(!filter.contains(&1), "{rate}");
            filter.insert(&1);
            assert!(filter.contains(&1), "{rate}");
        }
    }
}
