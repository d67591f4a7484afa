//! A connection in use.
//!
//! An operation may be cut off, by its deadline or because nobody wants it any more, when its
//! statement is already on its way. Then the connection isn't given to the next one before the
//! server has answered: until then others would wait behind it. And nothing is written meanwhile:
//! what was cut off may still be done, and mustn't undo what is written later. All that ends about
//! a deadline later, by then with the connection closed.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{ClientWrapper, Object};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_postgres_rustls::MakeRustlsConnect;

/// What a connection is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Whoever gives it up loses nothing when it happens later.
    Read,
    /// Later writes wait until it has happened, or can't any more.
    Write,
}

/// Writes that were cut off and that the server hasn't answered yet.
#[derive(Clone, Debug)]
pub(super) struct Unsettled(watch::Sender<usize>);

impl Unsettled {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(0))
    }

    /// Waits until there are none.
    pub(super) async fn none(&self) {
        if *self.0.borrow() > 0 {
            // It fails only without a sender.
            let _ = self.0.subscribe().wait_for(|count| *count == 0).await;
        }
    }

    fn count(&self) -> Counted {
        self.0.send_modify(|count| *count += 1);
        Counted(self.clone())
    }
}

/// One unsettled write, until it is dropped.
struct Counted(Unsettled);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.send_modify(|count| *count -= 1);
    }
}

/// How connections whose operation was cut off are brought back.
pub(super) struct Rescue {
    pub(super) runtime: Handle,
    pub(super) tls: MakeRustlsConnect,
    pub(super) deadline: Duration,
    pub(super) unsettled: Unsettled,
}

impl Rescue {
    /// Waits shortly for the answer to what was cut off, then cancels it; closes the connection
    /// when that doesn't help.
    async fn settle(&self, client: Arc<Object>) {
        let settled = async |patience| {
            let answer = client.check_connection();
            tokio::time::timeout(patience, answer).await.is_ok()
        };
        if settled(self.deadline / 10).await {
            return;
        }
        let token = client.cancel_token();
        // Whether that helped shows in the answer.
        let _ = tokio::time::timeout(self.deadline / 2, token.cancel_query(self.tls.clone())).await;
        if !settled(self.deadline / 2).await {
            drop(Arc::into_inner(client).map(Object::take));
        }
    }
}

/// A connection of the pool, for one operation. It goes back when the last statement is answered.
pub(super) struct Lease {
    client: Arc<Object>,
    purpose: Purpose,
    rescue: Arc<Rescue>,
    /// Whether every statement that was begun is answered.
    answered: bool,
}

impl Lease {
    pub(super) fn new(client: Object, purpose: Purpose, rescue: &Arc<Rescue>) -> Self {
        Self {
            client: Arc::new(client),
            purpose,
            rescue: Arc::clone(rescue),
            answered: false,
        }
    }

    /// Gives the connection back.
    pub(super) fn end(mut self) {
        self.answered = true;
    }
}

impl Deref for Lease {
    type Target = ClientWrapper;

    fn deref(&self) -> &ClientWrapper {
        &self.client
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.answered {
            return;
        }
        let counted = (self.purpose == Purpose::Write).then(|| self.rescue.unsettled.count());
        let (rescue, client) = (Arc::clone(&self.rescue), Arc::clone(&self.client));
        self.rescue.runtime.spawn(async move {
            rescue.settle(client).await;
            drop(counted);
        });
    }
}
