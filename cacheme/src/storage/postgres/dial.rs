//! New connections: never more of them than the pool may have, those that are still being made
//! included.
//!
//! Connecting may take longer than an operation may. So it goes on when the operation that it was
//! begun for has ended, and the next one has the connection.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use deadpool_postgres::Connect;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, Error};
use tokio_postgres_rustls::MakeRustlsConnect;

/// A connection, and the task that keeps it.
type Made = (Client, JoinHandle<()>);

/// How to come to a connection.
enum Next {
    Spare(Made),
    Slot(OwnedSemaphorePermit),
}

/// Makes connections.
pub(super) struct Dialer {
    tls: MakeRustlsConnect,
    timeout: Duration,
    /// One for each connection, from when it is begun until its task has ended.
    slots: Arc<Semaphore>,
    /// Connections that nobody waited for any more.
    spare: Mutex<UnboundedReceiver<Made>>,
    spares: UnboundedSender<Made>,
}

impl Dialer {
    /// Up to `most` connections, each made within `timeout`.
    pub(super) fn new(tls: MakeRustlsConnect, timeout: Duration, most: usize) -> Self {
        let (spares, spare) = unbounded_channel();
        Self {
            tls,
            timeout,
            slots: Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS))),
            spare: Mutex::new(spare),
            spares,
        }
    }

    /// A connection, in time or never: who asks has a deadline.
    async fn connection(&self, config: &Config) -> Result<Made, Error> {
        loop {
            match self.next().await {
                Next::Spare(made) if made.0.is_closed() => {}
                Next::Spare(made) => return Ok(made),
                Next::Slot(slot) => {
                    if let Ok(made) = self.begin(config.clone(), slot).await {
                        return made;
                    }
                }
            }
        }
    }

    /// A spare connection, or room for another.
    async fn next(&self) -> Next {
        let mut spare = pin!(async { self.spare.lock().await.recv().await });
        let mut slot = pin!(Arc::clone(&self.slots).acquire_owned());
        poll_fn(|cx| {
            // Neither is ever closed while there is a dialer.
            if let Poll::Ready(Some(made)) = spare.as_mut().poll(cx) {
                return Poll::Ready(Next::Spare(made));
            }
            match slot.as_mut().poll(cx) {
                Poll::Ready(Ok(slot)) => Poll::Ready(Next::Slot(slot)),
                _ => Poll::Pending,
            }
        })
        .await
    }

    /// Begins a connection. It isn't answered when that takes too long.
    fn begin(
        &self,
        config: Config,
        slot: OwnedSemaphorePermit,
    ) -> oneshot::Receiver<Result<Made, Error>> {
        let (answer, answered) = oneshot::channel();
        let (tls, timeout, spares) = (self.tls.clone(), self.timeout, self.spares.clone());
        tokio::spawn(async move {
            let made = match tokio::time::timeout(timeout, config.connect(tls)).await {
                Ok(Ok((client, connection))) => {
                    let task = tokio::spawn(async move {
                        // Whoever uses the connection sees that it is closed.
                        let _ = connection.await;
                        drop(slot);
                    });
                    Ok((client, task))
                }
                Ok(Err(error)) => Err(error),
                Err(_) => return,
            };
            if let Err(Ok(made)) = answer.send(made) {
                // It closes by itself when the storage is gone.
                let _ = spares.send(made);
            }
        });
        answered
    }
}

impl Connect for Dialer {
    fn connect(
        &self,
        config: &Config,
    ) -> Pin<Box<dyn Future<Output = Result<Made, Error>> + Send + '_>> {
        let config = config.clone();
        Box::pin(async move { self.connection(&config).await })
    }
}
