//! Taking out many entries at once, and one under a condition.

use super::{Heard, NS, POLICIES, built, cache};
use crate::Cause;

#[test]
fn what_the_closure_says_no_to_is_removed() {
    for policy in POLICIES {
        for shards in [1, 4] {
            let (cache, _) = built(1000, |settings| settings.policy(policy).shards(shards));
            (0..200).for_each(|key| {
                cache.insert(key, key * 2);
            });
            cache.retain(|key, value| {
                assert_eq!(*value, key * 2);
                key % 4 == 0
            });
            let mut keys: Vec<u64> = cache.iter().map(|(key, _)| key).collect();
            keys.sort_unstable();
            assert!(keys.into_iter().eq((0..200).step_by(4)));
            cache.validate();
            cache.retain(|_, _| false);
            assert!(cache.is_empty());
            cache.validate();
        }
    }
}

#[test]
fn expired_entries_are_removed_unseen() {
    let heard = Heard::new();
    let (cache, clock) = built(10, |settings| settings.on_evict(heard.listener()));
    cache.insert_with_ttl(1, 1, NS);
    cache.insert(2, 2);
    clock.advance(1);
    cache.retain(|key, _| {
        assert_eq!(*key, 2);
        true
    });
    assert_eq!(cache.len(), 1);
    assert_eq!(heard.take(), [(1, 1, Cause::Expired)]);
}

#[test]
fn remove_if_asks_about_live_entries_only() {
    for policy in POLICIES {
        let (cache, clock) = cache(10, policy);
        cache.insert(1, "a");
        cache.insert_with_ttl(2, "b", NS);
        clock.advance(1);
        assert_eq!(cache.remove_if(&1, |_, value| *value == "b"), None);
        assert_eq!(cache.get(&1), Some("a"));
        assert_eq!(
            cache.remove_if(&1, |key, value| (*key, *value) == (1, "a")),
            Some("a")
        );
        assert_eq!(cache.remove_if(&1, |_, _| unreachable!()), None);
        assert_eq!(cache.remove_if(&2, |_, _| unreachable!()), None);
        assert!(cache.is_empty());
        cache.validate();
    }
}
