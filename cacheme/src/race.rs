//! Two futures of which one is enough.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

/// Which of two futures has ended.
pub(crate) enum First<A, B> {
    One(A),
    Other(B),
}

/// Waits for one of two futures; for the first one if both have ended.
pub(crate) async fn first<A: Future, B: Future>(one: A, other: B) -> First<A::Output, B::Output> {
    let (mut one, mut other) = (pin!(one), pin!(other));
    poll_fn(|cx| {
        if let Poll::Ready(output) = one.as_mut().poll(cx) {
            return Poll::Ready(First::One(output));
        }
        other.as_mut().poll(cx).map(First::Other)
    })
    .await
}
