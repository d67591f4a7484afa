//! One connection to one server, on which many commands are under way at once.
//!
//! While it is down, commands fail at once and it is mended behind the scenes. A server that
//! doesn't answer costs a deadline, until the connection is given up. What waits to be sent is
//! bounded by its bytes.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use fred::clients::{Client, Pipeline, WithOptions};
use fred::error::{Error as FredError, ErrorKind};
use fred::interfaces::{ClientLike, EventInterface, KeysInterface};
use fred::types::config::Options;
use fred::types::{FromValue, Key as FredKey, Resp3Frame, Value};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use super::address::Endpoint;
use super::client::{Access, Attempts, Connected, Losses, explained, not_connected};
use super::command::{Command, astray, custom, named};
use super::tracking::Tracking;
use crate::error::BoxError;
use crate::key::Key;
use crate::storage::driver::batch::Limit;

/// A connection. Dropping it closes it.
pub(super) struct Link {
    access: Access,
    /// Replaced when it is given up; none as long as it isn't known where the server is.
    connected: RwLock<Option<Arc<Connected>>>,
    /// Commands in a row that weren't answered in time.
    unanswered: AtomicU32,
    /// Bytes that may be under way.
    room: Arc<Semaphore>,
    /// Told when a command fails for want of a server that serves.
    trouble: Arc<Notify>,
}

/// The client for a command, and the connection that it is of.
struct Sending {
    client: WithOptions<Client>,
    connected: Arc<Connected>,
}

impl Link {
    /// So many commands in a row without an answer, and the connection is given up. fred itself
    /// gives up only a connection on which nothing was sent for some time, and none on which it is
    /// stuck in sending.
    const SILENCE: u32 = 4;

    /// Bytes that may be under way, to be sent or to be answered.
    const ROOM: usize = 64 << 20;

    /// What goes to a server at once.
    const LIMIT: Limit = Limit {
        entries: 100_000,
        bytes: Self::ROOM / 2,
    };

    /// A link that leads nowhere yet.
    pub(super) fn new(access: &Access, trouble: &Arc<Notify>) -> Self {
        Self {
            access: access.clone(),
            connected: RwLock::new(None),
            unanswered: AtomicU32::new(0),
            room: Arc::new(Semaphore::new(Self::ROOM)),
            trouble: Arc::clone(trouble),
        }
    }

    /// Begins to connect, and gives up the connection that there was, with what it held.
    pub(super) fn lead_to(&self, endpoint: Endpoint, attempts: Attempts) -> Result<(), FredError> {
        let connected = Arc::new(self.access.open(endpoint, attempts)?);
        let place = self.connected.write();
        *place.unwrap_or_else(PoisonError::into_inner) = Some(connected);
        self.unanswered.store(0, Ordering::Relaxed);
        Ok(())
    }

