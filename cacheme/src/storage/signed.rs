//! Entries that only those who know a key can write.
//!
//! | offset | bytes | what |
//! | --- | --- | --- |
//! | 0 | 1 | version, 1 |
//! | 1 | 4 | id of the key, little-endian |
//! | 5 | 32 | keyed BLAKE3 hash |
//! | 37 | | the value |
//!
//! Hashed are, one after the other: bytes 0 to 4; the length of the entry's key in bytes, 8 bytes
//! little-endian; the entry's key; the value.

use std::time::Duration;

use bytes::Bytes;

use super::sealed::{self, HEAD, sealed_storage};
use super::{Entry, Keyring, Storage, StorageFuture};
use crate::error::BoxError;
use crate::key::Key;

/// Any [`Storage`], with entries that nobody can make or change who doesn't know a key.
///
/// A hash (BLAKE3, keyed) of the entry's key and value is stored with each, 37 bytes in all, and is
/// checked before anything else is done with the value. Without it, whoever can write to the storage
/// decides what the codec reads.
///
/// ```no_run
/// use cacheme::storage::{self, Keyring, Signed};
///
/// # async fn run(secret: [u8; 32]) -> Result<(), cacheme::BoxError> {
/// let redis = storage::open("redis://localhost:6379").await?;
/// let keyring = Keyring::new(1, [(1, secret)])?;
/// cacheme::register_storage("far", Signed::new(redis, keyring)).await?;
/// # Ok(())
/// # }
/// ```
///
/// # What doesn't verify
///
/// An entry that was changed, cut, copied from another key, written without this wrapper, or signed
/// with a key that the [`Keyring`] doesn't have, is read as empty bytes. To a runtime these are a
/// [corrupt](crate::Miss::Corrupt) entry: a miss, and replaced. Where you use the storage by itself,
/// take empty bytes for an entry that isn't there.
///
/// # What it is not for
///
/// - Values and keys can be read in the storage: [`Encrypted`](super::Encrypted) hides values, and
///   verifies as well, so it needs no `Signed` around it.
/// - Whoever can write to the storage can remove entries, and put back an older value that stood
///   under the same key; that is read as long as its time to live, which is part of the value that
///   a runtime stores, has not ended.
#[derive(Clone, Debug)]
pub struct Signed<S> {
    storage: S,
    keyring: Keyring,
}

impl<S: Storage> Signed<S> {
    /// The storage, with entries signed by the keyring's current key.
    pub fn new(storage: S, keyring: Keyring) -> Self {
        Self { storage, keyring }
    }
}

/// The length of a hash.
const HASH: usize = blake3::OUT_LEN;

impl<S> Signed<S> {
    #[expect(clippy::unnecessary_wraps, reason = "as for other seals")]
    fn seal(&self, key: &Key, value: &[u8]) -> Result<Bytes, BoxError> {
        let (id, secret) = self.keyring.current();
        let head = sealed::head(id);
        let hash = hash(secret, head, key, value);
        let mut sealed = Vec::with_capacity(HEAD + HASH + value.len());
        sealed.extend(head);
        sealed.extend(hash.as_bytes());
        sealed.extend(value);
        Ok(sealed.into())
    }

    #[expect(clippy::needless_pass_by_value, reason = "as for other seals")]
    fn open(&self, key: &Key, sealed: Bytes) -> Option<Bytes> {
        let id = sealed::id(&sealed)?;
        let (expected, value) = sealed[HEAD..].split_first_chunk::<HASH>()?;
        let hash = hash(self.keyring.key(id)?, sealed::head(id), key, value);
        // Compared in constant time.
        (hash == *expected).then(|| sealed.slice(HEAD + HASH..))
    }
}

fn hash(secret: &[u8; 32], head: [u8; HEAD], key: &Key, value: &[u8]) -> blake3::Hash {
    let key = key.as_str();
    let mut hasher = blake3::Hasher::new_keyed(secret);
    hasher.update(&head);
    hasher.update(&(key.len() as u64).to_le_bytes());
    hasher.update(key.as_bytes());
    hasher.update(value);
    hasher.finalize()
}

sealed_storage!(Signed);
