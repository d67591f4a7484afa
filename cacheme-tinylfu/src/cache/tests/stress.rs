//! Many threads at once.

use std::thread;
use std::time::Duration;

use super::{POLICIES, TestClock, cache};
use crate::Cache;

const THREADS: u64 = 8;
const OPS: u64 = 20_000;
const KEYS: u64 = 5000;
const CAPACITY: usize = 2048;

/// Values tell their key, so that one found under another key is noticed.
fn check(key: u64, value: Option<u64>) {
    assert!(value.is_none_or(|value| value % KEYS == key));
}

fn work<S: std::hash::BuildHasher>(cache: &Cache<u64, u64, S>, clock: &TestClock, thread: u64) {
    let mut random = thread + 1;
    for _ in 0..OPS {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        // The product favours low keys, so that there are hits.
        let key = (random % KEYS) * (random >> 32) % KEYS * (random >> 48) % KEYS;
        let value = key + KEYS * (random % 1000);
        match random % 1000 {
            0 => cache.clear(),
            1..50 => check(key, cache.remove(&key)),
            50..150 => {
                let ttl = Duration::from_nanos(random % 500);
                check(key, cache.insert_with_ttl(key, value, ttl));
            }
            150..450 => check(key, cache.insert(key, value)),
            450..455 => cache
                .iter()
                .for_each(|(key, value)| check(key, Some(value))),
            455..500 => clock.advance(1),
            _ => check(key, cache.get(&key)),
        }
        assert!(cache.len() <= CAPACITY);
    }
}

#[test]
fn threads_never_see_a_foreign_value_or_too_many_entries() {
    for policy in POLICIES {
        let (cache, clock) = cache(CAPACITY, policy);
        assert!(cache.partition.locks().count() > 1);
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let (cache, clock) = (&cache, &clock);
                scope.spawn(move || work(cache, clock, thread));
            }
        });
        cache.validate();
    }
}
