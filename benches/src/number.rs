//! Numbers between counts and what is printed.

use std::iter;

/// A count as a float. Counts here are far below 2^52, from where on this would round.
#[expect(clippy::cast_precision_loss, reason = "counts are below 2^52")]
pub(crate) fn float(count: usize) -> f64 {
    count as f64
}

/// The integral part of a number that isn't negative.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is meant to, and negative numbers become 0"
)]
pub(crate) fn floor(number: f64) -> usize {
    number as usize
}

/// `part` of `whole`; 0 of nothing.
pub(crate) fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        0.0
    } else {
        float(part) / float(whole)
    }
}

/// A count with a comma after every third digit from the right.
pub(crate) fn grouped(count: usize) -> String {
    let digits = count.to_string();
    let first = digits.len() % 3;
    let mut groups = vec![&digits[..first]];
    groups.extend(
        (first..digits.len())
            .step_by(3)
            .map(|at| &digits[at..at + 3]),
    );
    groups.retain(|group| !group.is_empty());
    groups.join(",")
}

/// The mean, or 0 of nothing.
pub(crate) fn mean(numbers: &[f64]) -> f64 {
    let sum: f64 = numbers.iter().sum();
    if numbers.is_empty() {
        0.0
    } else {
        sum / float(numbers.len())
    }
}

/// The largest one, if there is any.
pub(crate) fn largest(numbers: impl Iterator<Item = f64>) -> Option<f64> {
    numbers.max_by(f64::total_cmp)
}

/// The median, or 0 of nothing. An even number of them has its upper one.
pub(crate) fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or_default()
}

/// The smallest of 1, 2, 5, 10, 20, 50, … that is at least `number`.
pub(crate) fn round_up(number: f64) -> f64 {
    let mut steps = iter::successors(Some(1e-3), |power| Some(power * 10.0))
        .flat_map(|power| [power, 2.0 * power, 5.0 * power]);
    let limit = number.min(1e18);
    steps.find(|step| *step >= limit).unwrap_or(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_of_digits() {
        let texts = [0, 12, 999, 1000, 914_145, 5_000_000].map(grouped);
        let expected = ["0", "12", "999", "1,000", "914,145", "5,000,000"];
        assert_eq!(texts, expected);
    }

    #[test]
    fn middle_of_numbers() {
        assert!((median(vec![9.0, 1.0, 5.0]) - 5.0).abs() < 1e-9);
        assert!((median(vec![4.0, 1.0]) - 4.0).abs() < 1e-9);
        assert!(median(Vec::new()).abs() < 1e-9);
        assert!((mean(&[1.0, 2.0, 6.0]) - 3.0).abs() < 1e-9);
    }

    #[test]
    fn steps_of_an_axis() {
        for (number, step) in [(0.7, 1.0), (1.2, 2.0), (17.0, 20.0), (21.0, 50.0)] {
            assert!((round_up(number) - step).abs() < 1e-9, "{number}");
        }
    }
}
