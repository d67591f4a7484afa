//! What a server is asked for a key, as fred takes it.

use std::time::Duration;

use bytes::Bytes;
use fred::error::{Error as FredError, ErrorKind};
use fred::interfaces::KeysInterface;
use fred::types::{ClusterHash, CustomCommand, Expiration, Key as FredKey, SetOptions, Value};
use tokio::sync::OwnedSemaphorePermit;

use crate::key::Key;
use crate::storage::driver::batch;
use crate::storage::{Entry, Swap};

/// What a server is asked for a key.
#[derive(Clone, Copy, Debug)]
pub(super) enum Command<'a> {
    Get(&'a Key),
    Put(&'a Entry),
    Remove(&'a Key),
    Swap(&'a Swap),
}

/// Sets a key to the second argument, for so many milliseconds if there is a third, where it has the first.
const SWAP: &str = "\
    if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end \
    if ARGV[3] then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) \
    else redis.call('SET', KEYS[1], ARGV[2]) end \
    return 1";

impl Command<'_> {
    /// What fred takes for a command besides its key and its value, about.
    const OVERHEAD: usize = 256;

    pub(super) fn key(&self) -> &Key {
        match self {
            Self::Get(key) | Self::Remove(key) => key,
            Self::Put(entry) => entry.key(),
            Self::Swap(swap) => swap.entry().key(),
        }
    }

    /// The bytes that it takes while it is under way.
    pub(super) fn size(&self) -> usize {
        let size = match self {
            Self::Get(key) | Self::Remove(key) => key.as_str().len(),
            Self::Put(entry) => batch::size(entry),
            Self::Swap(swap) => {
                let expected = swap
                    .expected()
                    .map_or(0, |expected| expected.len() + SWAP.len());
                batch::size(swap.entry()) + expected
            }
        };
        size + Self::OVERHEAD
    }

    /// Hands its answer on, unless it can't be that.
    pub(super) fn fits(&self, answer: Value) -> Result<Value, FredError> {
        let fits = match self {
            Self::Get(_) => answer.is_bytes() || answer.is_string() || answer.is_null(),
            Self::Put(_) => answer.as_str().is_some_and(|answer| answer == "OK"),
            Self::Swap(swap) if swap.expected().is_none() => {
                answer.is_null() || answer.as_str().is_some_and(|answer| answer == "OK")
            }
            Self::Remove(_) | Self::Swap(_) => answer.is_integer(),
        };
        fits.then_some(answer).ok_or_else(astray)
    }

    /// Sends it, or appends it to a pipeline.
    pub(super) async fn send(
        &self,
        to: &impl KeysInterface,
        room: Option<OwnedSemaphorePermit>,
    ) -> Result<Value, FredError> {
        let name = named(self.key(), room);
        match self {
            Self::Get(_) => to.get(name).await,
            Self::Remove(_) => to.del(name).await,
            Self::Put(entry) => {
                let ttl = entry.ttl().map(expiration);
                to.set(name, entry.value().clone(), ttl, None, false).await
            }
            Self::Swap(swap) => {
                let (value, ttl) = (swap.entry().value().clone(), swap.entry().ttl());
                let Some(expected) = swap.expected() else {
                    let (ttl, absent) = (ttl.map(expiration), Some(SetOptions::NX));
                    return to.set(name, value, ttl, absent, false).await;
                };
                let mut arguments: Vec<Value> = vec![SWAP.into(), 1.into(), name.into()];
                arguments.extend([expected.clone(), value].map(Value::from));
                arguments.extend(ttl.map(|ttl| Value::from(millis(ttl))));
                to.custom(custom("EVAL"), arguments).await
            }
        }
    }
}

/// What says that an answer is that to another command.
pub(super) fn astray() -> FredError {
    FredError::new(ErrorKind::Protocol, "the answer is that to another command")
}

/// A key for fred. It holds the room that was made for its command for as long as fred has it,
/// which may be longer than its caller waits.
pub(super) fn named(key: &Key, room: Option<OwnedSemaphorePermit>) -> FredKey {
    match room {
        Some(room) => {
            let key = key.clone();
            FredKey::from(Bytes::from_owner(Named { key, _room: room }))
        }
        None => FredKey::from(key.as_str()),
    }
}

struct Named {
    key: Key,
    _room: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Named {
    fn as_ref(&self) -> &[u8] {
        self.key.as_str().as_bytes()
    }
}

/// A command by its name, whose answer comes as it is.
pub(super) fn custom(name: &'static str) -> CustomCommand {
    CustomCommand::new_static(name, ClusterHash::FirstKey, false)
}

/// Whether a swap was made, by its answer.
pub(super) fn is_swapped(answer: &Value) -> bool {
    !matches!(answer, Value::Null | Value::Integer(0))
}

fn expiration(ttl: Duration) -> Expiration {
    Expiration::PX(millis(ttl))
}

fn millis(ttl: Duration) -> i64 {
    // A century: Redis refuses a time to live whose end it can't count.
    const MOST: i64 = 100 * 366 * 24 * 3600 * 1000;
    i64::try_from(ttl.as_millis()).map_or(MOST, |ttl| ttl.min(MOST))
}
