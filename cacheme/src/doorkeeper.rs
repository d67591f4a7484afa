//! Keeps values out of the tiers that were loaded only once.
//!
//! The doorkeeper of Einziger, Friedman and Manes, "`TinyLFU`: A Highly Efficient Cache Admission Policy",
//! 2017, by itself and before all tiers: a Bloom filter of the nodes that were loaded. The value of one
//! that isn't in it isn't kept. It is cleared when it has as many as it was made for, as that paper says.

use std::fmt;

#[cfg(feature = "local")]
use crate::lock::lock;

/// Has a node's values kept only from the second load on, so that what is asked for once takes no room.
///
/// ```
/// use cacheme::Doorkeeper;
///
/// let doorkeeper = Doorkeeper::new(10_000, 0.01);
/// assert_eq!(doorkeeper.capacity(), 10_000);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Doorkeeper {
    capacity: usize,
    false_positive_rate: f64,
}

impl Doorkeeper {
    /// Remembers `capacity` nodes, and then forgets all of them. Of those that it doesn't know it takes the
    /// share `false_positive_rate` for known ones at most, which is above 0 and at most 0.5. Takes
    /// −1.44 · log₂(rate) bits a node: 12 KB for 10,000 at a rate of 0.01.
    pub fn new(capacity: usize, false_positive_rate: f64) -> Self {
        Self {
            capacity,
            false_positive_rate,
        }
    }

    /// How many nodes it remembers.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The share of unknown nodes that it takes for known ones at most.
    pub fn false_positive_rate(&self) -> f64 {
        self.false_positive_rate
    }
}

/// A [`Doorkeeper`] at work.
#[cfg(feature = "local")]
pub(crate) struct Door {
    known: std::sync::Mutex<Known>,
}

/// Never exists: the filter comes with the cache in process.
#[cfg(not(feature = "local"))]
pub(crate) enum Door {}

#[cfg(feature = "local")]
struct Known {
    filter: cacheme_tinylfu::BloomFilter<u64>,
    capacity: usize,
    /// How many more it may get to know.
    room: usize,
}

#[cfg(feature = "local")]
impl Door {
    /// Nobody is known yet; an error says what is wrong with the settings.
    pub(crate) fn new(settings: Doorkeeper) -> Result<Self, String> {
        let Doorkeeper {
            capacity,
            false_positive_rate: rate,
        } = settings;
        if capacity == 0 {
            return Err("has a capacity of 0, which remembers nobody".to_owned());
        }
        if !(rate > 0.0 && rate <= 0.5) {
            return Err(format!(
                "has a rate of {rate}: it is above 0 and at most 0.5"
            ));
        }
        let known = Known {
            filter: cacheme_tinylfu::BloomFilter::with_false_positive_rate(capacity, rate),
            capacity,
            room: capacity,
        };
        let known = std::sync::Mutex::new(known);
        Ok(Self { known })
    }

    /// Whether the node of this hash was here before; it is known from now on.
    pub(crate) fn knows(&self, hash: u64) -> bool {
        let mut known = lock(&self.known);
        if known.room == 0 {
            known.filter.clear();
            known.room = known.capacity;
        }
        let is_new = known.filter.insert(&hash);
        known.room -= usize::from(is_new);
        !is_new
    }
}

#[cfg(not(feature = "local"))]
impl Door {
    pub(crate) fn new(_: Doorkeeper) -> Result<Self, String> {
        Err("needs cacheme's feature `local`: `features = [\"local\"]`".to_owned())
    }

    pub(crate) fn knows(&self, _: u64) -> bool {
        match *self {}
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door").finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "local"))]
mod tests {
    use super::*;

    #[test]
    fn knows_who_was_here_before_until_it_is_full() {
        let door = Door::new(Doorkeeper::new(100, 1e-9)).expect("settings");
        for node in 0..100 {
            assert!(!door.knows(node), "{node} wasn't here");
        }
        // The one that finds it full is the first of the next hundred.
        assert!(!door.knows(100));
        assert!(door.knows(100) && !door.knows(7) && door.knows(7));
    }

    #[test]
    fn settings_that_make_no_sense_are_told() {
        for (capacity, rate) in [(0, 0.1), (1, 0.0), (1, 0.6), (1, f64::NAN)] {
            assert!(
                Door::new(Doorkeeper::new(capacity, rate)).is_err(),
                "{rate}"
            );
        }
    }
}
