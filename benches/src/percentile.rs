//! Percentiles of times, by nearest rank.

/// What a set of times is described by, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Percentiles {
    /// Half of the times were no longer.
    pub(crate) p50: u64,
    /// 99 % of the times were no longer.
    pub(crate) p99: u64,
    /// 99.9 % of the times were no longer.
    pub(crate) p999: u64,
    /// The longest time.
    pub(crate) max: u64,
}

impl Percentiles {
    /// Of these times, which it sorts. All 0 if there are none.
    pub(crate) fn of(times: &mut [u64]) -> Self {
        times.sort_unstable();
        Self {
            p50: rank(times, 500),
            p99: rank(times, 990),
            p999: rank(times, 999),
            max: rank(times, 1000),
        }
    }

    /// The median over rounds of each percentile by itself.
    pub(crate) fn median(rounds: &[Self]) -> Self {
        let middle = |field: fn(&Self) -> u64| {
            let mut values: Vec<u64> = rounds.iter().map(field).collect();
            values.sort_unstable();
            values.get(values.len() / 2).copied().unwrap_or_default()
        };
        Self {
            p50: middle(|round| round.p50),
            p99: middle(|round| round.p99),
            p999: middle(|round| round.p999),
            max: middle(|round| round.max),
        }
    }
}

/// The smallest time that at least `permille` of the sorted times don't exceed.
fn rank(times: &[u64], permille: usize) -> u64 {
    let rank = (times.len() * permille).div_ceil(1000);
    times.get(rank.max(1) - 1).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_ranks() {
        let mut times: Vec<u64> = (1..=2000).rev().collect();
        let expected = Percentiles {
            p50: 1000,
            p99: 1980,
            p999: 1998,
            max: 2000,
        };
        assert_eq!(Percentiles::of(&mut times), expected);
    }

    #[test]
    fn few_and_none() {
        let one = Percentiles::of(&mut [7]);
        assert_eq!([one.p50, one.p99, one.p999, one.max], [7; 4]);
        assert_eq!(Percentiles::of(&mut [1, 3]).p50, 1);
        assert_eq!(Percentiles::of(&mut []), Percentiles::default());
    }

    #[test]
    fn median_of_rounds_is_taken_of_each() {
        let round = |p50, max| Percentiles {
            p50,
            max,
            ..Percentiles::default()
        };
        let middle = Percentiles::median(&[round(1, 90), round(3, 10), round(2, 50)]);
        assert_eq!((middle.p50, middle.max), (2, 50));
    }
}
