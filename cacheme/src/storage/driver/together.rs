//! Work for several connections at once.

use tokio::task::JoinSet;

use crate::error::BoxError;

/// Puts items into groups, in the order in which they come. There are few groups.
pub(in crate::storage) fn grouped<T, G: PartialEq>(
    items: impl IntoIterator<Item = T>,
    group: impl Fn(&T) -> G,
) -> Vec<Vec<T>> {
    let mut groups: Vec<(G, Vec<T>)> = Vec::new();
    for item in items {
        let group = group(&item);
        match groups.iter_mut().find(|(other, _)| *other == group) {
            Some((_, items)) => items.push(item),
            None => groups.push((group, vec![item])),
        }
    }
    groups.into_iter().map(|(_, items)| items).collect()
}

/// How many futures are driven at once where there are many: each time one is woken all are polled.
pub(in crate::storage) const AT_ONCE: usize = 64;

/// The first success, or what failed last. The others are given up.
pub(in crate::storage) async fn first<T: Send + 'static>(
    attempts: impl IntoIterator<Item = impl Future<Output = Result<T, BoxError>> + Send + 'static>,
) -> Result<T, BoxError> {
    let mut running: JoinSet<_> = attempts.into_iter().collect();
    let mut problem: BoxError = "nobody is there to be asked".into();
    while let Some(ended) = running.join_next().await {
        match ended.map_err(BoxError::from).flatten() {
            Ok(success) => return Ok(success),
            Err(error) => problem = error,
        }
    }
    Err(problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_keep_the_order() {
        let groups = grouped([1, 12, 3, 14, 5], |number| number / 10);
        assert_eq!(groups, [vec![1, 3, 5], vec![12, 14]]);
    }

    #[tokio::test]
    async fn the_first_success_counts() {
        let attempt = |number: u64| async move {
            match number {
                0 => std::future::pending().await,
                1 => Err(format!("{number}").into()),
                _ => Ok(number),
            }
        };
        assert_eq!(first([0, 1, 2].map(attempt)).await.ok(), Some(2));
        let error = first([1, 1].map(attempt)).await.expect_err("both fail");
        assert_eq!(error.to_string(), "1");
    }
}
