//! What a run is made of.

use arbitrary::Arbitrary;

/// Few, so that they meet.
pub type Key = u8;

#[derive(Arbitrary, Debug)]
pub struct Input {
    pub settings: Settings,
    pub ops: Vec<Op>,
}

#[derive(Arbitrary, Debug)]
pub struct Settings {
    pub capacity: u8,
    /// As a power of two.
    #[arbitrary(with = |u: &mut arbitrary::Unstructured| u.int_in_range(0..=2))]
    pub shards: u32,
    pub lru: bool,
    pub doorkeeper: bool,
    pub weighs: bool,
    pub ttl: Option<Ttl>,
    /// Nanoseconds. So short that the cache moves the deadline at every use.
    #[arbitrary(with = |u: &mut arbitrary::Unstructured| u.int_in_range(0..=63))]
    pub idle: u64,
}

/// Nanoseconds, from none to years.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Ttl {
    digits: u8,
    #[arbitrary(with = |u: &mut arbitrary::Unstructured| u.int_in_range(0..=50))]
    shift: u32,
}

impl Ttl {
    pub fn nanoseconds(self) -> u64 {
        u64::from(self.digits) << self.shift
    }
}

#[derive(Arbitrary, Debug)]
pub enum Op {
    Get(Key),
    GetRef(Key),
    Peek(Key),
    Insert { key: Key, weight: u8 },
    InsertWithTtl { key: Key, weight: u8, ttl: Ttl },
    GetOrInsert { key: Key, weight: u8 },
    FailToInsert(Key),
    Put { key: Key, weight: u8 },
    PutWithTtl { key: Key, weight: u8, ttl: Ttl },
    ComputeNothing(Key),
    ComputeRemoval(Key),
    Remove(Key),
    RemoveIf { key: Key, agreed: bool },
    RetainKeysFrom(Key),
    RemoveExpired,
    Resize(u8),
    Clear,
    Advance(Ttl),
    Rank(u8),
}
