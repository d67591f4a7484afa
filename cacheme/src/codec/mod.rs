//! How values become bytes and back.
//!
//! | codec | feature | id | takes |
//! | --- | --- | --: | --- |
//! | [`Bincode`], the default | `bincode` | 1 | all but types that need a self-describing format |
//! | [`Msgpack`] | `msgpack` | 2 | these too: `serde_json::Value`, `untagged`, `flatten`, `tag` |
//! | [`Json`] | `json` | 3 | the same, as text |
//! | [`Zstd<C>`](Zstd) | `zstd` | that of `C`, bit 6 flipped | what `C` takes, compressed |
//! | [`InProcess`] | | 0 | everything, in local tiers only |
//! | one of your own: [`Codec`] | | 128 to 255 | what you say |
//!
//! For all of them a value comes back as it was or isn't written, and what was written by another
//! codec, or for another structure of the value's type, is a miss. To change a node's codec is
//! safe at any time.
//!
//! # What they cost
//!
//! A profile of about 1 KiB (an id, names, an address, 36 numbers, 110 words of text) and a page of
//! twenty of them, on one core of a shared virtual machine; most of it is text, so measure your own:
//!
//! | | bytes | µs to write | µs to read | bytes of 20 | µs to write | µs to read |
//! | --- | --: | --: | --: | --: | --: | --: |
//! | `Bincode` | 1126 | 0.3 | 0.3 | 21622 | 3.6 | 9.7 |
//! | `Msgpack` | 1236 | 0.5 | 0.7 | 23824 | 6.9 | 18.8 |
//! | `Json` | 1436 | 0.9 | 1.3 | 27840 | 17 | 31 |
//! | `Zstd<Bincode>` | 782 | 5.8 | 2.6 | 11415 | 50 | 29 |
//! | `Zstd<Msgpack>` | 867 | 6.0 | 3.1 | 11951 | 61 | 40 |
//! | `Zstd<Json>` | 901 | 6.1 | 3.6 | 12191 | 70 | 50 |
//! | `Zstd<Json, 1024, 3>` | 856 | 8.1 | 4.0 | 11139 | 155 | 74 |
//! | `Zstd<Json, 1024, 9>` | 838 | 19 | 4.0 | 11070 | 927 | 70 |
//!
//! `cargo run --release --example codec_cost` in the repository prints it.

#[cfg(feature = "bincode")]
mod bincode;
mod in_process;
#[cfg(feature = "json")]
mod json;
#[allow(dead_code, reason = "each codec uses a part of it")]
mod limit;
#[cfg(any(feature = "bincode", feature = "json", feature = "msgpack"))]
#[allow(dead_code, reason = "each codec uses a part of it")]
mod loss;
#[cfg(feature = "msgpack")]
mod msgpack;
#[cfg(feature = "zstd")]
mod zstd;

#[cfg(feature = "bincode")]
pub use self::bincode::Bincode;
pub use self::in_process::InProcess;
#[cfg(feature = "json")]
pub use self::json::Json;
#[cfg(feature = "msgpack")]
pub use self::msgpack::Msgpack;
#[cfg(feature = "zstd")]
pub use self::zstd::Zstd;

use crate::error::BoxError;

/// The codec of a node that names none.
#[cfg(feature = "bincode")]
pub type Default = Bincode;

/// The codec of a node that names none.
#[cfg(not(feature = "bincode"))]
pub type Default = InProcess;

