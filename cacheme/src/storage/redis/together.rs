//! Work for several connections at once.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use tokio::task::JoinSet;

use crate::error::BoxError;

/// Puts items into groups, in the order in which they come. There are few groups.
pub(super) fn grouped<T, G: PartialEq>(
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

/// Drives futures at once, of which there are few, and gives what becomes of them in their order.
pub(super) async fn together<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<Running<F>> = futures.into_iter().map(|f| Err(Box::pin(f))).collect();
    poll_fn(|cx| {
        let mut ready = true;
        for future in &mut running {
            if let Err(waiting) = future {
                match waiting.as_mut().poll(cx) {
                    Poll::Ready(output) => *future = Ok(output),
                    Poll::Pending => ready = false,
                }
            }
        }
        if ready {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    running.into_iter().filter_map(Result::ok).collect()
}

/// What a future gave, or itself as long as it goes on.
type Running<F> = Result<<F as Future>::Output, Pin<Box<F>>>;

/// The first success, or what failed last. The others are given up.
pub(super) async fn first<T: Send + 'static>(
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
    async fn nobody_waits_for_another() {
        let barrier = tokio::sync::Barrier::new(3);
        let each = (0..3).map(|number| {
            let barrier = &barrier;
            async move {
                barrier.wait().await;
                number
            }
        });
        assert_eq!(together(each).await, [0, 1, 2]);
        assert!(
            together(std::iter::empty::<std::future::Ready<()>>())
                .await
                .is_empty()
        );
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
