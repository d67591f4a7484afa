//! The figures of a cache.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use super::{NS, POLICIES, Settings, built, cache};
use crate::{Lookup, Op, Stats};

#[test]
fn each_figure_counts_what_its_name_says() {
    for policy in POLICIES {
        let (cache, clock) = built(2, |settings| {
            let settings = settings.policy(policy).record_stats();
            settings.weigher(|_, &value: &u32| value)
        });
        let mut stats = Stats::default();
        assert_eq!(cache.stats(), stats);
        cache.insert(1, 1);
        cache.compute(2, |_| Op::Put(1));
        stats.insertions = 2;
        assert_eq!(cache.stats(), stats);
        cache.insert(1, 1);
        cache.compute(1, |_| Op::Put(1));
        stats.replacements = 2;
        assert_eq!(cache.stats(), stats);
        cache.get_or_insert_with(3, || 1);
        (stats.misses, stats.insertions, stats.evictions) = (1, 3, 1);
        assert_eq!(cache.stats(), stats);
        cache.insert(4, 3);
        stats.refusals = 1;
        assert_eq!(cache.stats(), stats);
        cache.insert_with_ttl(3, 1, NS);
        clock.advance(1);
        assert_eq!(cache.lookup(&3, |_| ()), Lookup::Expired);
        (stats.misses, stats.replacements, stats.expirations) = (2, 3, 1);
        assert_eq!(cache.stats(), stats);
    }
}

#[test]
fn lookups_are_hits_or_misses() {
    let (cache, _) = built(10, Settings::record_stats);
    cache.insert(1, 1);
    let found = |hits, misses| {
        let stats = cache.stats();
        assert_eq!((stats.hits, stats.misses), (hits, misses));
    };
    cache.get(&1);
    cache.lookup(&1, |_| ());
    cache.lookup_key_value(&1, |_, _| ());
    drop(cache.get_ref(&1));
    cache.get_or_insert_with(1, || 2);
    found(5, 0);
    cache.get(&2);
    cache.lookup(&2, |_| ());
    cache.lookup_key_value(&2, |_, _| ());
    drop(cache.get_ref(&2));
    assert_eq!(cache.try_get_or_insert_with(2, || Err(())), Err(()));
    found(5, 5);
    assert_eq!(cache.stats().hit_ratio(), Some(0.5));
}

#[test]
fn other_methods_are_no_lookups() {
    let (cache, _) = built(10, Settings::record_stats);
    cache.insert(1, 1);
    cache.peek(&1);
    cache.contains_key(&2);
    cache.iter().for_each(drop);
    cache.policy().hottest(3);
    cache.compute(1, |_| Op::Keep);
    cache.remove_if(&1, |_, _| false);
    cache.remove(&2);
    assert_eq!(cache.stats().hit_ratio(), None);
}

#[test]
fn lookups_are_not_counted_unless_asked_for() {
    let (cache, _) = cache(10, POLICIES[0]);
    cache.insert(1, 1);
    cache.get(&1);
    cache.get(&2);
    let stats = cache.stats();
    assert_eq!((stats.hits, stats.misses, stats.insertions), (0, 0, 1));
    assert_eq!(stats.hit_ratio(), None);
}

#[test]
fn figures_stay_when_entries_go() {
    let (cache, _) = built(10, |settings| settings.shards(4).record_stats());
    (0..30).for_each(|key| {
        cache.insert(key, key);
        cache.get(&key);
    });
    let stats = cache.stats();
    cache.clear();
    cache.resize(5);
    cache.retain(|_, _| false);
    assert_eq!(cache.stats(), stats);
    assert_eq!(stats.insertions, stats.hits);
}

#[test]
fn values_that_have_expired_on_arrival_are_counted_as_expired() {
    let (cache, _) = cache(10, POLICIES[0]);
    cache.insert_with_ttl(1, 1, Duration::ZERO);
    let expected = Stats {
        expirations: 1,
        ..Stats::default()
    };
    assert_eq!(cache.stats(), expected);
}

#[test]
fn figures_of_many_threads_add_up() {
    let (cache, _) = built(10_000, Settings::record_stats);
    // More threads than there are places to count in, all with a place before one is given back.
    let all = Barrier::new(24);
    thread::scope(|scope| {
        for thread in 0..24_u64 {
            let (cache, all) = (&cache, &all);
            scope.spawn(move || {
                cache.insert(thread, 0);
                cache.get(&thread);
                all.wait();
                for _ in 0..20_000 {
                    cache.get(&thread);
                    cache.get(&1000);
                }
                cache.remove(&thread);
            });
        }
    });
    let stats = cache.stats();
    assert_eq!((stats.hits, stats.misses), (480_024, 480_000));
    assert_eq!((stats.insertions, stats.evictions), (24, 0));
    assert!(cache.is_empty());
}
