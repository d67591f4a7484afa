//! What a node's values weigh in a local storage whose capacity is one of weight.

use std::any::{Any, TypeId};
use std::fmt;

/// The option `weight` of a node.
#[derive(Clone, Copy)]
pub(crate) struct Weight {
    /// The type of the values.
    of: TypeId,
    weigh: fn(&dyn Any) -> u32,
}

impl Weight {
    pub(crate) fn new<V: 'static>(weigh: fn(&dyn Any) -> u32) -> Self {
        let of = TypeId::of::<V>();
        Self { of, weigh }
    }

    /// What a value weighs.
    pub(crate) fn of(self, value: &dyn Any) -> u32 {
        (self.weigh)(value)
    }
}

/// Functions can't be compared, so it goes by the type of the values.
impl PartialEq for Weight {
    fn eq(&self, other: &Self) -> bool {
        self.of == other.of
    }
}

impl fmt::Debug for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Weight").finish_non_exhaustive()
    }
}

/// What a value of the type `V` weighs.
pub fn weigh<V: 'static, W: TryInto<u32>>(value: &dyn Any, weigh: impl FnOnce(&V) -> W) -> u32 {
    // A node has one type of value.
    let weight = value.downcast_ref().map(weigh);
    weight.map_or(1, |weight| weight.try_into().unwrap_or(u32::MAX))
}
