//! The keys that entries are signed or encrypted with.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::error::{Error, Result};

/// A key with its id. Boxed, so that it isn't left behind where it is moved from.
type Secret = (u32, Box<Zeroizing<[u8; 32]>>);

/// Secret keys of 32 bytes by id: one to write with, all of them to read with.
///
/// The id of a key is stored with each entry, so that keys can be changed while many processes
/// share a storage, without losing what is in it:
///
/// 1. give every process the new key to read with: `Keyring::new(1, [(1, old), (2, new)])`;
/// 2. then have them write with it: `Keyring::new(2, [(1, old), (2, new)])`;
/// 3. when the entries of the old one have expired, drop it: `Keyring::new(2, [(2, new)])`. What is
///    left of them is a miss and is replaced.
///
/// A key that somebody else may know is dropped at once, and its id isn't used again.
///
/// ```
/// use cacheme::storage::Keyring;
///
/// # fn main() -> cacheme::Result<()> {
/// # let (old, new) = ([7; 32], [8; 32]);
/// let keyring = Keyring::new(2, [(1, old), (2, new)])?;
/// assert_eq!(format!("{keyring:?}"), "Keyring { current: 2, ids: [1, 2] }");
/// # Ok(())
/// # }
/// ```
///
/// Keys are 32 random bytes (`head -c 32 /dev/urandom`), not a password, and belong to this use alone:
/// to sign with one and to encrypt with it are two uses. Clones share the keys; the last one
/// overwrites them with zeros when it is dropped. `Debug` shows the ids only.
#[derive(Clone)]
pub struct Keyring(Arc<Keys>);

struct Keys {
    current: Secret,
    others: Vec<Secret>,
}

impl Keyring {
    /// The keys with their ids, and which of them to write with.
    ///
    /// # Errors
    ///
    /// When there is no key with the id `current`, or an id is given twice.
    pub fn new(current: u32, keys: impl IntoIterator<Item = (u32, [u8; 32])>) -> Result<Self> {
        let mut others: Vec<Secret> = Vec::new();
        for (id, key) in keys {
            if others.iter().any(|(other, _)| *other == id) {
                return Err(Error::config(format!("a keyring has two keys of id {id}")));
            }
            others.push((id, Box::new(Zeroizing::new(key))));
        }
        let Some(place) = others.iter().position(|(id, _)| *id == current) else {
            let message = format!("a keyring has no key of id {current} to write with");
            return Err(Error::config(message));
        };
        let current = others.remove(place);
        Ok(Self(Arc::new(Keys { current, others })))
    }

    /// The key to write with, and its id.
    pub(super) fn current(&self) -> (u32, &[u8; 32]) {
        let (id, key) = &self.0.current;
        (*id, key)
    }

    /// The key of an id.
    pub(super) fn key(&self, id: u32) -> Option<&[u8; 32]> {
        let mut keys = self.all();
        let (_, key) = keys.find(|(other, _)| *other == id)?;
        Some(key)
    }

    fn all(&self) -> impl Iterator<Item = &Secret> {
        std::iter::once(&self.0.current).chain(&self.0.others)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut ids: Vec<_> = self.all().map(|(id, _)| id).collect();
        ids.sort_unstable();
        f.debug_struct("Keyring")
            .field("current", &self.0.current.0)
            .field("ids", &ids)
            .finish()
    }
}