    fn connected(&self) -> Option<Arc<Connected>> {
        let place = self.connected.read();
        place.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Where it leads.
    pub(super) fn endpoint(&self) -> Option<Endpoint> {
        Some(self.connected()?.endpoint().clone())
    }

    /// Whether commands are taken.
    pub(super) fn is_up(&self) -> bool {
        self.connected().is_some_and(|connected| connected.is_up())
    }

    /// Waits until commands are taken, or there is no hope that they will be.
    pub(super) async fn wait(&self, until: Instant) -> Result<(), FredError> {
        let connected = self.connected().ok_or_else(not_connected)?;
        connected.wait(until).await
    }

    /// An error of the server, with what to do about it where that isn't plain.
    pub(super) fn explained(&self, error: &FredError) -> BoxError {
        match self.connected() {
            Some(connected) => explained(connected.endpoint(), error),
            None => error.details().into(),
        }
    }

    /// Reads all keys at once, as a server lets one that isn't part of a cluster.
    pub(super) async fn get(
        &self,
        keys: &[&Key],
        until: Instant,
    ) -> Result<Vec<Option<Bytes>>, FredError> {
        let mut found = Vec::with_capacity(keys.len());
        for keys in Self::LIMIT.chunks(keys, |key| Command::Get(key).size()) {
            let names = self.names(keys, until).await?;
            let sending = self.sending(until)?;
            // As it came: fred would look at each value whether it is text.
            let names = names.into_iter().map(Value::from).collect();
            let answer = sending.client.custom_raw(custom("MGET"), names).await;
            let values = answer.and_then(|answer| values(answer, keys.len()));
            found.extend(self.noticed(&sending, values)?);
        }
        Ok(found)
    }

    /// Removes all keys at once, as a server lets one that isn't part of a cluster.
    pub(super) async fn remove(&self, keys: &[&Key], until: Instant) -> Result<(), FredError> {
        for keys in Self::LIMIT.chunks(keys, |key| Command::Remove(key).size()) {
            let names = self.names(keys, until).await?;
            let sending = self.sending(until)?;
            let removed = sending.client.del::<(), _>(names).await;
            self.noticed(&sending, removed)?;
        }
        Ok(())
    }

    /// Sends commands in one go, and gives what the server says to each. `asking` is for keys that
    /// are on their way to this server.
    pub(super) async fn run(
        &self,
        commands: &[Command<'_>],
        asking: bool,
        until: Instant,
    ) -> Vec<Result<Value, FredError>> {
        let mut answers = Vec::with_capacity(commands.len());
        for chunk in Self::LIMIT.chunks(commands, Command::size) {
            match self.run_chunk(chunk, asking, until).await {
                Ok(more) => answers.extend(more),
                Err(error) => {
                    answers.resize(commands.len(), Err(error));
                    break;
                }
            }
        }
        answers
    }

    async fn run_chunk(
        &self,
        commands: &[Command<'_>],
        asking: bool,
        until: Instant,
    ) -> Result<Vec<Result<Value, FredError>>, FredError> {
        let bytes = commands.iter().map(Command::size).sum();
        let mut room = Some(self.room(bytes, until).await?);
        let sending = self.sending(until)?;
        if let ([command], false) = (commands, asking) {
            let answer = command.send(&sending.client, room).await;
            let answer = answer.and_then(|answer| command.fits(answer));
            return self
                .noticed(&sending, answer)
                .map(|answer| vec![Ok(answer)]);
        }
        let pipeline = Pipeline::from(sending.client.clone());
        for (place, command) in commands.iter().enumerate() {
            if asking {
                let () = pipeline
                    .custom(custom("ASKING"), Vec::<Value>::new())
                    .await?;
            }
            // The last one is answered last.
            let room = room.take_if(|_| place + 1 == commands.len());
            let _: Value = command.send(&pipeline, room).await?;
        }
        let mut answers = pipeline.try_all::<Value>().await;
        let each = 1 + usize::from(asking);
        let answers = if answers.len() == commands.len() * each {
            let answers = answers.into_iter().skip(each - 1).step_by(each);
            let answers = answers.zip(commands).map(|(answer, command)| match answer {
                Ok(answer) => command.fits(answer).map(Ok),
                refused => Ok(refused),
            });
            answers.collect()
        } else {
            // Nothing was sent, or the connection broke.
            Err(match answers.pop() {
                Some(Err(error)) => error,
                _ => FredError::new(ErrorKind::Protocol, "answers are missing"),
            })
        };
        let answers: Vec<Result<Value, FredError>> = self.noticed(&sending, answers)?;
        let refused = answers.iter().filter_map(|answer| answer.as_ref().err());
        refused.for_each(|error| self.notice(error));
        Ok(answers)
    }

    /// Asks for something that isn't about a key.
    pub(super) async fn ask<T: FromValue>(
        &self,
        name: &'static str,
        arguments: &[&str],
        until: Instant,
    ) -> Result<T, FredError> {
        let sending = self.sending(until)?;
        let arguments: Vec<Value> = arguments.iter().map(|&argument| argument.into()).collect();
        let answer = sending.client.custom(custom(name), arguments).await;
        self.noticed(&sending, answer)
    }

    /// Whether a connection to the same server, of this id, listens to anything by now.
    pub(super) async fn has_subscribed(&self, id: i64, until: Instant) -> Result<bool, FredError> {
        let id = id.to_string();
        let client: String = self.ask("CLIENT", &["LIST", "ID", &id], until).await?;
        Ok(client.contains(" sub=") && !client.contains(" sub=0 "))
    }

    /// Has the server, which is to be at `endpoint`, tell the connection `listener` of what others do to keys, until
    /// the result has something to receive or is closed: that is when this connection is lost.
    pub(super) async fn track(
        &self,
        tracking: &Tracking,
        endpoint: &Endpoint,
        listener: i64,
        until: Instant,
    ) -> Result<Losses, FredError> {
        let sending = self.sending(until)?;
        if sending.connected.endpoint() != endpoint {
            // It leads elsewhere since.
            return Err(not_connected());
        }
        let losses = sending.connected.client().error_rx();
        let asking = async {
            // A server takes the same prefix once.
            let off = ["TRACKING", "OFF"].map(Value::from).to_vec();
            let () = sending.client.custom(custom("CLIENT"), off).await?;
            let on = tracking.arguments(listener);
            sending.client.custom(custom("CLIENT"), on).await
        };
        let tracked: Result<(), _> = asking.await;
        self.noticed(&sending, tracked)?;
        Ok(losses)
    }

    /// Asks a server one thing, over a connection of its own.
    pub(super) async fn ask_once(
        access: &Access,
        server: &Endpoint,
        name: &'static str,
        arguments: &[&str],
    ) -> Result<Value, BoxError> {
        let link = Self::new(access, &Arc::default());
        let until = Instant::now() + access.reach.connect_timeout;
        let asking = async {
            link.lead_to(server.clone(), Attempts::First)?;
            link.wait(until).await?;
            link.ask(name, arguments, until).await
        };
        asking.await.map_err(|error| link.explained(&error))
    }

    /// What a command is sent by: it fails at once while the connection is down.
    fn sending(&self, until: Instant) -> Result<Sending, FredError> {
        let Some(connected) = self.connected() else {
            let error = not_connected();
            self.notice(&error);
            return Err(error);
        };
        let left = until.saturating_duration_since(Instant::now());
        let client = connected.client().with_options(&Options {
            // None at all would be no limit.
            timeout: Some(left.max(Duration::from_millis(1))),
            fail_fast: true,
            ..Options::default()
        });
        Ok(Sending { client, connected })
    }

    /// Notices what becomes of a command, and gives a connection up that isn't answered on, or on which answers went
    /// astray: from then on each command would get that of another one.
    fn noticed<T>(&self, sending: &Sending, outcome: Result<T, FredError>) -> Result<T, FredError> {
        let kind = outcome.as_ref().err().map(FredError::kind);
        let Sending { connected, .. } = sending;
        let is_lost = match kind {
            Some(ErrorKind::Timeout) => {
                self.unanswered.fetch_add(1, Ordering::Relaxed) + 1 >= Self::SILENCE
            }
            kind => {
                self.unanswered.store(0, Ordering::Relaxed);
                kind == Some(&ErrorKind::Protocol)
            }
        };
        if is_lost {
            let is_this = |other: Arc<Connected>| Arc::ptr_eq(&other, connected);
            if self.connected().is_some_and(is_this) {
                // Only a wrong configuration fails here, and this one was right before.
                let _ = self.lead_to(connected.endpoint().clone(), Attempts::Forever);
            }
        }
        outcome.inspect_err(|error| self.notice(error))
    }

    /// Tells of an error that may mean that another server is to be asked.
    fn notice(&self, error: &FredError) {
        let trouble = match error.kind() {
            ErrorKind::Auth | ErrorKind::InvalidArgument | ErrorKind::InvalidCommand => false,
            // fred has no connection, or the server isn't the master any longer.
            ErrorKind::Unknown => ["Failed to route", "READONLY", "LOADING", "MASTERDOWN"]
                .iter()
                .any(|sign| error.details().starts_with(sign)),
            _ => true,
        };
        if trouble {
            self.trouble.notify_one();
        }
    }

    /// Waits for room for so many bytes.
    async fn room(&self, bytes: usize, until: Instant) -> Result<OwnedSemaphorePermit, FredError> {
        let bytes = u32::try_from(bytes.min(Self::ROOM)).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).acquire_many_owned(bytes);
        match timeout_at(until, room).await {
            Ok(Ok(room)) => Ok(room),
            _ => Err(FredError::new(
                ErrorKind::Backpressure,
                "too much is under way already",
            )),
        }
    }

    /// Keys for fred, which hold room for all of them.
    async fn names(&self, keys: &[&Key], until: Instant) -> Result<Vec<FredKey>, FredError> {
        let bytes = keys.iter().map(|key| Command::Get(key).size()).sum();
        let mut room = Some(self.room(bytes, until).await?);
        let keys = keys.iter().enumerate();
        let last = keys.len().saturating_sub(1);
        Ok(keys
            .map(|(place, key)| named(key, room.take_if(|_| place == last)))
            .collect())
    }
}

/// The values of an answer to `MGET` of so many keys.
fn values(answer: Resp3Frame, keys: usize) -> Result<Vec<Option<Bytes>>, FredError> {
    let value = |frame| match frame {
        Resp3Frame::BlobString { data, .. } => Ok(Some(data)),
        Resp3Frame::Null => Ok(None),
        // fred's words for what is none.
        other => other.try_into().and_then(Value::convert),
    };
    match answer {
        Resp3Frame::Array { data, .. } if data.len() == keys => {
            data.into_iter().map(value).collect()
        }
        // An error says what it says.
        other => Value::try_from(other).and_then(|_| Err(astray())),
    }
}
