//! Panics of other people's code, caught: of loaders, storages and codecs, none of which may take a flight
//! or its waiters along.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{self, AssertUnwindSafe};
use std::pin::Pin;
use std::task::Poll;
use std::thread;

/// Runs a future and turns a panic in it into its message.
pub(crate) async fn catch_panic<F: Future + Unpin>(future: F) -> Result<F::Output, String> {
    let ended = catch_unwind(future).await;
    ended.map_err(|panic| panic_message(&*panic))
}

/// Runs a future, which is pinned by its owner since here it would be moved, and catches a panic in
/// it.
pub(crate) fn catch_unwind<F: Future + Unpin>(
    mut future: F,
) -> impl Future<Output = thread::Result<F::Output>> {
    poll_fn(move |cx| {
        // After a panic the future is not polled again, only dropped.
        let poll = AssertUnwindSafe(|| Pin::new(&mut future).poll(cx));
        match panic::catch_unwind(poll) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    })
}

/// What a panic said.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}
