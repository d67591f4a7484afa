use std::time::Duration;

use super::*;

fn lifetime(ttl: u64, idle: u64) -> Lifetime {
    Lifetime {
        ttl: Span(ttl),
        idle: Span(idle),
    }
}

fn at(now: u64) -> Clock {
    Clock::new(move || Duration::from_nanos(now))
}

/// A slot with this lifetime, that was set at the moment 100.
fn times(lifetime: Lifetime) -> Times {
    let mut times = Times::new(Moment(100));
    times.set(3, lifetime, Moment(100));
    times
}

#[test]
fn deadline_is_the_end_of_the_lifetime_or_of_the_idle_time() {
    let none = u64::MAX;
    for (ttl, idle, deadline) in [
        (50, none, 150),
        (none, 60, 160),
        (50, 60, 150),
        (70, 60, 160),
        (none, none, none),
        (none - 100, none, none),
    ] {
        assert_eq!(times(lifetime(ttl, idle)).deadline(3), Deadline(deadline));
    }
    assert_eq!(times(lifetime(50, 60)).deadline(2), Deadline::NEVER);
}

#[test]
fn touch_postpones_what_may_be_idle_and_nothing_else() {
    let idle = times(lifetime(u64::MAX, 64));
    assert!(idle.touch(3, &at(150)));
    assert_eq!(idle.deadline(3), Deadline(214));
    let mortal = times(lifetime(64, u64::MAX));
    assert!(mortal.touch(3, &at(150)));
    assert_eq!(mortal.deadline(3), Deadline(164));
}

#[test]
fn touch_never_postpones_past_the_end_of_the_lifetime() {
    let times = times(lifetime(100, 64));
    assert!(times.touch(3, &at(160)));
    assert_eq!(times.deadline(3), Deadline(200));
    assert!(times.touch(3, &at(199)));
    assert!(!times.touch(3, &at(200)));
}

#[test]
fn touch_brings_nobody_back() {
    let times = times(lifetime(u64::MAX, 64));
    assert!(!times.touch(3, &at(164)));
    assert_eq!(times.deadline(3), Deadline(164));
    assert!(times.touch(4, &at(164)), "it never expires");
}

#[test]
fn touch_that_would_change_little_changes_nothing() {
    let times = times(lifetime(u64::MAX, 6400));
    times.touch(3, &at(200));
    assert_eq!(times.deadline(3), Deadline(6500));
    times.touch(3, &at(201));
    assert_eq!(times.deadline(3), Deadline(6601));
}

#[test]
fn each_entry_may_be_idle_for_a_time_of_its_own() {
    let mut times = times(lifetime(u64::MAX, 64));
    times.set(1, lifetime(80, u64::MAX), Moment(100));
    times.set(5, lifetime(u64::MAX, 640), Moment(100));
    for slot in [1, 3, 5] {
        assert!(times.touch(slot, &at(150)));
    }
    let deadlines = [1, 3, 5].map(|slot| times.deadline(slot));
    assert_eq!(deadlines, [Deadline(180), Deadline(214), Deadline(790)]);
}

#[test]
fn an_entry_that_came_before_the_first_that_may_be_idle_expires_as_it_was_to() {
    let mut times = times(lifetime(100, u64::MAX));
    times.set(5, lifetime(u64::MAX, 640), Moment(100));
    assert!(times.touch(3, &at(150)));
    assert_eq!(times.deadline(3), Deadline(200));
    assert!(!times.touch(3, &at(200)));
}

#[test]
fn slots_are_set_anew_for_their_next_entry() {
    let mut times = times(lifetime(100, 64));
    times.forget(3);
    assert_eq!(times.deadline(3), Deadline::NEVER);
    times.set(3, lifetime(u64::MAX, 64), Moment(150));
    assert!(times.touch(3, &at(210)));
    assert_eq!(
        times.deadline(3),
        Deadline(274),
        "the old end holds no more"
    );
    times.set(3, lifetime(10, 64), Moment(150));
    assert_eq!(times.deadline(3), Deadline(160));
    assert_eq!(times.validate(), [3]);
}

#[test]
fn expired_slots_are_found_and_forgotten() {
    const SECOND: u64 = 1_000_000_000;
    let mut times = Times::new(Moment(0));
    for slot in 0..10 {
        times.set(
            slot,
            lifetime(SECOND * u64::from(slot + 1), u64::MAX),
            Moment(0),
        );
    }
    let mut expired = |now, mut steps| {
        let mut slots = Vec::new();
        while let Some(slot) = times.expire(Moment(now), &mut steps) {
            slots.push(slot);
        }
        slots
    };
    assert_eq!(expired(SECOND / 2, 100), []);
    assert_eq!(expired(SECOND * 3 + SECOND / 2, 100), [0, 1, 2]);
    assert_eq!(expired(SECOND * 20, 3).len(), 3);
    assert_eq!(expired(SECOND * 20, 100).len(), 4);
    assert_eq!(times.validate(), []);
}
