//! Many threads at once.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::token::{Mint, Token};
use super::{POLICIES, TestClock, built};
use crate::{Cache, Op};

const THREADS: u64 = 8;
const STEPS: u64 = 12_000;
const KEYS: u64 = 5000;
const CAPACITY: usize = 2048;
const SMALLER: usize = 1500;

/// A generator that gives each thread its own numbers (Marsaglia, "Xorshift RNGs", 2003).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Low keys more often, so that there are hits.
    fn key(&mut self) -> u64 {
        let bound = self.next() % KEYS + 1;
        self.next() % bound
    }

    fn ttl(&mut self) -> Duration {
        Duration::from_nanos(self.next() % 3_000_000)
    }
}

/// What one thread does, and looks at after each step.
struct Worker<'a, S> {
    cache: &'a Cache<u64, Token, S>,
    clock: &'a TestClock,
    mint: &'a Mint,
    random: Random,
}

impl<S: BuildHasher> Worker<'_, S> {
    fn run(&mut self, most: usize) {
        for _ in 0..STEPS {
            self.step();
            assert!(self.cache.len() <= most, "more entries than capacity");
            assert!(
                self.cache.weight() <= most as u64,
                "more weight than capacity"
            );
        }
    }

    fn step(&mut self) {
        let Self { cache, mint, .. } = *self;
        let key = self.random.key();
        let token = mint.token(key);
        match self.random.next() % 1000 {
            0 => cache.clear(),
            1 => cache.retain(|&key, token| {
                assert_eq!(token.key, key);
                key % 3 != 0
            }),
            2 => cache.remove_expired(),
            3 => cache
                .iter()
                .for_each(|(key, token)| assert_eq!(token.key, key)),
            4 => assert!(cache.policy().hottest(20).len() <= 20),
            5..50 => check(key, cache.remove(&key)),
            50..80 => check(key, cache.remove_if(&key, |_, token| token.key % 2 == 0)),
            80..160 => check(key, cache.insert_with_ttl(key, token, self.random.ttl())),
            160..350 => check(key, cache.insert(key, token)),
            350..400 => check(key, cache.compute(key, |_| Op::Put(token))),
            400..420 => check(key, cache.compute(key, |_| Op::Remove)),
            420..500 => check(key, Some(cache.get_or_insert_with(key, || token))),
            500..550 => self.clock.advance(50_000),
            550..650 => {
                if let Some(entry) = cache.get_ref(&key) {
                    assert_eq!((*entry.key(), entry.value().key), (key, key));
                }
            }
            650..700 => check(key, cache.peek(&key)),
            _ => check(key, cache.get(&key)),
        }
    }
}

/// Values tell their key, so that one found under another key is noticed.
fn check(key: u64, token: Option<Token>) {
    assert!(token.is_none_or(|token| token.key == key));
}

/// Eight threads at work, and meanwhile this one; then everything must be in order and nothing be lost.
fn stress(set: impl Fn(Settings) -> Settings, meanwhile: impl Fn(&Cached, &AtomicUsize)) {
    for policy in POLICIES {
        let mint = Mint::default();
        let (cache, clock) = built(CAPACITY, |settings| set(settings.policy(policy)));
        let at_work = AtomicUsize::new(8);
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let random = Random(thread + 1);
                let (cache, clock, mint) = (&cache, &clock, &mint);
                let at_work = &at_work;
                scope.spawn(move || {
                    let _done = Done(at_work);
                    Worker {
                        cache,
                        clock,
                        mint,
                        random,
                    }
                    .run(CAPACITY);
                });
            }
            meanwhile(&cache, &at_work);
        });
        cache.validate();
        assert_eq!(mint.alive(), cache.len());
        assert!(cache.partition.is_unlocked());
        drop(cache);
        assert_eq!(mint.alive(), 0, "values were lost");
    }
}

type Settings = super::Settings<u64, Token>;
type Cached = Cache<u64, Token, foldhash::quality::FixedState>;

/// Says that a thread has ended, also by a panic.
struct Done<'a>(&'a AtomicUsize);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[test]
fn threads_never_see_a_foreign_value_or_too_many_entries() {
    stress(
        |settings| settings.shards(4),
        |cache, _| assert_eq!(cache.shards(), 4),
    );
}

#[test]
fn weights_and_lifetimes_of_all_kinds_hold_up() {
    let set = |settings: Settings| {
        settings
            .shards(2)
            .weigher(|key, _| u32::try_from(key % 40).expect("it is small"))
            .idle(Duration::from_millis(40))
            .expires_after(|key, _| (key % 5 == 0).then_some(Duration::from_millis(3)))
            .record_stats()
    };
    stress(set, |_, _| {});
}

#[test]
fn capacity_that_changes_holds_up() {
    let resize = |cache: &Cached, at_work: &AtomicUsize| {
        while at_work.load(Ordering::Relaxed) > 0 {
            for capacity in [SMALLER, 0, CAPACITY] {
                cache.resize(capacity);
                assert_eq!(cache.capacity(), capacity);
                assert!(
                    cache.len() <= capacity,
                    "more entries than the new capacity"
                );
                thread::sleep(Duration::from_millis(1));
            }
        }
    };
    stress(|settings| settings.shards(4).doorkeeper(), resize);
    stress(|settings| settings.shards(1), resize);
}
