//! Invalidations by `PUBLISH` and `SUBSCRIBE`, the latter on a connection of its own.

use std::fmt;
use std::sync::Arc;
use std::task::Poll;
use std::{future::poll_fn, pin::pin};

use fred::error::Error as FredError;
use fred::interfaces::{EventInterface, PubsubInterface};
use fred::types::{Message, Value};
use tokio::sync::broadcast::Receiver;
use tokio::time::Instant;

use super::client::{Access, Connected, explained, not_connected};
use super::servers::Servers;
use crate::bus::{Bus, BusFuture, Listening};
use crate::error::BoxError;
use crate::storage::driver::background::Background;

/// The bus of a storage's servers.
pub(super) struct RedisBus {
    pub(super) servers: Arc<Servers>,
    pub(super) access: Access,
    /// What follows the servers, also when only the bus is left.
    pub(super) _background: Arc<[Background]>,
}

/// A connection that listens.
struct Listener {
    texts: Receiver<Message>,
    errors: Receiver<(FredError, Option<fred::types::config::Server>)>,
    _connected: Connected,
}

impl RedisBus {
    async fn send(&self, channel: &str, text: &str) -> Result<(), BoxError> {
        let link = self.servers.any().ok_or_else(not_connected)?;
        let until = Instant::now() + self.access.reach.deadline;
        let sent = link.ask::<Value>("PUBLISH", &[channel, text], until).await;
        sent.map(drop).map_err(|error| link.explained(&error))
    }

    async fn subscribe(&self, channel: &str) -> Result<Listener, BoxError> {
        let link = self.servers.any().ok_or_else(not_connected)?;
        let endpoint = link.endpoint().ok_or_else(not_connected)?;
        let until = Instant::now() + self.access.reach.connect_timeout;
        let connected = self.access.open_to_listen(endpoint.clone())?;
        let listening = async {
            connected.wait(until).await?;
            let client = connected.client();
            let (texts, errors) = (client.message_rx(), client.error_rx());
            client.subscribe(channel).await?;
            Ok((texts, errors))
        };
        let (texts, errors) = listening
            .await
            .map_err(|error: FredError| explained(&endpoint, &error))?;
        Ok(Listener {
            texts,
            errors,
            _connected: connected,
        })
    }
}

impl Bus for RedisBus {
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
            let (mut text, mut lost) = (pin!(self.texts.recv()), pin!(self.errors.recv()));
            let message = poll_fn(|cx| {
                // What came before the connection was lost was not missed.
                if let Poll::Ready(message) = text.as_mut().poll(cx) {
                    return Poll::Ready(message.map_err(BoxError::from));
                }
                let lost = lost.as_mut().poll(cx);
                lost.map(|error| Err(error.map_or_else(BoxError::from, |(error, _)| error.into())))
            });
            // What isn't text is no message, and is seen to be none.
            Ok(message.await?.value.convert().unwrap_or_default())
        })
    }
}

impl fmt::Debug for RedisBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RedisBus")
            .field(&self.servers.names())
            .finish()
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").finish_non_exhaustive()
    }
}
