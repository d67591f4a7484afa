//! What each method returns.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{NS, POLICIES, cache};
use crate::{Cache, Equivalent, Lookup, Policy};

#[test]
fn insert_returns_the_value_it_replaces() {
    let cache = Cache::new(10);
    assert_eq!(cache.insert(1, "a"), None);
    assert_eq!(cache.insert(1, "b"), Some("a"));
    assert_eq!(cache.get(&1), Some("b"));
    assert_eq!(cache.len(), 1);
}

#[test]
fn entry_expires_at_the_end_of_its_ttl() {
    for policy in POLICIES {
        let (cache, clock) = cache(10, policy);
        cache.insert_with_ttl(1, "a", NS * 5);
        clock.advance(4);
        assert_eq!(cache.lookup(&1, |value| *value), Lookup::Hit("a"));
        clock.advance(1);
        assert_eq!(cache.len(), 1);
        assert_eq!(cache.lookup(&1, |value| *value), Lookup::Expired);
        assert_eq!(cache.lookup(&1, |value| *value), Lookup::Absent);
        assert_eq!(cache.len(), 0);
        cache.validate();
    }
}

#[test]
fn expired_values_are_not_returned_by_insert_or_remove() {
    for policy in POLICIES {
        let (cache, clock) = cache(10, policy);
        cache.insert_with_ttl(1, "a", NS);
        cache.insert_with_ttl(2, "b", NS);
        clock.advance(1);
        assert_eq!(cache.insert(1, "c"), None);
        assert_eq!(cache.remove(&2), None);
        assert_eq!((cache.get(&1), cache.len()), (Some("c"), 1));
        cache.validate();
    }
}

#[test]
fn zero_ttl_removes_and_keeps_nothing() {
    let cache = Cache::new(10);
    cache.insert(1, "a");
    assert_eq!(cache.insert_with_ttl(1, "b", Duration::ZERO), Some("a"));
    assert_eq!(cache.insert_with_ttl(2, "c", Duration::ZERO), None);
    assert!(cache.is_empty());
}

#[test]
fn replacing_sets_the_lifetime_anew() {
    let (cache, clock) = cache(10, POLICIES[0]);
    cache.insert_with_ttl(1, "a", NS);
    cache.insert(1, "b");
    cache.insert(2, "c");
    cache.insert_with_ttl(2, "d", NS);
    clock.advance(1);
    assert_eq!((cache.get(&1), cache.get(&2)), (Some("b"), None));
}

#[test]
fn remove_and_clear_leave_room_for_new_entries() {
    for policy in POLICIES {
        let (cache, _) = cache(2000, policy);
        (0..2000).for_each(|key| {
            cache.insert(key, key);
        });
        (0..2000).step_by(2).for_each(|key| {
            cache.remove(&key);
        });
        cache.validate();
        cache.clear();
        cache.validate();
        assert!(cache.is_empty());
        cache.insert(1, 1);
        assert_eq!(cache.get(&1), Some(1));
    }
}

#[test]
fn iter_yields_all_live_entries_once() {
    let (cache, clock) = cache(10_000, POLICIES[0]);
    (0..1000).for_each(|key| {
        cache.insert(key, key);
    });
    (0..500).for_each(|key| {
        cache.insert_with_ttl(key, key, NS);
    });
    assert_eq!(cache.iter().count(), 1000);
    clock.advance(1);
    let entries: BTreeMap<u32, u32> = cache.iter().collect();
    assert!(entries.into_iter().eq((500..1000).map(|key| (key, key))));
    assert_eq!(cache.iter().count(), 500);
}

#[test]
fn iter_leaves_out_what_expires_on_the_way() {
    let (cache, clock) = cache(10, POLICIES[0]);
    cache.insert_with_ttl(1, 1, NS);
    cache.insert_with_ttl(2, 2, NS);
    let mut iter = cache.iter();
    assert!(iter.next().is_some());
    clock.advance(1);
    assert_eq!(iter.next(), None);
}

