//! For generated code only: no promises.

pub use crate::function;

use std::hash::Hasher;

use crate::key::KeyWriter;
use crate::meta::Tier;
use crate::node::KeyPart;

pub use crate::__needs_zstd as needs_zstd;
pub use crate::weight::weigh;

/// The codec of a node with `compress`.
#[cfg(feature = "zstd")]
pub type Compressed<C> = crate::codec::Zstd<C>;

/// The codec of a node with `compress`, which [`needs_zstd`] refuses.
#[cfg(not(feature = "zstd"))]
pub type Compressed<C> = C;

/// Refuses `compress` where the feature that it needs is off.
#[cfg(feature = "zstd")]
#[doc(hidden)]
#[macro_export]
macro_rules! __needs_zstd {
    () => {};
}

/// Refuses `compress` where the feature that it needs is off.
#[cfg(not(feature = "zstd"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __needs_zstd {
    () => {
        ::core::compile_error!(
            "`compress` needs cacheme's feature `zstd`: `features = [\"zstd\"]`"
        );
    };
}

/// A field of a node, as the generated code uses it: one bound with every operation, so that a
/// type that can't be in a key gives one error.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be part of a node's key",
    label = "not usable in a key",
    note = "a field of a node needs `Clone`, `Eq`, `Hash` and `serde::Serialize`"
)]
pub trait Part: Sized {
    /// `==`.
    fn same(&self, other: &Self) -> bool;
    /// `Hash::hash`.
    fn hash_into<H: Hasher>(&self, state: &mut H);
    /// `Clone::clone`.
    #[must_use]
    fn duplicate(&self) -> Self;
    /// [`KeyWriter::field`].
    fn write(&self, key: &mut KeyWriter, separator: char);
}

#[diagnostic::do_not_recommend]
impl<T: KeyPart> Part for T {
    #[inline]
    fn same(&self, other: &Self) -> bool {
        self == other
    }

    #[inline]
    fn hash_into<H: Hasher>(&self, state: &mut H) {
        self.hash(state);
    }

    #[inline]
    fn duplicate(&self) -> Self {
        self.clone()
    }

    #[inline]
    fn write(&self, key: &mut KeyWriter, separator: char) {
        key.field(self, separator);
    }
}

/// [`Tier::new`] of an option's value: one type, so that another one gives one short error.
pub fn tier(storage: &'static str) -> Tier {
    Tier::new(storage)
}
