//! What ends by a tag or by what is heard, beside loads that are under way.

use super::*;
use crate::sync::{explore, explore_all};

/// How many orders a model is run in that has too many for all.
const ORDERS: usize = 10_000;

/// What a load found, with its stamp.
type Entry = (u64, Arc<Stamp>);

/// Two sources, and entries that were loaded from them.
#[derive(Default)]
struct Desk {
    tags: Tags,
    sources: [AtomicU64; 2],
    tier: Mutex<Option<Entry>>,
}

const TAGS: [&str; 2] = ["one", "two"];

/// When a load says what tags its entry has.
#[derive(Clone, Copy)]
enum Given {
    First,
    Last,
}

impl Desk {
    /// Loads what has the first tags, each of which has its source, and keeps it.
    fn load(&self, tags: usize, given: Given) {
        let since = self.tags.now();
        let stamp = || self.stamp(since, tags);
        let early = matches!(given, Given::First).then(stamp);
        let read = |source: &AtomicU64| source.load(Ordering::SeqCst);
        let oldest = self.sources[..tags.max(1)].iter().map(read).min();
        let stamp = early.unwrap_or_else(stamp);
        *lock(&self.tier) = oldest.map(|oldest| (oldest, stamp));
    }

    fn stamp(&self, since: u64, tags: usize) -> Arc<Stamp> {
        let names = TAGS[..tags].iter().copied();
        let of = Identity {
            prefix: 0,
            node: 2,
            key: 1,
        };
        let stamp = self.tags.stamp(of, since, names);
        stamp.expect("it has tags, or is heard of")
    }

    /// Changes a source.
    fn change(&self, source: usize) {
        self.sources[source].fetch_add(1, Ordering::SeqCst);
    }

    /// Checks that an entry which is older than this has ended, for who begins now as well.
    fn check(&self, newest: u64) {
        let count = self.tags.now();
        let entry = lock(&self.tier).clone();
        if let Some((found, stamp)) = entry.filter(|(found, _)| *found < newest) {
            assert!(!stamp.is_current(), "{found} is current");
            assert!(stamp.ended_before(count));
        }
    }

    fn has_current(&self) -> bool {
        let entry = lock(&self.tier).clone();
        entry.is_some_and(|(_, stamp)| stamp.is_current())
    }
}

fn beside(desk: &Arc<Desk>, run: impl FnOnce(&Desk) + Send + 'static) -> impl FnOnce() {
    let desk = Arc::clone(desk);
    let thread = shuttle::thread::spawn(move || run(&desk));
    || thread.join().expect("it doesn't panic")
}

/// A change, and what ends the old value, beside a load. `tags` is how many tags the entry has.
fn race(tags: usize, given: Given, end: fn(&Tags)) {
    let desk = Arc::new(Desk::default());
    desk.tags.hear();
    let load = beside(&desk, move |desk| desk.load(tags, given));
    desk.change(0);
    end(&desk.tags);
    desk.check(1);
    load();
    desk.check(1);
    desk.load(tags, given);
    assert!(desk.has_current());
}

#[test]
fn what_began_before_an_invalidation_is_never_current_after_it() {
    for given in [Given::First, Given::Last] {
        explore_all(move || race(1, given, |tags| tags.invalidate(0, "one")));
    }
}

#[test]
fn what_began_before_its_key_was_heard_of_is_never_current_after_it() {
    explore_all(|| race(0, Given::First, |tags| tags.end_keys(&[1])));
    explore_all(|| race(0, Given::First, Tags::end_all));
}

#[test]
fn of_several_tags_each_ends_what_has_them() {
    explore(ORDERS, || {
        let desk = Arc::new(Desk::default());
        let load = beside(&desk, |desk| desk.load(2, Given::Last));
        let other = beside(&desk, |desk| {
            desk.change(1);
            desk.tags.invalidate(0, "two");
        });
        desk.change(0);
        desk.tags.invalidate(0, "one");
        load();
        other();
        desk.check(1);
        assert_eq!(desk.tags.now(), 2);
        // And numbers haven't gone back.
        desk.load(2, Given::First);
        assert!(desk.has_current());
        desk.tags.invalidate(0, "two");
        assert!(!desk.has_current());
    });
}

#[test]
fn a_tag_that_nobody_has_any_more_ends_what_a_load_gives_it() {
    explore(ORDERS, || {
        let desk = Arc::new(Desk::default());
        let last = desk.stamp(0, 1);
        let load = beside(&desk, |desk| desk.load(1, Given::Last));
        let leave = beside(&desk, move |_| drop(last));
        desk.change(0);
        desk.tags.invalidate(0, "one");
        desk.check(1);
        load();
        leave();
        desk.check(1);
    });
}