#[test]
fn cache_may_be_changed_while_it_is_iterated() {
    let (cache, _) = cache(5000, POLICIES[0]);
    (0..1000).for_each(|key| {
        cache.insert(key, 0);
    });
    for (key, _) in &cache {
        cache.remove(&key);
        cache.clear();
        assert!(cache.is_empty());
    }
}

#[test]
fn strings_are_found_by_str() {
    let cache = Cache::new(10);
    cache.insert("one".to_owned(), 1);
    assert_eq!(cache.get("one"), Some(1));
    assert_eq!(cache.remove("one"), Some(1));
    assert_eq!(cache.get("one"), None);
}

/// Stands for an owned pair of strings without owning any.
#[derive(Hash)]
struct Pair<'a>(&'a str, &'a str);

impl Equivalent<(String, String)> for Pair<'_> {
    fn equivalent(&self, key: &(String, String)) -> bool {
        self.0 == key.0 && self.1 == key.1
    }
}

#[test]
fn pairs_are_found_by_an_equivalent_of_ones_own() {
    let cache = Cache::new(10);
    cache.insert(("a".to_owned(), "b".to_owned()), 1);
    assert_eq!(cache.get(&Pair("a", "b")), Some(1));
    assert_eq!(cache.lookup(&Pair("b", "a"), |_| ()), Lookup::Absent);
    assert_eq!(cache.remove(&Pair("a", "b")), Some(1));
}

#[test]
fn entry_is_read_in_place() {
    let cache = Cache::new(10);
    cache.insert("one".to_owned(), vec![1]);
    let entry = cache.get_ref("one").expect("it was inserted");
    assert_eq!((entry.key().as_str(), entry.value()), ("one", &vec![1]));
    assert_eq!(entry.len(), 1);
    assert_eq!(
        format!("{entry:?}"),
        "EntryRef { key: \"one\", value: [1] }"
    );
    drop(entry);
    assert!(cache.get_ref("two").is_none());
    assert!(cache.partition.is_unlocked());
}

#[test]
fn peek_is_no_request() {
    let (cache, clock) = cache(2, Policy::Lru);
    cache.insert(1, 1);
    cache.insert_with_ttl(2, 2, NS * 2);
    assert_eq!((cache.peek(&1), cache.contains_key(&1)), (Some(1), true));
    cache.insert(3, 3);
    assert_eq!((cache.peek(&1), cache.contains_key(&1)), (None, false));
    clock.advance(2);
    assert_eq!((cache.peek(&2), cache.contains_key(&2)), (None, false));
    assert_eq!(cache.len(), 2, "what has expired stays");
}

#[test]
fn keys_are_those_that_came_with_the_value() {
    #[derive(Clone)]
    struct Named(u32, &'static str);
    impl PartialEq for Named {
        fn eq(&self, other: &Self) -> bool {
            self.0 == other.0
        }
    }
    impl Eq for Named {}
    impl std::hash::Hash for Named {
        fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
            self.0.hash(state);
        }
    }
    let cache = Cache::new(10);
    cache.insert(Named(1, "old"), 1);
    cache.insert(Named(1, "new"), 2);
    let name = cache.lookup_key_value(&Named(1, ""), |key, _| key.1);
    assert_eq!(name, Lookup::Hit("new"));
}

#[test]
fn debug_shows_settings_without_any_bound_on_entries() {
    struct Opaque;
    let cache: Cache<Opaque, Opaque> = Cache::new(3);
    let shown = format!("{cache:?}");
    assert_eq!(shown, "Cache { capacity: 3, policy: TinyLfu, .. }");
}

#[test]
fn cache_is_shared_between_threads_when_keys_and_values_can_be() {
    fn shared<T: Send + Sync>() {}
    shared::<Cache<String, Vec<u8>>>();
    shared::<crate::Iter<'static, String, Vec<u8>>>();
}
