//! Guesses what a misspelt word was meant to be.

/// The candidate that differs from `word` in a third of its letters at most, if there is one.
///
/// The bound is the one that rustc uses for its own suggestions. Of one or two letters nothing
/// is guessed.
pub(crate) fn near<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let bound = word.chars().count() / 3;
    candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| (1..=bound).contains(distance))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many letters have to be put in, taken out, changed or swapped with the next one
/// (Damerau and Levenshtein's distance, each letter touched once).
fn distance(from: &str, to: &str) -> usize {
    let from: Vec<char> = from.chars().collect();
    let to: Vec<char> = to.chars().collect();
    let mut rows: Vec<Vec<usize>> = vec![(0..=to.len()).collect()];
    for i in 1..=from.len() {
        let mut row = vec![i];
        for j in 1..=to.len() {
            let changed = rows[i - 1][j - 1] + usize::from(from[i - 1] != to[j - 1]);
            let mut least = changed.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[from.len()][to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_edits() {
        assert_eq!(distance("", "ttl"), 3);
        assert_eq!(distance("storage", "storage"), 0);
        assert_eq!(distance("storge", "storage"), 1);
        assert_eq!(distance("storagee", "storage"), 1);
        assert_eq!(distance("stroage", "storage"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn near_takes_the_closest_within_a_third() {
        let known = ["storage", "ttl", "caches"];
        assert_eq!(near("storag", known), Some("storage"));
        assert_eq!(near("tll", known), Some("ttl"));
        assert_eq!(near("tt", known), None);
        assert_eq!(near("id", known), None);
        assert_eq!(near("compress", known), None);
    }
}
