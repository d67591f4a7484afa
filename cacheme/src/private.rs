//! For generated code only: no promises.

use std::hash::Hasher;

use crate::key::KeyWriter;
use crate::meta::Tier;
use crate::node::KeyPart;

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
