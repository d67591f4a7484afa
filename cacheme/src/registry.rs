//! A map from a type to the one value of that type, read without a lock.
//!
//! It only grows. A bucket is a chain of links, each set once, so a look-up is a few acquiring
//! loads: a hit in process finds its node's state here.

use std::any::{Any, TypeId};
use std::fmt;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};
use std::sync::OnceLock;

/// Values by their type. Not for hostile keys: the types of a program are its own.
pub(crate) struct TypeMap {
    buckets: [Link; TypeMap::BUCKETS],
}

/// The end of a chain, or one value and the rest of the chain.
#[derive(Default)]
struct Link(OnceLock<Box<Entry>>);

struct Entry<T: ?Sized = dyn Any + Send + Sync> {
    next: Link,
    value: T,
}

impl TypeMap {
    /// Enough for chains of a few links in a program with some hundred nodes.
    const BUCKETS: usize = 128;

    pub(crate) fn new() -> Self {
        Self {
            buckets: std::array::from_fn(|_| Link::default()),
        }
    }

    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "less than the number of buckets"
    )]
    fn bucket(&self, id: TypeId) -> &Link {
        &self.buckets[(hash(id) % Self::BUCKETS as u64) as usize]
    }

    /// The value of type `T`, if there is one.
    #[inline]
    pub(crate) fn get<T: Any>(&self) -> Option<&T> {
        let mut link = self.bucket(TypeId::of::<T>());
        while let Some(entry) = link.0.get() {
            if let Some(value) = entry.value.downcast_ref() {
                return Some(value);
            }
            link = &entry.next;
        }
        None
    }

    /// Puts `value` in, and says whether it is there now: not if there was one of its type.
    pub(crate) fn insert<T: Any + Send + Sync>(&self, value: T) -> bool {
        let mut link = self.bucket(TypeId::of::<T>());
        let mut entry: Box<Entry> = Box::new(Entry {
            next: Link::default(),
            value,
        });
        while let Err(back) = link.0.set(entry) {
            entry = back;
            if let Some(there) = link.0.get() {
                if there.value.is::<T>() {
                    return false;
                }
                link = &there.next;
            }
        }
        true
    }
}

impl fmt::Debug for TypeMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TypeMap").finish_non_exhaustive()
    }
}

/// The bits of a `TypeId`, which is a hash already.
#[inline]
pub(crate) fn hash(id: TypeId) -> u64 {
    BuildHasherDefault::<AsIs>::default().hash_one(id)
}

#[derive(Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    #[inline]
    fn write_u64(&mut self, value: u64) {
        self.0 = self.0.rotate_left(8) ^ value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Numbered<const N: usize>(usize);

    fn check<const N: usize>(map: &TypeMap) {
        assert!(map.get::<Numbered<N>>().is_none());
        assert!(map.insert(Numbered::<N>(N)));
        assert!(!map.insert(Numbered::<N>(0)));
        assert_eq!(map.get::<Numbered<N>>().map(|n| n.0), Some(N));
    }

    #[test]
    fn keeps_the_first_value_of_each_type() {
        let map = TypeMap::new();
        macro_rules! check_all {
            ($($n:literal)*) => { $(check::<$n>(&map);)* };
        }
        check_all!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28);
        assert_eq!(map.get::<Numbered<1>>().map(|n| n.0), Some(1));
    }

    #[test]
    fn one_of_many_racing_inserts_wins() {
        let map = TypeMap::new();
        let won = std::thread::scope(|scope| {
            let racers: Vec<_> = (0..8)
                .map(|i| {
                    scope.spawn({
                        let map = &map;
                        move || map.insert(i)
                    })
                })
                .collect();
            let outcomes = racers
                .into_iter()
                .map(|racer| racer.join().expect("no panic"));
            outcomes.filter(|won| *won).count()
        });
        assert_eq!(won, 1);
    }
}
