//! No codec: for values that never leave the process.

use super::Codec;
use crate::error::BoxError;

/// Keeps values as they are, so that they need no serde. A node with this codec can have local
/// tiers only; with a remote one, its first use is an error.
#[derive(Clone, Copy, Debug)]
pub struct InProcess;

impl InProcess {
    fn refuse<T>() -> Result<T, BoxError> {
        Err("the codec `InProcess` keeps values in local tiers only".into())
    }
}

impl<V> Codec<V> for InProcess {
    const ID: u8 = 0;

    fn encode(_value: &V, _out: &mut Vec<u8>) -> Result<(), BoxError> {
        Self::refuse()
    }

    fn decode(_bytes: &[u8]) -> Result<V, BoxError> {
        Self::refuse()
    }

    fn fingerprint() -> Result<u64, BoxError> {
        Self::refuse()
    }
}
