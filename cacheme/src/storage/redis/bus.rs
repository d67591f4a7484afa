//! Invalidations by `PUBLISH` and `SUBSCRIBE`, the latter on a connection of its own; with what others than cacheme do to
//! keys, where that is tracked.

use std::collections::VecDeque;
use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::{future::poll_fn, iter};

use fred::error::Error as FredError;
use fred::interfaces::{ClientLike, EventInterface, PubsubInterface};
use fred::types::{Message, Value};
use tokio::sync::broadcast::Receiver;
use tokio::time::Instant;

use super::client::{Access, Connected, Losses, explained, not_connected};
use super::command::custom;
use super::link::Link;
use super::servers::Servers;
use super::tracking::{self, Tracking};
use crate::bus::{self, Bus, BusFuture, Listening};
use crate::error::BoxError;
use crate::storage::driver::background::Background;

/// The bus of a storage's servers.
pub(super) struct RedisBus {
    pub(super) servers: Arc<Servers>,
    pub(super) access: Access,
    pub(super) tracking: Tracking,
    /// What follows the servers, also when only the bus is left.
    pub(super) _background: Arc<[Background]>,
}

/// All that listens.
struct Listener {
    /// One, or where keys are tracked one for each connection of the pool, in its order.
    ears: Vec<Ear>,
    /// What was heard at once with a text that is taken.
    texts: VecDeque<String>,
    servers: Arc<Servers>,
}

/// A connection that listens.
struct Ear {
    messages: Receiver<Message>,
    losses: Losses,
    /// Those of the connection that tracks for it.
    tracking: Option<Losses>,
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
        let mut ears = Vec::new();
        if let Some(pool) = self.servers.pool().filter(|_| self.tracking.is_on()) {
            // What is published is heard once.
            let channels = iter::once(Some(channel)).chain(iter::repeat(None));
            for (link, channel) in pool.links().iter().zip(channels) {
                ears.push(self.listen_to(link, channel, true).await?);
            }
        } else {
            let link = self.servers.any().ok_or_else(not_connected)?;
            ears.push(self.listen_to(&link, Some(channel), false).await?);
        }
        Ok(Listener {
            ears,
            texts: VecDeque::new(),
            servers: Arc::clone(&self.servers),
        })
    }

    /// Listens where a link leads, to what is published on a channel and to what the link tracks.
    async fn listen_to(
        &self,
        link: &Link,
        channel: Option<&str>,
        tracks: bool,
    ) -> Result<Ear, BoxError> {
        let endpoint = link.endpoint().ok_or_else(not_connected)?;
        let until = Instant::now() + self.access.reach.connect_timeout;
        let connected = self.access.open_to_listen(endpoint.clone())?;
        let listening = async {
            connected.wait(until).await?;
            let client = connected.client();
            let (messages, losses) = (client.message_rx(), client.error_rx());
            // Before it listens, when it takes no such command any more.
            let id: Option<i64> = if tracks {
                let arguments = vec![Value::from("ID")];
                Some(client.custom(custom("CLIENT"), arguments).await?)
            } else {
                None
            };
            for channel in channel.into_iter().chain(id.map(|_| tracking::CHANNEL)) {
                client.subscribe(channel).await?;
            }
            let tracking = match id {
                Some(id) => Some(link.track(&self.tracking, id, until).await?),
                None => None,
            };
            Ok((messages, losses, tracking))
        };
        let (messages, losses, tracking) = listening
            .await
            .map_err(|error: FredError| explained(&endpoint, &error))?;
        Ok(Ear {
            messages,
            losses,
            tracking,
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

impl Ear {
    /// What it hears next.
    async fn next(&mut self) -> Result<Message, BoxError> {
        let (mut message, mut lost) = (pin!(self.messages.recv()), pin!(self.losses.recv()));
        let tracking = self.tracking.as_mut();
        let mut untracked = tracking.map(|losses| Box::pin(losses.recv()));
        let message = poll_fn(|cx| {
            // What came before the connection was lost was not missed.
            if let Poll::Ready(message) = message.as_mut().poll(cx) {
                return Poll::Ready(message.map_err(BoxError::from));
            }
            let mut loss = lost.as_mut().poll(cx);
            if let (Poll::Pending, Some(untracked)) = (&loss, &mut untracked) {
                loss = untracked.as_mut().poll(cx);
            }
            loss.map(|loss| Err(loss.map_or_else(BoxError::from, |(error, _)| error.into())))
        });
        message.await
    }
}

impl Listener {
    async fn next(&mut self) -> Result<String, BoxError> {
        loop {
            if let Some(text) = self.texts.pop_front() {
                return Ok(text);
            }
            let ears = self.ears.iter_mut();
            let mut ears: Vec<_> = ears.map(|ear| Box::pin(ear.next())).collect();
            let heard = poll_fn(|cx| {
                let mut ears = ears.iter_mut().enumerate();
                let heard = ears.find_map(|(number, ear)| match ear.as_mut().poll(cx) {
                    Poll::Ready(message) => Some((number, message)),
                    Poll::Pending => None,
                });
                heard.map_or(Poll::Pending, Poll::Ready)
            });
            let (number, message) = heard.await;
            let Message { channel, value, .. } = message?;
            if channel != tracking::CHANNEL {
                // What isn't text is no message, and is seen to be none.
                return Ok(value.convert().unwrap_or_default());
            }
            let pool = self.servers.pool();
            let is_ours = |key: &[u8]| pool.is_some_and(|pool| pool.number_of(key) == number);
            let message = tracking::heard(&value, is_ours);
            self.texts.extend(message.texts(bus::OTHERS));
        }
    }
}

impl Listening for Listener {
    fn next(&mut self) -> BusFuture<'_, String> {
        Box::pin(Self::next(self))
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
