//! A runtime with a tier in process and a remote one, and what callers do with it at once.
//!
//! The cache in process has orders of its own, which its crate's models run. No node here has tags: a look-up
//! would ask for them under a lock that shuttle doesn't know of.

use std::collections::HashMap;
use std::future::poll_fn;
use std::hash::Hasher;
use std::pin::pin;
use std::task::Poll;

use bytes::Bytes;
use shuttle::future::block_on;
use shuttle::thread;

use super::*;
use crate::error::BoxError;
use crate::key::{Key, KeyWriter};
use crate::load::{Load, LoadResult};
use crate::meta::Tier;
use crate::storage::{Entry, LocalStorage, Storage, StorageFuture};
use crate::sync::{AtomicU64, Mutex, Ordering, explore, later, lock, stroll};

/// How many orders each model is run in.
const ORDERS: usize = 1_000;

const SEQ: Ordering = Ordering::SeqCst;

/// A node whose values are numbers, each later than those before.
#[derive(Debug)]
struct Version;

impl Node for Version {
    type Codec = crate::codec::Default;

    fn meta() -> Meta {
        let meta = Meta::new("Version", "Version", "Version");
        meta.with_tier(Tier::new("near"))
            .with_tier(Tier::new("far"))
    }

    fn write_key(&self, key: &mut KeyWriter) {
        key.literal("Version");
    }

    fn same(&self, _: &Self) -> bool {
        true
    }

    fn hash_into<H: Hasher>(&self, _: &mut H) {}

    fn duplicate(&self) -> Self {
        Self
    }
}

/// Where its values come from: the next one.
#[derive(Clone, Default)]
struct Source(Arc<AtomicU64>);

impl Source {
    fn next(&self) -> u64 {
        self.0.load(SEQ)
    }

    fn draw(&self) -> u64 {
        self.0.fetch_add(1, SEQ)
    }
}

impl Load for Version {
    type Value = u64;

    async fn load(&self, cx: &LoadContext) -> LoadResult<u64> {
        let version = cx.state::<Source>()?.draw();
        later().await;
        Ok(version)
    }
}

/// A remote storage: what it does takes effect between two waits.
#[derive(Clone, Debug, Default)]
struct Far(Arc<Mutex<HashMap<Key, Bytes>>>);

impl Far {
    async fn after_a_while<T>(
        &self,
        act: impl FnOnce(&mut HashMap<Key, Bytes>) -> T,
    ) -> Result<T, BoxError> {
        later().await;
        let outcome = act(&mut lock(&self.0));
        later().await;
        Ok(outcome)
    }
}

impl Storage for Far {
    fn get_many<'a>(&'a self, keys: &'a [Key]) -> StorageFuture<'a, Vec<Option<Bytes>>> {
        let get = |entries: &mut HashMap<Key, Bytes>| {
            let found = keys.iter().map(|key| entries.get(key).cloned());
            found.collect()
        };
        Box::pin(self.after_a_while(get))
    }

    fn put_many<'a>(&'a self, entries: &'a [Entry]) -> StorageFuture<'a, ()> {
        let new = entries
            .iter()
            .map(|entry| (entry.key().clone(), entry.value().clone()));
        Box::pin(self.after_a_while(|entries| entries.extend(new)))
    }

    fn remove_many<'a>(&'a self, keys: &'a [Key]) -> StorageFuture<'a, ()> {
        Box::pin(self.after_a_while(|entries| entries.retain(|key, _| !keys.contains(key))))
    }
}

/// A process.
#[derive(Clone)]
struct Desk {
    runtime: Cacheme,
    source: Source,
    far: Far,
    /// What is older than this may be kept nowhere.
    oldest: Arc<AtomicU64>,
}

impl Desk {
    fn new() -> Self {
        Self::of(Source::default(), Far::default())
    }

