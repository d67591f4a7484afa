//! Reading and changing an entry as one step.

use std::thread;
use std::time::Duration;

use super::{Heard, NS, POLICIES, built, cache};
use crate::{Cause, Op};

#[test]
fn closure_sees_the_live_value() {
    for policy in POLICIES {
        let (cache, clock) = cache(10, policy);
        cache.insert(1, 1);
        cache.insert_with_ttl(2, 2, NS);
        clock.advance(1);
        for (key, live) in [(1, Some(1)), (2, None), (3, None)] {
            cache.compute(key, |found| {
                assert_eq!(found.copied(), live);
                Op::Keep
            });
        }
        assert_eq!(cache.len(), 2);
    }
}

#[test]
fn each_op_does_what_the_method_of_its_name_does() {
    for policy in POLICIES {
        let (cache, clock) = cache(10, policy);
        assert_eq!(cache.compute(1, |_| Op::Put(1)), None);
        assert_eq!(cache.compute(1, |_| Op::Put(2)), Some(1));
        assert_eq!(cache.compute(1, |_| Op::Keep), None);
        assert_eq!(cache.get(&1), Some(2));
        assert_eq!(cache.compute(1, |_| Op::PutWithTtl(3, NS)), Some(2));
        assert_eq!(cache.compute(1, |_| Op::Keep), None);
        clock.advance(1);
        assert_eq!(cache.get(&1), None);
        cache.insert(1, 4);
        assert_eq!(cache.compute(1, |_| Op::Remove), Some(4));
        assert_eq!(cache.compute(1, |_| Op::Remove), None);
        cache.insert(1, 5);
        assert_eq!(
            cache.compute(1, |_| Op::PutWithTtl(6, Duration::ZERO)),
            Some(5)
        );
        assert!(cache.is_empty());
        cache.validate();
    }
}

#[test]
fn expired_values_go_to_the_listener_and_not_to_the_caller() {
    let heard = Heard::new();
    let (cache, clock) = built(10, |settings| settings.on_evict(heard.listener()));
    cache.insert_with_ttl(1, 1, NS);
    cache.insert_with_ttl(2, 2, NS);
    clock.advance(1);
    assert_eq!(cache.compute(1, |_| Op::Put(3)), None);
    assert_eq!(cache.compute(2, |_| Op::Remove), None);
    let expired = [(1, 1, Cause::Expired), (2, 2, Cause::Expired)];
    assert_eq!(heard.take(), expired);
    assert_eq!((cache.len(), cache.get(&1)), (1, Some(3)));
}

#[test]
fn put_makes_room() {
    for policy in POLICIES {
        let (cache, _) = cache(3, policy);
        for key in 0..10 {
            cache.compute(key, |_| Op::Put(key));
            assert_eq!(cache.get(&key), Some(key));
            assert!(cache.len() <= 3);
        }
        cache.validate();
    }
}

#[test]
fn counts_of_many_threads_add_up() {
    let (cache, _) = cache(100, POLICIES[0]);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for step in 0..2000_u64 {
                    cache.compute(step % 2, |count| {
                        Op::Put(count.map_or(1, |count| count + 1))
                    });
                }
            });
        }
    });
    assert_eq!((cache.get(&0), cache.get(&1)), (Some(8000), Some(8000)));
}
