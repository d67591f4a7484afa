//! Entries that only those who know a key can read or write.
//!
//! | offset | bytes | what |
//! | --- | --- | --- |
//! | 0 | 1 | version, 1 |
//! | 1 | 4 | id of the key, little-endian |
//! | 5 | 24 | nonce, random |
//! | 29 | 16 | tag |
//! | 45 | | the value, encrypted |
//!
//! XChaCha20-Poly1305, with bytes 0 to 4 and the entry's key as associated data.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use chacha20poly1305::aead::Generate;
use chacha20poly1305::{AeadInOut, KeyInit, Tag, XChaCha20Poly1305, XNonce};

use super::sealed::{self, HEAD, sealed_storage};
use super::{Entry, Keyring, Storage, StorageFuture};
use crate::error::BoxError;
use crate::key::Key;

/// Any [`Storage`], with values that nobody can read, make or change who doesn't know a key.
///
/// Values are encrypted and authenticated by XChaCha20-Poly1305, each with a random nonce of its
/// own, and the entry's key is authenticated with the value. 45 bytes are added to each.
///
/// ```no_run
/// use cacheme::storage::{self, Encrypted, Keyring};
///
/// # async fn run(secret: [u8; 32]) -> Result<(), cacheme::BoxError> {
/// let redis = storage::open("redis://localhost:6379").await?;
/// let keyring = Keyring::new(1, [(1, secret)])?;
/// cacheme::register_storage("far", Encrypted::new(redis, keyring)).await?;
/// # Ok(())
/// # }
/// ```
///
/// # What doesn't verify
///
/// An entry that was changed, cut, copied from another key, written without this wrapper, or
/// encrypted with a key that the [`Keyring`] doesn't have, is read as empty bytes. To a runtime these
/// are a [corrupt](crate::Miss::Corrupt) entry: a miss, and replaced. Where you use the storage by
/// itself, take empty bytes for an entry that isn't there.
///
/// # What it is not for
///
/// - Keys stay readable in the storage, and so does who asks for which of them, when, and how long
///   the values are: keep secrets out of a node's fields, and mind that
///   [compressed](crate::codec::Zstd) values tell by their length what is alike in them.
/// - Whoever can write to the storage can remove entries, and put back an older value that stood
///   under the same key; that is read as long as its time to live, which is part of the value that
///   a runtime stores, has not ended.
/// - Tiers in process keep values as they are.
#[derive(Clone, Debug)]
pub struct Encrypted<S> {
    storage: S,
    keyring: Keyring,
}

impl<S: Storage> Encrypted<S> {
    /// The storage, with values encrypted by the keyring's current key.
    pub fn new(storage: S, keyring: Keyring) -> Self {
        Self { storage, keyring }
    }
}

/// The lengths of a nonce and of a tag.
const NONCE: usize = 24;
const TAG: usize = 16;

impl<S> Encrypted<S> {
    fn seal(&self, key: &Key, value: &[u8]) -> Result<Bytes, BoxError> {
        let (id, secret) = self.keyring.current();
        let head = sealed::head(id);
        let nonce = XNonce::try_generate()?;
        let mut sealed = Vec::with_capacity(HEAD + NONCE + TAG + value.len());
        sealed.extend(head);
        sealed.extend(nonce);
        sealed.extend([0; TAG]);
        sealed.extend(value);
        let (front, value) = sealed.split_at_mut(HEAD + NONCE + TAG);
        let cipher = XChaCha20Poly1305::new(secret.into());
        let tag = cipher.encrypt_inout_detached(&nonce, &bound(head, key), value.into())?;
        front[HEAD + NONCE..].copy_from_slice(&tag);
        Ok(sealed.into())
    }

    fn open(&self, key: &Key, sealed: Bytes) -> Option<Bytes> {
        let id = sealed::id(&sealed)?;
        let cipher = XChaCha20Poly1305::new(self.keyring.key(id)?.into());
        let (&nonce, rest) = sealed[HEAD..].split_first_chunk::<NONCE>()?;
        let (&tag, _) = rest.split_first_chunk::<TAG>()?;
        let (nonce, tag) = (XNonce::from(nonce), Tag::from(tag));
        // In place, unless the storage keeps the bytes.
        let value = sealed.slice(HEAD + NONCE + TAG..);
        drop(sealed);
        let mut value = BytesMut::from(value);
        let bound = bound(sealed::head(id), key);
        let opened = cipher.decrypt_inout_detached(&nonce, &bound, (&mut *value).into(), &tag);
        opened.ok().map(|()| value.freeze())
    }
}

/// What is authenticated with a value.
fn bound(head: [u8; HEAD], key: &Key) -> Vec<u8> {
    [&head[..], key.as_str().as_bytes()].concat()
}

sealed_storage!(Encrypted);
