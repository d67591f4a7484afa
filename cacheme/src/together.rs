//! Several futures, all of which are waited for.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

/// Drives futures at once, of which there are few, and gives what becomes of them in their order.
pub(crate) async fn together<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
