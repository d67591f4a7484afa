//! The parts of a function's key: a tuple with the owned value of each argument that is in it.

use std::any::type_name;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

use serde::{Serialize, Serializer};

use crate::key::KeyWriter;
use crate::node::KeyPart;

/// What is behind a borrowed argument; as [`Own`].
#[diagnostic::on_unimplemented(
    message = "`&{Self}` can't be part of a node's key",
    label = "not usable in a key",
    note = "what it refers to is copied, so that needs `Clone`, `Eq`, `Hash`, `serde::Serialize`, `Send`, `Sync` and `'static`",
    note = "`#[key(expression)]` puts something else of it there, and `#[skip]` nothing"
)]
pub trait Borrowed<Way> {
    /// The type of the part.
    type Part;

    /// A copy.
    fn own(&self) -> Self::Part;
}

impl<T: ToOwned<Owned: KeyPart> + ?Sized> Borrowed<Usable> for T {
    type Part = T::Owned;

    fn own(&self) -> T::Owned {
        self.to_owned()
    }
}

impl<T: Never> Borrowed<Unusable> for T {
    type Part = T;

    fn own(&self) -> T {
        self.clone()
    }
}

/// A value that may be in a key, as it is or copied.
///
/// There are two implementations, of which the second one is for no type at all. That way a value that
/// may not be in a key has no [`Part`](Self::Part) for the compiler to go on with, and is one error,
/// where it stands.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be part of a node's key",
    label = "not usable in a key",
    note = "an argument that is in the key needs `Clone`, `Eq`, `Hash`, `serde::Serialize`, `Send`, `Sync` and `'static`",
    note = "`#[key(expression)]` puts something else of it there, and `#[skip]` nothing"
)]
pub trait Own<Way>: Sized {
    /// The type of the part.
    type Part;

    /// The value itself.
    fn own(self) -> Self::Part;

    /// A copy, of a value that is needed once more.
    fn copy(&self) -> Self::Part;
}

/// The way of types that may be in a key.
#[derive(Debug)]
pub struct Usable;

/// The way of no type.
#[derive(Debug)]
pub struct Unusable;

/// Has no implementations.
pub trait Never: Clone {}

impl<T: KeyPart> Own<Usable> for T {
    type Part = T;

    fn own(self) -> T {
        self
    }

    fn copy(&self) -> T {
        self.clone()
    }
}

impl<T: Never> Own<Unusable> for T {
    type Part = T;

    fn own(self) -> T {
        self
    }

    fn copy(&self) -> T {
        self.clone()
    }
}

/// All that tells the calls of a function apart.
pub trait Parts: Clone + Eq + Hash + Send + Sync + 'static {
    /// How many there are.
    const COUNT: usize;

    /// Writes one of them.
    fn write(&self, part: usize, key: &mut KeyWriter, separator: char);
}

macro_rules! tuples {
    ($(($($part:ident $at:tt)*))*) => {$(
        impl<$($part: KeyPart),*> Parts for ($($part,)*) {
            const COUNT: usize = [$($at),*].len();

            #[allow(unused_variables, reason = "the empty one has none")]
            fn write(&self, part: usize, key: &mut KeyWriter, separator: char) {
                match part {
                    $($at => key.field(&self.$at, separator),)*
                    _ => {}
                }
            }
        }
    )*};
}

impl Parts for () {
    const COUNT: usize = 0;

    fn write(&self, _part: usize, _key: &mut KeyWriter, _separator: char) {}
}

tuples! {
    (A 0)
    (A 0 B 1)
    (A 0 B 1 C 2)
    (A 0 B 1 C 2 D 3)
    (A 0 B 1 C 2 D 3 E 4)
    (A 0 B 1 C 2 D 3 E 4 F 5)
    (A 0 B 1 C 2 D 3 E 4 F 5 G 6)
    (A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7)
    (A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8)
    (A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9)
    (A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10)
    (A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11)
}

/// A type that is part of a key, by its name.
pub struct TypeName<T: ?Sized>(PhantomData<fn(&T)>);

impl<T: ?Sized> TypeName<T> {
    /// The name of `T`.
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T: ?Sized> Clone for TypeName<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> Copy for TypeName<T> {}

impl<T: ?Sized> PartialEq for TypeName<T> {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl<T: ?Sized> Eq for TypeName<T> {}

impl<T: ?Sized> Hash for TypeName<T> {
    fn hash<H: Hasher>(&self, _state: &mut H) {}
}

impl<T: ?Sized> Serialize for TypeName<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(type_name::<T>())
    }
}

impl<T: ?Sized> fmt::Debug for TypeName<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(type_name::<T>())
    }
}

impl<T: ?Sized> Default for TypeName<T> {
    fn default() -> Self {
        Self::new()
    }
}
