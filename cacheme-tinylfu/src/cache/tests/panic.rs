//! User code that panics: the cache stays whole, and loses nothing that it should keep.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use foldhash::quality::FixedState;

use super::token::{Mint, Token};
use super::{NS, POLICIES, SECOND, built, cache, panics};
use crate::{Cache, Op, Policy};

/// Panics when it is asked, once it is switched on.
#[derive(Clone, Default)]
struct Trap(Arc<AtomicBool>);

impl Trap {
    fn set(&self, on: bool) {
        self.0.store(on, Ordering::Relaxed);
    }

    fn step_on(&self) {
        assert!(!self.0.load(Ordering::Relaxed), "trapped");
    }
}

/// All are there, and the cache works as before.
fn check(cache: &Cache<u64, Token, FixedState>, keys: impl IntoIterator<Item = u64>, mint: &Mint) {
    cache.validate();
    assert!(cache.partition.is_unlocked());
    let mut found = 0;
    for key in keys {
        assert_eq!(cache.get(&key).map(|token| token.key), Some(key));
        found += 1;
    }
    assert_eq!((cache.len(), mint.alive()), (found, found));
    cache.insert(999, mint.token(999));
    assert_eq!(cache.remove(&999).map(|token| token.key), Some(999));
    cache.validate();
}

#[test]
fn weigher_and_expires_after_may_panic() {
    type Own = Cache<u64, Token, FixedState>;
    let acts: [fn(&Own, Token); 4] = [
        |cache, token| drop(cache.insert(token.key, token)),
        |cache, token| drop(cache.insert(50, token)),
        |cache, token| drop(cache.compute(token.key, |_| Op::Put(token))),
        |cache, token| drop(cache.get_or_insert_with(60, || token)),
    ];
    for policy in POLICIES {
        for act in acts {
            for weighs in [true, false] {
                let (trap, mint) = (Trap::default(), Mint::default());
                let trapped = trap.clone();
                let (cache, _) = built(10, |settings: super::Settings<u64, Token>| {
                    let settings = settings.policy(policy);
                    if weighs {
                        return settings.weigher(move |_, _| {
                            trapped.step_on();
                            1
                        });
                    }
                    settings.expires_after(move |_, _| {
                        trapped.step_on();
                        None
                    })
                });
                (0..9).for_each(|key| {
                    cache.insert(key, mint.token(key));
                });
                trap.set(true);
                panics(|| act(&cache, mint.token(3)));
                trap.set(false);
                check(&cache, 0..9, &mint);
            }
        }
    }
}

#[test]
fn compute_and_remove_if_may_panic() {
    for policy in POLICIES {
        let mint = Mint::default();
        let (cache, _) = cache(10, policy);
        (0..9).for_each(|key| {
            cache.insert(key, mint.token(key));
        });
        panics(|| cache.compute(3, |_| panic!("no")));
        panics(|| cache.compute(30, |_| panic!("no")));
        panics(|| cache.remove_if(&3, |_, _| panic!("no")));
        check(&cache, 0..9, &mint);
    }
}

#[test]
fn retain_that_panics_has_removed_what_it_said_no_to() {
    for policy in POLICIES {
        let mint = Mint::default();
        let (cache, _) = cache(10, policy);
        (0..9).for_each(|key| {
            cache.insert(key, mint.token(key));
        });
        let mut refused = Vec::new();
        panics(|| {
            cache.retain(|&key, _| {
                assert!(refused.len() < 4, "enough");
                refused.push(key);
                false
            });
        });
        assert_eq!(refused.len(), 4);
        check(&cache, (0..9).filter(|key| !refused.contains(key)), &mint);
    }
}

#[test]
fn listener_may_panic() {
    for policy in POLICIES {
        let (trap, mint) = (Trap::default(), Mint::default());
        let trapped = trap.clone();
        let (cache, clock) = built(9, |settings| {
            let settings = settings.policy(policy).shards(1);
            settings.on_evict(move |_, _, _| trapped.step_on())
        });
        (0..9).for_each(|key| {
            cache.insert(key, mint.token(key));
        });
        trap.set(true);
        panics(|| cache.insert(9, mint.token(9)));
        panics(|| cache.insert_with_ttl(3, mint.token(3), Duration::ZERO));
        assert_eq!(
            cache.get(&9).map(|token| token.key),
            Some(9),
            "it was kept before"
        );
        cache.remove(&9);
        (10..12).for_each(|key| {
            cache.insert_with_ttl(key, mint.token(key), NS);
        });
        clock.advance(SECOND);
        panics(|| cache.get(&10));
        panics(|| cache.remove_expired());
        trap.set(false);
        let mut left: Vec<u64> = cache.iter().map(|(key, _)| key).collect();
        left.sort_unstable();
        assert_eq!(left.len(), 7);
        check(&cache, left, &mint);
    }
}

/// Panics when it is dropped, if told so.
struct Fragile(Trap, #[expect(dead_code, reason = "counted")] Token);

impl Drop for Fragile {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.0.step_on();
        }
    }
}

#[test]
fn drop_of_values_may_panic() {
    type Act = fn(&Cache<u64, Fragile, FixedState>, Fragile);
    let acts: [(Act, usize); 6] = [
        (|cache, fragile| drop(cache.insert(3, fragile)), 9),
        (|cache, fragile| drop(cache.insert(30, fragile)), 9),
        (
            |cache, fragile| {
                drop(cache.remove(&3));
                cache.insert(3, fragile);
            },
            8,
        ),
        (|cache, _| cache.resize(5), 5),
        (|cache, _| cache.retain(|key, _| *key > 4), 4),
        (|cache, _| cache.clear(), 0),
    ];
    for policy in POLICIES {
        for (act, left) in acts {
            let (trap, mint) = (Trap::default(), Mint::default());
            let (cache, _) = built(9, |settings| settings.policy(policy).shards(1));
            (0..9).for_each(|key| {
                cache.insert(key, Fragile(trap.clone(), mint.token(key)));
            });
            let fragile = Fragile(trap.clone(), mint.token(30));
            trap.set(true);
            panics(|| act(&cache, fragile));
            trap.set(false);
            cache.validate();
            assert_eq!((cache.len(), mint.alive()), (left, left));
            drop(cache);
            assert_eq!(mint.alive(), 0);
        }
    }
}

#[test]
fn clock_that_panics_leaves_a_resized_cache_whole() {
    let trap = Trap::default();
    let trapped = trap.clone();
    let clock = move || {
        trapped.step_on();
        NS
    };
    let built = Cache::builder()
        .capacity(100)
        .shards(4)
        .policy(Policy::Lru)
        .clock(clock)
        .build();
    let cache = built.expect("the capacity is set");
    for key in 0..100 {
        cache.insert_with_ttl(key, key, NS);
    }
    trap.set(true);
    panics(|| cache.resize(10));
    trap.set(false);
    cache.validate();
    cache.resize(10);
    assert_eq!(cache.len(), 10);
    cache.validate();
}
