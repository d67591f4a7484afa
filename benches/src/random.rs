//! Random numbers that are the same in every run.

use crate::number::float;

/// `SplitMix64` (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// Equal seeds give equal numbers.
    pub(crate) fn new(seed: u64) -> Self {
        Self(scramble(seed))
    }

    /// Any number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        scramble(self.0)
    }

    /// At least 0 and less than 1.
    pub(crate) fn unit(&mut self) -> f64 {
        // 53 bits are what a float holds.
        let bits = usize::try_from(self.next() >> 11).unwrap_or(0);
        float(bits) / float(1 << 53)
    }

    /// Less than `bound`, which isn't 0.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        // The high half of the product; its bias of less than 2^-32 doesn't matter here.
        let product = u128::from(self.next()) * u128::from(bound);
        u32::try_from(product >> 64).unwrap_or(0)
    }
}

/// A different number for every number, without an order: the finalizer of `SplitMix64`.
pub(crate) fn scramble(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}

/// Ranks from 0 on, of which rank r is drawn in proportion to (r + 1)^-exponent.
#[derive(Clone, Debug)]
pub(crate) struct Zipf {
    /// The sum of the weights of all ranks up to this one.
    sums: Vec<f64>,
}

impl Zipf {
    /// Over that many ranks, at least 1. Takes 8 bytes for each.
    pub(crate) fn new(ranks: u32, exponent: f64) -> Self {
        let weights = (1..=ranks).map(|rank| f64::from(rank).powf(-exponent));
        let mut sum = 0.0;
        let sums = weights.map(|weight| {
            sum += weight;
            sum
        });
        Self {
            sums: sums.collect(),
        }
    }

    /// A rank.
    pub(crate) fn draw(&self, random: &mut Random) -> u32 {
        let total = self.sums.last().copied().unwrap_or_default();
        let point = random.unit() * total;
        let rank = self.sums.partition_point(|sum| *sum <= point);
        u32::try_from(rank.min(self.sums.len() - 1)).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::number::share;

    #[test]
    fn ranks_come_as_often_as_their_weight() {
        let (ranks, draws) = (1000, 200_000);
        let zipf = Zipf::new(ranks, 0.9);
        let mut random = Random::new(7);
        let mut counts = vec![0; ranks as usize];
        for _ in 0..draws {
            counts[zipf.draw(&mut random) as usize] += 1;
        }
        let total: f64 = (1..=ranks).map(|rank| f64::from(rank).powf(-0.9)).sum();
        for rank in [1_u32, 2, 3, 10] {
            let expected = f64::from(rank).powf(-0.9) / total;
            let seen = share(counts[rank as usize - 1], draws);
            assert!(
                (seen / expected - 1.0).abs() < 0.05,
                "{rank}: {seen} {expected}"
            );
        }
        assert_eq!(counts.iter().sum::<usize>(), draws);
    }

    #[test]
    fn numbers_repeat_by_seed_and_stay_in_bounds() {
        let draw = |seed| {
            let mut random = Random::new(seed);
            std::iter::repeat_with(|| random.below(10))
                .take(1000)
                .collect::<Vec<_>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        assert_eq!(draw(1).into_iter().collect::<HashSet<_>>().len(), 10);

        let mut random = Random::new(1);
        assert!((0..1000).all(|_| (0.0..1.0).contains(&random.unit())));
    }

    #[test]
    fn scrambled_numbers_stay_different() {
        let scrambled: HashSet<u64> = (0..10_000).map(scramble).collect();
        assert_eq!(scrambled.len(), 10_000);
    }
}
