//! What the policy thinks of the entries.

use std::collections::BTreeSet;

use super::{NS, POLICIES, built, cache};
use crate::Policy;

#[test]
fn entries_come_in_the_order_of_their_heat() {
    let (cache, _) = cache(100, Policy::TinyLfu);
    (0..100).for_each(|key| {
        cache.insert(key, key);
    });
    for _ in 0..200 {
        (0..10).for_each(|key| {
            cache.get(&key);
        });
        // Uses are counted when there is no room.
        (0..5).for_each(|key| {
            cache.insert(1000 + key, key);
            cache.remove(&(1000 + key));
        });
    }
    cache.insert(1000, 0);
    let hottest: BTreeSet<u64> = cache
        .policy()
        .hottest(10)
        .into_iter()
        .map(|(key, _)| key)
        .collect();
    assert!(hottest.into_iter().eq(0..10));
    let coldest = cache.policy().coldest(50);
    assert!(coldest.iter().all(|&(key, _)| key >= 10));
}

#[test]
fn coldest_is_the_reverse_of_hottest() {
    for policy in POLICIES {
        let (cache, _) = cache(50, policy);
        for key in 0..200_u64 {
            cache.insert(key, key);
            cache.get(&(key / 3));
        }
        let mut coldest = cache.policy().coldest(100);
        coldest.reverse();
        assert_eq!(coldest.len(), 50);
        assert_eq!(cache.policy().hottest(100), coldest);
        assert_eq!(cache.policy().hottest(7), coldest[..7]);
        assert_eq!(cache.policy().hottest(0), []);
    }
}

#[test]
fn coldest_of_lru_is_the_next_to_leave() {
    let (cache, _) = cache(12, Policy::Lru);
    (0..12).for_each(|key| {
        cache.insert(key, key);
    });
    for key in 12..100_u64 {
        cache.get(&(key - key % 5));
        cache.get(&(key - 7));
        let next = cache.policy().coldest(1)[0].0;
        cache.insert(key, key);
        assert_eq!(cache.peek(&next), None);
    }
}

#[test]
fn expired_entries_are_left_out() {
    let (cache, clock) = cache(10, POLICIES[0]);
    cache.insert(1, 1);
    cache.insert_with_ttl(2, 2, NS);
    assert_eq!(cache.policy().hottest(10).len(), 2);
    clock.advance(1);
    assert_eq!(cache.policy().hottest(10), [(1, 1)]);
    assert_eq!(cache.policy().coldest(10), [(1, 1)]);
    assert_eq!(cache.len(), 2);
}

#[test]
fn entries_of_all_shards_are_ranked_together() {
    let (cache, _) = built(1000, |settings| settings.shards(8).policy(Policy::Lru));
    (0..100).for_each(|key| {
        cache.insert(key, key);
    });
    (0..100).step_by(2).for_each(|key| {
        cache.get(&key);
    });
    let hottest = cache.policy().hottest(50);
    assert_eq!(hottest.len(), 50);
    assert!(hottest.iter().all(|(key, _)| key % 2 == 0));
    assert_eq!(cache.policy().coldest(1000).len(), 100);
}

#[test]
fn reading_it_is_no_request() {
    let (cache, _) = cache(2, Policy::Lru);
    cache.insert(1, 1);
    cache.insert(2, 2);
    assert_eq!(cache.policy().hottest(2), [(2, 2), (1, 1)]);
    assert_eq!(cache.policy().coldest(2), [(1, 1), (2, 2)]);
    cache.insert(3, 3);
    assert_eq!(cache.peek(&1), None);
}

#[test]
fn dump_of_the_hottest_restores_a_cache() {
    for policy in POLICIES {
        let (old, _) = cache(100, policy);
        for key in 0..300_u64 {
            old.insert(key, key);
            old.get(&(key % 30));
        }
        let dump = old.policy().hottest(40);
        let (new, _) = cache(40, policy);
        for &(key, value) in dump.iter().rev() {
            new.insert(key, value);
        }
        assert!(dump.iter().all(|(key, value)| new.get(key) == Some(*value)));
    }
}
