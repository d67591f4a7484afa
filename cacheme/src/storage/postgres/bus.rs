//! Invalidations by `NOTIFY` and `LISTEN`, the latter on a connection of its own.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;

use tokio::sync::mpsc::{Receiver, channel};
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_postgres::types::Type;
use tokio_postgres::{AsyncMessage, Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::core::Core;
use super::error::explain;
use super::lease::Purpose;
use crate::bus::{Bus, BusFuture, Listening};
use crate::error::BoxError;

/// The bus of a storage's server.
pub(super) struct PostgresBus {
    pub(super) core: Arc<Core>,
    pub(super) config: Config,
    pub(super) tls: MakeRustlsConnect,
}

/// A connection that listens.
struct Listener {
    texts: Receiver<Result<String, BoxError>>,
    task: AbortHandle,
    client: Client,
}

/// How many texts may wait to be taken; a server that sends more waits itself.
const WAITING: usize = 1024;

impl PostgresBus {
    async fn send(&self, channel: &str, text: &str) -> Result<(), BoxError> {
        let lease = self.core.lease(Purpose::Read).await?;
        let parameters = [(&channel as _, Type::TEXT), (&text as _, Type::TEXT)];
        let sent = lease.query_typed("SELECT pg_notify($1, $2)", &parameters);
        let sent = sent.await.map_err(|error| explain(&error));
        lease.end();
        sent.map(drop)
    }

    async fn subscribe(&self, name: &str) -> Result<Listener, BoxError> {
        let connecting = self.config.connect(self.tls.clone());
        let connected = timeout(self.core.reach.connect_timeout, connecting).await?;
        let (client, mut connection) = connected.map_err(|error| explain(&error))?;
        let (sender, texts) = channel(WAITING);
        let task = tokio::spawn(async move {
            loop {
                let text = match poll_fn(|cx| connection.poll_message(cx)).await {
                    Some(Ok(AsyncMessage::Notification(told))) => Ok(told.payload().to_owned()),
                    Some(Ok(_)) => continue,
                    Some(Err(error)) => Err(explain(&error)),
                    None => return,
                };
                if sender.send(text).await.is_err() {
                    return;
                }
            }
        });
        let listener = Listener {
            texts,
            task: task.abort_handle(),
            client,
        };
        // The name is ours, so it needs no escapes.
        let listen = format!("LISTEN \"{name}\"");
        let listening = listener.client.batch_execute(&listen);
        let listening = timeout(self.core.reach.deadline, listening).await?;
        listening.map_err(|error| explain(&error))?;
        Ok(listener)
    }
}

impl Bus for PostgresBus {
    fn publish<'a>(&'a self, channel: &'a str, text: &'a str) -> BusFuture<'a, ()> {
        Box::pin(self.send(channel, text))
    }

    fn listen<'a>(&'a self, channel: &'a str) -> BusFuture<'a, Box<dyn Listening>> {
        Box::pin(async move {
            let listening: Box<dyn Listening> = Box::new(self.subscribe(channel).await?);
            Ok(listening)
        })
    }
}

impl Listening for Listener {
    fn next(&mut self) -> BusFuture<'_, String> {
        Box::pin(async {
            let text = self.texts.recv().await;
            text.unwrap_or_else(|| Err("the connection was closed".into()))
        })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for PostgresBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The rest of it may be a password.
        f.debug_tuple("PostgresBus")
            .field(&self.config.get_hosts())
            .finish()
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").finish_non_exhaustive()
    }
}