/// Turns values of type `V` into bytes and back.
///
/// A codec of one's own is a type that implements this, named by `codec = path::Type` on a node.
/// The functions may be called on any thread and shouldn't block. A panic in
/// [`encode`](Codec::encode) or [`decode`](Codec::decode) counts as an error.
///
/// It may serve one type, or all that have some trait (`impl<V: prost::Message + Default> Codec<V>
/// for Protobuf`):
///
/// ```
/// use cacheme::{BoxError, Cacheme, Codec, Load, LoadContext, LoadResult};
///
/// /// A picture of one grey byte per pixel.
/// #[derive(Clone, Debug, PartialEq)]
/// struct Picture {
///     width: u32,
///     pixels: Vec<u8>,
/// }
///
/// /// The width, little-endian, and the pixels as they are.
/// struct Raw;
///
/// impl Codec<Picture> for Raw {
///     const ID: u8 = 128;
///
///     fn encode(value: &Picture, out: &mut Vec<u8>) -> Result<(), BoxError> {
///         out.extend(value.width.to_le_bytes());
///         out.extend(&value.pixels);
///         Ok(())
///     }
///
///     fn decode(bytes: &[u8]) -> Result<Picture, BoxError> {
///         let (width, pixels) = bytes.split_first_chunk().ok_or("it has no width")?;
///         let width = u32::from_le_bytes(*width);
///         Ok(Picture { width, pixels: pixels.to_vec() })
///     }
///
///     fn fingerprint() -> Result<u64, BoxError> {
///         Ok(1) // of this layout: to be raised when it changes
///     }
/// }
///
/// #[cacheme::node(storage = "far", codec = Raw)]
/// struct Thumbnail {
///     number: u64,
/// }
///
/// impl Load for Thumbnail {
///     type Value = Picture;
///
///     async fn load(&self, _cx: &LoadContext) -> LoadResult<Picture> {
///         Ok(Picture { width: 2, pixels: vec![0, 127, 127, 255] })
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "the codec `{Self}` can't write `{V}`",
    note = "`codec = cacheme::codec::InProcess` keeps values that never leave the process as they are"
)]
pub trait Codec<V>: 'static {
    /// Tells this codec from others in stored entries. 0 to 127 belong to this crate, 128 to 255 are
    /// for codecs of one's own. [`Zstd`] flips bit 6: around a codec 128 it is 192, so take ids
    /// from 128 to 191.
    const ID: u8;

    /// Appends `value` to `out`.
    ///
    /// # Errors
    ///
    /// When the value can't be written. It is then not stored, and counted.
    fn encode(value: &V, out: &mut Vec<u8>) -> Result<(), BoxError>;

    /// Reads what [`encode`](Codec::encode) wrote. `bytes` passed the envelope's checks, yet may
    /// have been written by anybody who can write to the storage: memory and time have to be
    /// bounded by its length.
    ///
    /// # Errors
    ///
    /// When `bytes` aren't a `V`. The entry then counts as corrupt.
    fn decode(bytes: &[u8]) -> Result<V, BoxError>;

    /// A number that differs between types that can't read each other's bytes. Called once per
    /// node and runtime, seldom more often, and only for nodes with a remote tier.
    ///
    /// # Errors
    ///
    /// When the codec can't serve `V` at all; the node is then refused with this error.
    fn fingerprint() -> Result<u64, BoxError>;
}

#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be cached by this node",
    label = "can't be cached with the node's codec",
    note = "derive `Clone`, `serde::Serialize` and `serde::Deserialize` for it, or, if it never leaves the process, give the node `codec = cacheme::codec::InProcess`",
    note = "in a generic `impl Load`, bound the type parameters by `cacheme::KeyPart`"
)]
/// A value that the codec `C` can keep. There is nothing to implement: it holds for every type
/// that is `Clone + Send + Sync + 'static` and that the codec takes.
pub trait Cacheable<C>: Clone + Send + Sync + 'static {
    /// The codec's [`ID`](Codec::ID).
    #[doc(hidden)]
    const CODEC: u8;

    #[doc(hidden)]
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), BoxError>;

    #[doc(hidden)]
    fn decode(bytes: &[u8]) -> Result<Self, BoxError>;

    #[doc(hidden)]
    fn fingerprint() -> Result<u64, BoxError>;
}

#[diagnostic::do_not_recommend]
impl<C: Codec<V>, V: Clone + Send + Sync + 'static> Cacheable<C> for V {
    const CODEC: u8 = C::ID;

    fn encode(&self, out: &mut Vec<u8>) -> Result<(), BoxError> {
        C::encode(self, out)
    }

    fn decode(bytes: &[u8]) -> Result<Self, BoxError> {
        C::decode(bytes)
    }

    fn fingerprint() -> Result<u64, BoxError> {
        C::fingerprint()
    }
}
