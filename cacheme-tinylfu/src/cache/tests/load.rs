//! Making the value of a key that has none.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use foldhash::quality::FixedState;

use super::{NS, POLICIES, built, cache, panics};
use crate::Cache;

const THREADS: u64 = 8;

/// What eight threads get that ask for one key at once.
fn stampede<R: Send>(
    cache: &Cache<u64, u64, FixedState>,
    load: impl Fn(&Cache<u64, u64, FixedState>, u64) -> R + Sync,
) -> Vec<R> {
    let all = Barrier::new(8);
    let run = |thread| {
        all.wait();
        load(cache, thread)
    };
    let run = &run;
    thread::scope(|scope| {
        let spawn = |thread| scope.spawn(move || run(thread));
        let threads: Vec<_> = (0..THREADS).map(spawn).collect();
        let ends = threads.into_iter().map(thread::ScopedJoinHandle::join);
        ends.map(|end| end.expect("no thread panics")).collect()
    })
}

/// Waits until the others have come, or most likely so.
fn linger() {
    thread::sleep(Duration::from_millis(30));
}

#[test]
fn value_is_made_once_for_all_that_ask() {
    for policy in POLICIES {
        let (cache, _) = cache(10, policy);
        let made = AtomicU64::new(0);
        let values = stampede(&cache, |cache, thread| {
            cache.get_or_insert_with(1, || {
                made.fetch_add(1, Ordering::Relaxed);
                linger();
                thread
            })
        });
        assert_eq!(made.into_inner(), 1);
        assert!(values.iter().all(|&value| Some(value) == cache.get(&1)));
    }
}

#[test]
fn closure_is_not_called_where_there_is_a_live_value() {
    let (cache, clock) = cache(10, POLICIES[0]);
    cache.insert_with_ttl(1, 1, NS);
    assert_eq!(cache.get_or_insert_with(1, || 2), 1);
    clock.advance(1);
    assert_eq!(cache.get_or_insert_with(1, || 3), 3);
    assert_eq!(cache.try_get_or_insert_with(1, || Err(())), Ok(3));
    assert_eq!(cache.try_get_or_insert_with(2, || Err(4)), Err(4));
    assert_eq!(cache.len(), 1);
}

#[test]
fn closures_of_other_keys_run_meanwhile() {
    let (cache, _) = cache(10, POLICIES[0]);
    let both = Barrier::new(2);
    thread::scope(|scope| {
        for key in 0..2 {
            let (cache, both) = (&cache, &both);
            scope.spawn(move || {
                cache.get_or_insert_with(key, || {
                    both.wait();
                    key
                })
            });
        }
    });
    assert_eq!(cache.len(), 2);
}

#[test]
fn cache_may_be_used_by_the_closure() {
    let (cache, _) = built(10, |settings| settings.shards(1));
    let value = cache.get_or_insert_with(1, || {
        assert!(cache.partition.is_unlocked());
        cache.insert(2, 2);
        cache.get_or_insert_with(3, || 3) + 1
    });
    assert_eq!((value, cache.len()), (4, 3));
}

#[test]
fn value_that_was_kept_meanwhile_is_replaced_by_what_the_closure_made() {
    let (cache, _) = cache(10, POLICIES[0]);
    let value = cache.get_or_insert_with(1, || {
        cache.insert(1, 1);
        2
    });
    assert_eq!((value, cache.get(&1)), (2, Some(2)));
}

#[test]
fn panic_in_the_closure_lets_the_next_one_try() {
    let (cache, _) = cache(10, POLICIES[0]);
    let tries = AtomicU64::new(0);
    let values = stampede(&cache, |cache, _| {
        let mut value = None;
        let make = || {
            let before = tries.fetch_add(1, Ordering::Relaxed);
            linger();
            assert!(before >= 3, "the first three panic");
            before
        };
        if tries.load(Ordering::Relaxed) < 3 {
            let load = || value = Some(cache.get_or_insert_with(1, make));
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(load));
        } else {
            value = Some(cache.get_or_insert_with(1, make));
        }
        value
    });
    assert_eq!(tries.into_inner(), 4);
    assert_eq!(values.iter().filter(|value| value.is_none()).count(), 3);
    assert!(values.iter().flatten().all(|&value| value == 3));
    panics(|| cache.get_or_insert_with(2, || panic!("no value")));
    assert_eq!(cache.get_or_insert_with(2, || 5), 5);
}

#[test]
fn failures_are_not_kept_and_go_to_who_made_them() {
    let (cache, _) = cache(10, POLICIES[0]);
    let tries = AtomicU64::new(0);
    let results = stampede(&cache, |cache, thread| {
        let result = cache.try_get_or_insert_with(1, || {
            let before = tries.fetch_add(1, Ordering::Relaxed);
            linger();
            if before < 3 { Err(thread) } else { Ok(before) }
        });
        (thread, result)
    });
    assert_eq!(tries.into_inner(), 4);
    let failed = results.iter().filter(|(_, result)| result.is_err());
    assert_eq!(failed.count(), 3);
    for (thread, result) in results {
        assert!(result == Ok(3) || result == Err(thread));
    }
}

#[test]
fn values_that_are_not_kept_are_made_by_each_one_after_the_other() {
    let (cache, _) = built(0, |settings| settings);
    let under_way = AtomicU64::new(0);
    let made = AtomicU64::new(0);
    let start = Instant::now();
    let values = stampede(&cache, |cache, thread| {
        cache.get_or_insert_with(1, || {
            assert_eq!(under_way.fetch_add(1, Ordering::SeqCst), 0);
            thread::sleep(Duration::from_millis(2));
            made.fetch_add(1, Ordering::Relaxed);
            under_way.fetch_sub(1, Ordering::SeqCst);
            thread
        })
    });
    assert!(values.into_iter().eq(0..THREADS), "each gets its own");
    assert_eq!(made.into_inner(), THREADS);
    assert!(start.elapsed() >= Duration::from_millis(2) * 8);
}
