//! A key in 64 bits.

use twox_hash::XxHash3_64;

/// What tells a key from others, without its text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Digest {
    /// What its entries have to show: of its node and of the kinds of its fields as well.
    pub(crate) sealed: u64,
    /// By what other processes are told of it: of its text alone, which is all that a server tells of a change.
    pub(crate) told: u64,
}

impl Digest {
    /// By what other processes are told of the key with this text.
    pub(crate) fn told(key: &[u8]) -> u64 {
        XxHash3_64::oneshot(key)
    }
}
