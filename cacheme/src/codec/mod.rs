//! How values become bytes and back.

#[cfg(feature = "bincode")]
mod bincode;
mod in_process;

#[cfg(feature = "bincode")]
pub use self::bincode::Bincode;
pub use self::in_process::InProcess;

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
/// [`decode`](Codec::decode) counts as an error.
#[diagnostic::on_unimplemented(
    message = "the codec `{Self}` can't write `{V}`",
    note = "`codec = cacheme::codec::InProcess` keeps values that never leave the process as they are"
)]
pub trait Codec<V>: 'static {
    /// Tells this codec from others in stored entries. 0 to 127 belong to this crate.
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
