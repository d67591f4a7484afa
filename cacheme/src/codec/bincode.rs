//! bincode 1.3.3: small and fast, and it says nothing of the structure, which is why the envelope
//! carries a fingerprint.

use bincode::{DefaultOptions, Options};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Codec, limit, loss};
use crate::error::BoxError;
use crate::schema::{self, Format};

/// The default codec: bincode with variable-length integers, values up to 64 MiB.
///
/// Not for types that only a self-describing format can read back (`serde_json::Value`,
/// `#[serde(untagged)]`, `#[serde(flatten)]`): a node with such a value and a remote tier is
/// refused at its first use. A value with a field that is left out (`skip_serializing_if`) is not
/// written, and counted as a failed write. bincode is no longer maintained upstream (RUSTSEC-2025-0141); the
/// version is pinned, and the envelope's checksum keeps damaged bytes from it. It isn't made for
/// bytes that an attacker wrote: recursive types can overflow the stack there.
#[derive(Clone, Copy, Debug)]
pub struct Bincode;

impl Bincode {
    fn options() -> impl Options {
        DefaultOptions::new().with_limit(limit::LENGTH as u64)
    }
}

impl<V: Serialize + DeserializeOwned> Codec<V> for Bincode {
    const ID: u8 = 1;

    fn encode(value: &V, out: &mut Vec<u8>) -> Result<(), BoxError> {
        loss::check(value, Format::Positional)?;
        Ok(Self::options().serialize_into(out, value)?)
    }

    fn decode(bytes: &[u8]) -> Result<V, BoxError> {
        Ok(Self::options().deserialize(bytes)?)
    }

    fn fingerprint() -> Result<u64, BoxError> {
        Ok(schema::fingerprint::<V>(Format::Positional)?)
    }
}
