//! The loops that are measured. They are compiled for each library, so that the call behind which a
//! library is chosen is paid for once per loop and not once per operation.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::{Peer, Sample};
use crate::mix::Mix;

/// A [`Peer`] that can be driven by a workload; every peer can.
pub(crate) trait Drive<K, V>: Peer<K, V> {
    /// Looks up every id and inserts those that are missing. Returns the number of hits.
    fn replay(&self, ids: &[u32]) -> usize;

    /// Runs one operation of `mix` per key. Returns the number of lookups that were hits.
    fn run(&self, mix: Mix, keys: &[K]) -> usize;

    /// Appends the nanoseconds of every lookup that was a hit.
    fn time_hits(&self, keys: &[K], nanos: &mut Vec<u64>);

    /// Appends the nanoseconds of every insert.
    fn time_inserts(&self, keys: &[K], nanos: &mut Vec<u64>);

    /// Inserts the keys, over and over, until `stop` is set.
    fn insert_until(&self, keys: &[K], stop: &AtomicBool);
}

impl<K: Sample, V: Sample, P: Peer<K, V>> Drive<K, V> for P {
    fn replay(&self, ids: &[u32]) -> usize {
        let hit = |id: &&u32| {
            let number = u64::from(**id);
            get_or_insert(self, &K::sample(number), number)
        };
        ids.iter().filter(hit).count()
    }

    fn run(&self, mix: Mix, keys: &[K]) -> usize {
        match mix {
            Mix::ReadOnly | Mix::OneKey => keys.iter().filter(|key| found(self, key)).count(),
            Mix::Writes5 => with_inserts::<20, K, V>(self, keys),
            Mix::Writes50 => with_inserts::<2, K, V>(self, keys),
            Mix::GetOrInsert => (0..)
                .zip(keys)
                .filter(|(number, key)| get_or_insert(self, key, *number))
                .count(),
        }
    }

    fn time_hits(&self, keys: &[K], nanos: &mut Vec<u64>) {
        for key in keys {
            let start = Instant::now();
            let found = found(self, key);
            let time = elapsed(start);
            if found {
                nanos.push(time);
            }
        }
    }

    fn time_inserts(&self, keys: &[K], nanos: &mut Vec<u64>) {
        for (number, key) in (0..).zip(keys) {
            let (key, value) = (key.clone(), V::sample(number));
            let start = Instant::now();
            self.insert(key, value);
            nanos.push(elapsed(start));
        }
    }

    fn insert_until(&self, keys: &[K], stop: &AtomicBool) {
        for (number, key) in (0..).zip(keys.iter().cycle()) {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            self.insert(key.clone(), V::sample(number));
        }
    }
}

fn found<K, V>(peer: &(impl Peer<K, V> + ?Sized), key: &K) -> bool {
    black_box(peer.get(black_box(key))).is_some()
}

fn get_or_insert<K: Sample, V: Sample>(
    peer: &(impl Peer<K, V> + ?Sized),
    key: &K,
    number: u64,
) -> bool {
    let found = found(peer, key);
    if !found {
        peer.insert(key.clone(), V::sample(number));
    }
    found
}

/// Every `EVERY`th operation is an insert. Keys are in random order, so it hits none of them more.
fn with_inserts<const EVERY: u64, K: Sample, V: Sample>(
    peer: &(impl Peer<K, V> + ?Sized),
    keys: &[K],
) -> usize {
    let mut hits = 0;
    for (number, key) in (1..).zip(keys) {
        if number % EVERY == 0 {
            peer.insert(key.clone(), V::sample(number));
        } else if found(peer, key) {
            hits += 1;
        }
    }
    hits
}

/// The nanoseconds since `start`.
fn elapsed(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
