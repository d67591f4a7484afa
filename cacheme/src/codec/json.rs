//! JSON, through `serde_json`: values that people and other programs read.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Codec, limit, loss};
use crate::error::BoxError;
use crate::schema::{self, Format};

/// JSON, for values that are read by eye or by programs in other languages; up to 64 MiB, nested up
/// to 127 deep.
///
/// It takes types that need a self-describing format (`serde_json::Value`, `#[serde(untagged)]`,
/// `flatten`, `tag`, `skip_serializing_if`); [`Msgpack`](super::Msgpack) does as well, in less time
/// and space. Floating-point numbers come back to the last bit, and `u128` whole. A structure of
/// the type other than the one that was written is a miss, as with every codec here; of what such
/// types hold only their name can be seen, so raise the node's `version` when one of them changes.
///
/// What JSON doesn't have is not written, and counted as a failed write: keys of maps that are
/// neither strings, numbers, `bool`, `char` nor unit variants; `NaN` and infinities; and `Some` of
/// what is written as `null` (`None`, `()`, a unit struct), which would come back as `None`.
///
/// ```
/// use std::collections::BTreeMap;
/// use cacheme::{Codec, codec::Json};
///
/// # fn main() -> Result<(), cacheme::BoxError> {
/// let mut bytes = Vec::new();
/// Json::encode(&BTreeMap::from([(7, "Ada".to_owned())]), &mut bytes)?;
/// assert_eq!(bytes, br#"{"7":"Ada"}"#);
///
/// let ages: BTreeMap<String, u8> = Json::decode(br#"{"Ada":36}"#)?;
/// assert_eq!(ages["Ada"], 36);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Json;

impl<V: Serialize + DeserializeOwned> Codec<V> for Json {
    const ID: u8 = 3;

    fn encode(value: &V, out: &mut Vec<u8>) -> Result<(), BoxError> {
        loss::check(value, Format::Text)?;
        limit::within(out, |out| serde_json::to_writer(out, value))
    }

    fn decode(bytes: &[u8]) -> Result<V, BoxError> {
        limit::check(bytes)?;
        Ok(serde_json::from_slice(bytes)?)
    }

    fn fingerprint() -> Result<u64, BoxError> {
        Ok(schema::fingerprint::<V>(Format::Text)?)
    }
}
