//! What a server is asked for a key, as fred takes it.

use std::time::Duration;

use bytes::Bytes;
use fred::error::Error as FredError;
use fred::interfaces::KeysInterface;
use fred::types::{ClusterHash, CustomCommand, Expiration, Key as FredKey, Value};
use tokio::sync::OwnedSemaphorePermit;

use crate::key::Key;
use crate::storage::Entry;
use crate::storage::driver::batch;

/// What a server is asked for a key.
#[derive(Clone, Copy, Debug)]
pub(super) enum Command<'a> {
    Get(&'a Key),
    Put(&'a Entry),
    Remove(&'a Key),
}

impl Command<'_> {
    /// What fred takes for a command besides its key and its value, about.
    const OVERHEAD: usize = 256;

    pub(super) fn key(&self) -> &Key {
        match self {
            Self::Get(key) | Self::Remove(key) => key,
            Self::Put(entry) => entry.key(),
        }
    }

    /// The bytes that it takes while it is under way.
    pub(super) fn size(&self) -> usize {
        let size = match self {
            Self::Get(key) | Self::Remove(key) => key.as_str().len(),
            Self::Put(entry) => batch::size(entry),
        };
        size + Self::OVERHEAD
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
        }
    }
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

fn expiration(ttl: Duration) -> Expiration {
    // A century: Redis refuses a time to live whose end it can't count.
    const MOST: i64 = 100 * 366 * 24 * 3600 * 1000;
    Expiration::PX(i64::try_from(ttl.as_millis()).map_or(MOST, |ttl| ttl.min(MOST)))
}
