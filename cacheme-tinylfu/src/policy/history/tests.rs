use proptest::prelude::*;

use super::*;

/// A history for so many entries, after as many insertions as it takes for so many ticks.
fn after(entries: usize, ticks: u64) -> History {
    let mut history = History::new(entries);
    let insertions = (entries as u64 / u64::from(TICKS)).max(1) * ticks;
    (0..insertions).for_each(|_| history.advance());
    history
}

/// What is remembered of a key that did not leave from the window.
fn counted(count: u8) -> Memory {
    Memory {
        count,
        since_window: None,
    }
}

#[test]
fn what_left_is_remembered_until_it_is_taken() {
    let mut history = after(1000, 1);
    history.put(0x1234_5678, 3, false);
    assert_eq!(history.take(0x8765_4321), None);
    assert_eq!(history.take(0x1234_5678), Some(counted(3)));
    assert_eq!(history.take(0x1234_5678), None);
}

#[test]
fn counts_stop_at_the_most_that_there_is_room_for() {
    let mut history = after(1000, 1);
    for count in [14, 15, 16, 17, 255] {
        history.put(7, count, false);
        assert_eq!(history.take(7), Some(counted(count.min(15))));
    }
}

#[test]
fn time_since_a_key_left_the_window_is_known_to_a_tick() {
    let mut history = after(3200, 1);
    history.put(7, 1, true);
    (0..250).for_each(|_| history.advance());
    let memory = history.take(7).expect("it was put");
    assert_eq!(memory.since_window, Some(200));
    history.put(7, 1, false);
    assert_eq!(history.take(7), Some(counted(1)));
}

#[test]
fn counts_are_halved_each_period() {
    let count_after = |begin: u64, ticks: u64| {
        let mut history = after(32, begin);
        history.put(7, 12, false);
        (0..ticks).for_each(|_| history.advance());
        history.take(7).map(|memory| memory.count)
    };
    let period = u64::from(HALVING);
    assert_eq!(count_after(1, period - 2), Some(12));
    assert_eq!(count_after(1, period - 1), Some(6));
    assert_eq!(count_after(1, period), Some(6));
    assert_eq!(count_after(1, period * 2 - 1), Some(3));
    assert_eq!(count_after(period - 1, 1), Some(6));
    assert_eq!(count_after(1, period * 5), Some(0));
}

#[test]
fn full_bucket_forgets_what_was_asked_for_least_and_then_the_oldest() {
    let mut history = after(1, 1);
    // All are in one bucket, and told apart by their lowest bits.
    let keys = u32::try_from(WIDTH).expect("it is small");
    for key in 1..=keys {
        history.put(key, u8::from(key != 3), false);
        history.advance();
    }
    history.put(100, 1, false);
    assert_eq!(history.take(3), None);
    history.put(101, 1, false);
    assert_eq!(history.take(1), None);
    assert_eq!(history.take(2), Some(counted(1)));
    assert_eq!(history.take(100), Some(counted(1)));
}

#[test]
fn history_is_outgrown_by_more_than_a_quarter() {
    let history = History::new(100);
    assert!(!history.is_outgrown(125));
    assert!(history.is_outgrown(126));
}

proptest! {
    /// Little is remembered of few keys but what was put.
    #[test]
    fn few_keys_are_never_forgotten_or_taken_for_others(
        steps in prop::collection::vec((1..8_u32, 0..16_u8, any::<bool>()), 1..200),
    ) {
        let mut history = after(1, 1);
        let mut model = std::collections::BTreeMap::new();
        for (key, count, from_window) in steps {
            let known = history.take(key);
            let (count_before, left_window) = match model.remove(&key) {
                None => {
                    prop_assert_eq!(known, None);
                    (0, false)
                }
                Some(known) => known,
            };
            if let Some(memory) = known {
                prop_assert_eq!(memory.count, count_before);
                prop_assert_eq!(memory.since_window, left_window.then_some(0));
            }
            history.put(key, count, from_window);
            model.insert(key, (count, from_window));
        }
        for (key, (count, _)) in model {
            prop_assert_eq!(history.take(key).map(|memory| memory.count), Some(count));
        }
    }
}