    fn of(source: Source, far: Far) -> Self {
        let builder = Cacheme::builder()
            .storage("near", LocalStorage::tlfu(10))
            .storage("far", far.clone())
            .state(source.clone());
        let runtime = block_on(builder.build()).expect("it is set up");
        Self {
            runtime,
            source,
            far,
            oldest: Arc::default(),
        }
    }

    /// A process that has nothing near yet, beside this one.
    fn another(&self) -> Self {
        Self::of(self.source.clone(), self.far.clone())
    }

    fn get(&self) -> u64 {
        block_on(self.runtime.get(Version)).expect("no load fails")
    }

    /// Invalidates the value: what was loaded before is old then.
    fn change(&self) {
        let next = self.source.next();
        block_on(self.runtime.invalidate(Version)).expect("it is removed");
        self.oldest.fetch_max(next, SEQ);
    }

    fn put(&self) {
        let version = self.source.draw();
        block_on(self.runtime.put(Version, version)).expect("it is kept");
        self.oldest.fetch_max(version, SEQ);
    }

    /// Does these at once, and all that they begin. What is near then, and what is far: nothing old.
    fn at_once<const N: usize>(&self, run: [fn(&Self); N]) -> [Option<u64>; 2] {
        let thread = |run: fn(&Self)| {
            let desk = self.clone();
            thread::spawn(move || {
                stroll();
                run(&desk);
            })
        };
        for thread in run.map(thread) {
            thread.join().expect("it doesn't panic");
        }
        let fetch = self.runtime.fetch::<Version>();
        let fetch = fetch.expect("it is set up");
        while !fetch.flights.lock().is_empty() {
            thread::yield_now();
        }
        let peek = |desk: &Self| block_on(desk.runtime.peek(Version)).expect("it can be read");
        let near = fetch.hit(self.runtime.scope(), &Version);
        // Another process has nothing near.
        let kept = [near, peek(&self.another())];
        let oldest = self.oldest.load(SEQ);
        let is_old = |version: &Option<u64>| version.is_some_and(|version| version < oldest);
        assert!(!kept.iter().any(is_old), "{kept:?} before {oldest}");
        kept
    }
}

fn gets(desk: &Desk) {
    desk.get();
}

fn changes(desk: &Desk) {
    desk.change();
}

fn puts(desk: &Desk) {
    desk.put();
}

/// Drops a request after so many polls.
fn leaves<const POLLS: usize>(desk: &Desk) {
    let mut left = POLLS;
    let mut get = pin!(desk.runtime.get(Version));
    block_on(poll_fn(|cx| {
        if left == 0 || get.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        left -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    }));
}

#[test]
fn all_who_come_get_one_load_whoever_goes() {
    let others = [gets, leaves::<1>, leaves::<2>, leaves::<4>, leaves::<8>];
    for other in others {
        explore(ORDERS, move || {
            let desk = Desk::new();
            let kept = desk.at_once([other, |desk| assert_eq!(desk.get(), 0), other]);
            assert_eq!(kept, [Some(0), Some(0)]);
            assert_eq!(desk.source.next(), 1);
        });
    }
}

#[test]
fn what_began_before_an_invalidation_is_kept_nowhere_after_it() {
    let cases: [[fn(&Desk); 3]; 3] = [
        [|_| {}, gets, changes],
        [gets, changes, gets],
        [changes, leaves::<3>, changes],
    ];
    for case in cases {
        explore(ORDERS, move || {
            Desk::new().at_once(case);
        });
    }
}

#[test]
fn what_is_read_while_it_is_removed_is_kept_nowhere_after_it() {
    explore(ORDERS, || {
        let desk = Desk::new();
        desk.get();
        desk.another().at_once([gets, changes]);
    });
}

#[test]
fn what_was_loaded_before_a_put_is_kept_nowhere_after_it() {
    // Whoever gets it may see an old value that comes late into the remote tier, until that is taken back.
    explore(ORDERS, || {
        Desk::new().at_once([gets, puts, gets]);
    });
}
