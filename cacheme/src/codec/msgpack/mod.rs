//! MessagePack, through `rmp-serde`: compact, and it says what it wrote.

mod nesting;

use rmp_serde::{Deserializer, Serializer};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Codec, limit, loss};
use crate::error::BoxError;
use crate::schema::{self, Format};

/// MessagePack with the names of fields, values up to 64 MiB, nested up to 127 deep.
///
/// It takes types that need a self-describing format (`serde_json::Value`, `#[serde(untagged)]`,
/// `flatten`, `tag`, `skip_serializing_if`), and reads what an attacker wrote in time and memory
/// bounded by its length. A structure of the type other than the one that was written is a miss, as
/// with every codec here; of what such types hold only their name can be seen, so raise the node's
/// `version` when one of them changes.
///
/// `Some` of `None` or of `()` would come back as `None`: such a value is not written, and counted
/// as a failed write.
///
/// ```
/// use cacheme::codec::Msgpack;
/// use cacheme::{Codec, Load, LoadContext, LoadResult};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
/// #[serde(untagged)]
/// enum Setting {
///     Number(u64),
///     Text(String),
/// }
///
/// #[cacheme::node(storage = "far", codec = Msgpack)]
/// struct SettingOf {
///     name: String,
/// }
///
/// impl Load for SettingOf {
///     type Value = Setting;
///
///     async fn load(&self, _cx: &LoadContext) -> LoadResult<Setting> {
///         Ok(Setting::Text("on".to_owned()))
///     }
/// }
///
/// # fn main() -> Result<(), cacheme::BoxError> {
/// let mut bytes = Vec::new();
/// Msgpack::encode(&Setting::Number(7), &mut bytes)?;
/// let setting: Setting = Msgpack::decode(&bytes)?;
/// assert_eq!(setting, Setting::Number(7));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Msgpack;

impl<V: Serialize + DeserializeOwned> Codec<V> for Msgpack {
    const ID: u8 = 2;

    fn encode(value: &V, out: &mut Vec<u8>) -> Result<(), BoxError> {
        loss::check(value, Format::Named)?;
        limit::within(out, |out| {
            value.serialize(&mut Serializer::new(out).with_struct_map())
        })
    }

    fn decode(bytes: &[u8]) -> Result<V, BoxError> {
        limit::check(bytes)?;
        nesting::check(bytes)?;
        Ok(V::deserialize(&mut Deserializer::from_read_ref(bytes))?)
    }

    fn fingerprint() -> Result<u64, BoxError> {
        Ok(schema::fingerprint::<V>(Format::Named)?)
    }
}
