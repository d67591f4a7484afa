//! Invalidations by `PUBLISH` and `SUBSCRIBE`, the latter on a connection of its own; with what others than cacheme do to
//! keys, where that is tracked.

use std::collections::VecDeque;
use std::fmt;
use std::future::pending;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fred::error::{Error as FredError, ErrorKind};
use fred::interfaces::{ClientLike, EventInterface, PubsubInterface};
use fred::types::{Message, Value};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, timeout, timeout_at};

use super::client::{Access, Connected, Losses, explained, not_connected};
use super::command::custom;
use super::link::Link;
use super::servers::Servers;
use super::tracking::{self, Tracking};
use crate::bus::{self, Bus, BusFuture, Listening};
use crate::error::BoxError;
use crate::race::{First, first};
use crate::storage::driver::background::Background;

/// The bus of a storage's servers.
pub(super) struct RedisBus {
    pub(super) servers: Arc<Servers>,
    pub(super) access: Access,
    pub(super) tracking: Tracking,
    /// Whether somebody listens to what is tracked: the server sends that to one connection.
    pub(super) is_tracked: Arc<AtomicBool>,
    /// What follows the servers, also when only the bus is left.
    pub(super) _background: Arc<[Background]>,
}

/// A connection that listens.
struct Listener {
    messages: Receiver<Message>,
    losses: Losses,
    tracked: Option<Tracked>,
    /// What was heard at once with a text that is taken.
    texts: VecDeque<String>,
    _connected: Connected,
}

/// What is sent to a listener by another connection, the one for commands.
struct Tracked {
    /// Those of the other connection.
    losses: Losses,
    _turn: Turn,
}

/// The right to be the one that listens to what is tracked.
struct Turn(Arc<AtomicBool>);

impl RedisBus {
    async fn send(&self, channel: &str, text: &str) -> Result<(), BoxError> {
        let link = self.servers.any().ok_or_else(not_connected)?;
        let until = Instant::now() + self.access.reach.deadline;
        let sent = link.ask::<Value>("PUBLISH", &[channel, text], until).await;
        sent.map(drop).map_err(|error| link.explained(&error))
    }

    async fn subscribe(&self, channel: &str) -> Result<Listener, BoxError> {
        let turn = self.tracking.is_on().then(|| self.turn()).transpose()?;
        let link = self.servers.any().ok_or_else(not_connected)?;
        let endpoint = link.endpoint().ok_or_else(not_connected)?;
        let until = Instant::now() + self.access.reach.connect_timeout;
        let connected = self.access.open_to_listen(endpoint.clone())?;
        let listening = async {
            connected.wait(until).await?;
            let client = connected.client();
            let (messages, losses) = (client.message_rx(), client.error_rx());
            let tracked = match turn {
                Some(turn) => Some(self.track(&link, &connected, turn, until).await?),
                None => None,
            };
            client.subscribe(channel).await?;
            Ok((messages, losses, tracked))
        };
        let (messages, losses, tracked) = listening
            .await
            .map_err(|error: FredError| explained(&endpoint, &error))?;
        let mut listener = Listener {
            messages,
            losses,
            tracked,
            texts: VecDeque::new(),
            _connected: connected,
        };
        let hearing = self.hear(&mut listener, channel);
        match timeout_at(until, hearing).await {
            Ok(heard) => heard.map(|()| listener),
            Err(_) => {
                Err(format!("{endpoint}: what is published to `{channel}` isn't heard").into())
            }
        }
    }

    /// Publishes until it is heard: fred doesn't wait for what the server says to a subscription.
    async fn hear(&self, listener: &mut Listener, channel: &str) -> Result<(), BoxError> {
        const PAUSE: Duration = Duration::from_millis(50);
        let origin = RandomState::new().build_hasher().finish();
        let pings = bus::Message::Ping.texts(origin);
        loop {
            for ping in &pings {
                self.send(channel, ping).await?;
            }
            let back = async {
                while !pings.contains(&listener.next().await?) {}
                Ok(())
            };
            if let Ok(heard) = timeout(PAUSE, back).await {
                return heard;
            }
        }
    }

    fn turn(&self) -> Result<Turn, BoxError> {
        if self.is_tracked.swap(true, Ordering::Relaxed) {
            let problem =
                "a storage with `tracking` is the bus of one runtime: connect another one for this";
            return Err(problem.into());
        }
        Ok(Turn(Arc::clone(&self.is_tracked)))
    }

    /// Has what a link tracks sent to a connection, which listens to that and to nothing else yet.
    async fn track(
        &self,
        link: &Link,
        listener: &Connected,
        turn: Turn,
        until: Instant,
    ) -> Result<Tracked, FredError> {
        const LOOK: Duration = Duration::from_millis(2);
        let client = listener.client();
        // Before it listens, when it takes no such command any more.
        let arguments = vec![Value::from("ID")];
        let id: i64 = client.custom(custom("CLIENT"), arguments).await?;
        client.subscribe(tracking::CHANNEL).await?;
        // fred doesn't wait for what the server says to that.
        while !link.has_subscribed(id, until).await? {
            if Instant::now() >= until {
                let problem = format!(
                    "it isn't let listen to `{0}`: a user needs `&{0}`",
                    tracking::CHANNEL
                );
                return Err(FredError::new(ErrorKind::Auth, problem));
            }
            tokio::time::sleep(LOOK).await;
        }
        let losses = link
            .track(&self.tracking, listener.endpoint(), id, until)
            .await?;
        Ok(Tracked {
            losses,
            _turn: turn,
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

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

impl Listener {
    async fn next(&mut self) -> Result<String, BoxError> {
        loop {
            if let Some(text) = self.texts.pop_front() {
                return Ok(text);
            }
            let message = match self.message().await? {
                Some(Message { channel, value, .. }) if channel == tracking::CHANNEL => {
                    tracking::heard(&value)
                }
                // What isn't text is no message, and is seen to be none.
                Some(Message { value, .. }) => return Ok(value.convert().unwrap_or_default()),
                // More came at once than there is room for.
                None => bus::Message::Everything,
            };
            self.texts.extend(message.texts(bus::OTHERS));
        }
    }

    /// What comes next; none if some of it was lost.
    async fn message(&mut self) -> Result<Option<Message>, BoxError> {
        let untracked = async {
            match &mut self.tracked {
                Some(tracked) => tracked.losses.recv().await,
                None => pending().await,
            }
        };
        // What came before the connection was lost was not missed.
        let heard = first(self.messages.recv(), self.losses.recv());
        let lost = match first(untracked, heard).await {
            First::Other(First::One(Ok(message))) => return Ok(Some(message)),
            First::Other(First::One(Err(RecvError::Lagged(_)))) => return Ok(None),
            First::Other(First::One(Err(RecvError::Closed))) => return Err(not_connected().into()),
            First::Other(First::Other(lost)) | First::One(lost) => lost,
        };
        Err(lost.map_or_else(BoxError::from, |(error, _)| error.into()))
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
