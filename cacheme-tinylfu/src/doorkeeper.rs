//! Keeps keys out that were not asked for before.
//!
//! A Bloom filter of keys that came: the entry of a key comes in only from the second time on. It keeps
//! the memory of caches free of what is used once, at the price of one more miss for each key. After as
//! many keys as it was made for it forgets all of them, and is made anew for what the shard holds then.

use crate::bloom::BloomFilter;

/// Keys that the smallest one is made for.
const LEAST: usize = 1024;
/// Keys for each entry of the shard.
const PER_ENTRY: usize = 4;
/// Unknown keys that are taken for known ones.
const FALSE: f64 = 0.01;

#[derive(Debug)]
pub(crate) struct Doorkeeper {
    known: BloomFilter<u32>,
    /// Keys that it may still get to know.
    room: usize,
}

impl Doorkeeper {
    pub(crate) fn new(entries: usize) -> Self {
        let room = (entries * PER_ENTRY).max(LEAST);
        Self {
            known: BloomFilter::with_false_positive_rate(room, FALSE),
            room,
        }
    }

    /// Whether a key was here before; it is known from now on.
    pub(crate) fn knows(&mut self, upper: u32, entries: usize) -> bool {
        if self.room == 0 {
            *self = Self::new(entries);
        }
        let new = self.known.insert(&upper);
        self.room -= usize::from(new);
        !new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_known_from_the_second_time_on() {
        let mut doorkeeper = Doorkeeper::new(0);
        assert!(!doorkeeper.knows(1, 0));
        assert!(doorkeeper.knows(1, 0));
        assert!(!doorkeeper.knows(2, 0));
    }

    #[test]
    fn all_are_forgotten_when_there_is_no_room_for_more() {
        let mut doorkeeper = Doorkeeper::new(0);
        (0..2048).for_each(|key| {
            doorkeeper.knows(key, 1000);
        });
        assert!(!doorkeeper.knows(0, 1000));
        assert!(doorkeeper.room > LEAST, "made anew for more");
    }
}
