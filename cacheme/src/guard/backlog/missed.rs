//! What is to be made up for, bounded: removals, and ends of all entries that there were.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use tokio::task::AbortHandle;

use crate::ended;
use crate::key::Key;
use crate::prefix::Prefix;

/// So many removals are remembered. Of more, all entries of their prefixes are ended.
pub(super) const MOST: usize = 20_000;

/// What is to be made up for, the longest wait first.
#[derive(Debug, Default)]
pub(super) struct Missed {
    removals: BTreeMap<u64, Removal>,
    /// The number of each removal, which is there once for a key: the last one.
    numbers: HashMap<Key, u64>,
    /// The marks that say [until when](crate::ended) entries are ended.
    ends: BTreeMap<Key, u64>,
    /// The last one of these that couldn't be written, so that others come before it.
    unwritten: Option<Key>,
    /// Whether removals come before these.
    ends_wait: bool,
    /// How many numbers there have been.
    count: u64,
    /// The task that makes up for it, as long as it has something to do.
    pub(super) worker: Option<AbortHandle>,
}

#[derive(Debug)]
struct Removal {
    key: Key,
    prefix: Prefix,
}

/// What a storage is behind with, of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behind {
    /// Nothing.
    Nothing,
    /// What is there is to be removed.
    Removal,
    /// What is there is to say that entries are ended until then.
    End(u64),
}

/// Some of it, to be tried at once.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// A mark is to say at least this.
    End(Key, u64),
    /// These are to be removed.
    Removals(Vec<(u64, Key)>),
}

impl Missed {
    pub(super) fn is_empty(&self) -> bool {
        self.removals.is_empty() && self.ends.is_empty()
    }

    /// How much there is.
    pub(super) fn len(&self) -> usize {
        self.removals.len() + self.ends.len()
    }

    /// The number of the last one.
    pub(super) fn last(&self) -> u64 {
        self.count
    }

    /// What is to be done about a key.
    pub(super) fn behind(&self, key: &Key) -> Behind {
        match self.ends.get(key) {
            Some(until) => Behind::End(*until),
            None if self.numbers.contains_key(key) => Behind::Removal,
            None => Behind::Nothing,
        }
    }

    /// Takes removals of keys under this prefix. When they are too many, what was there `until` then is to be ended, which
    /// is returned.
    pub(super) fn remove(&mut self, keys: &[Key], prefix: &Prefix, until: u64) -> Option<u64> {
        if keys.len() > MOST {
            self.end(ended::key_of_all(prefix.text()), until);
            return Some(until);
        }
        for key in keys {
            self.count += 1;
            // Keys of a batch share their text, which would be kept for one of them.
            let key = Key::new(key.as_str());
            if let Some(former) = self.numbers.insert(key.clone(), self.count) {
                self.removals.remove(&former);
            }
            let prefix = prefix.clone();
            self.removals.insert(self.count, Removal { key, prefix });
        }
        if self.removals.len() <= MOST {
            return None;
        }
        self.numbers.clear();
        for (_, removal) in std::mem::take(&mut self.removals) {
            self.end(ended::key_of_all(removal.prefix.text()), until);
        }
        Some(until)
    }

    /// Takes the end of entries.
    pub(super) fn end(&mut self, mark: Key, until: u64) {
        let there = self.ends.entry(mark).or_default();
        *there = until.max(*there);
    }

    /// Takes its turn with what is to be tried next, of at most so many: what failed comes last, and ends and removals
    /// after each other's failures.
    pub(super) fn take_turn(&mut self, most: usize) -> Option<Part> {
        let waits = std::mem::take(&mut self.ends_wait) && !self.removals.is_empty();
        let behind = self.unwritten.as_ref().and_then(|last| {
            let behind = (Bound::Excluded(last), Bound::Unbounded);
            self.ends.range::<Key, _>(behind).next()
        });
        let end = behind.or_else(|| self.ends.first_key_value());
        if let Some((mark, until)) = end.filter(|_| !waits) {
            return Some(Part::End(mark.clone(), *until));
        }
        let first = self.removals.iter().take(most);
        let first: Vec<_> = first
            .map(|(number, removal)| (*number, removal.key.clone()))
            .collect();
        (!first.is_empty()).then_some(Part::Removals(first))
    }

    /// A part was made up for.
    pub(super) fn is_done(&mut self, part: &Part) {
        match part {
            // Unless there is a later one by now.
            Part::End(mark, until) => {
                if self.ends.get(mark) == Some(until) {
                    self.ends.remove(mark);
                }
            }
            Part::Removals(removals) => {
                for (number, key) in removals {
                    self.forget(key, *number);
                }
            }
        }
    }

    /// A part couldn't be made up for: others come first, which may do better.
    pub(super) fn put_off(&mut self, part: Part) {
        let removals = match part {
            Part::Removals(removals) => removals,
            Part::End(mark, _) => {
                self.unwritten = Some(mark);
                self.ends_wait = true;
                return;
            }
        };
        for (number, key) in removals {
            if let Some(removal) = self.removals.remove(&number) {
                self.count += 1;
                self.numbers.insert(key, self.count);
                self.removals.insert(self.count, removal);
            }
        }
    }

    /// Nothing of these keys is there any more that was missed before this number. Whether there was.
    pub(super) fn replaced<'k>(
        &mut self,
        keys: impl Iterator<Item = &'k Key>,
        number: u64,
    ) -> bool {
        let before = self.removals.len();
        for key in keys {
            if let Some(&missed) = self.numbers.get(key).filter(|&&missed| missed <= number) {
                self.forget(key, missed);
            }
        }
        self.removals.len() < before
    }

    fn forget(&mut self, key: &Key, number: u64) {
        if self.removals.remove(&number).is_some() {
            self.numbers.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn keys(numbers: &[u8]) -> Vec<Key> {
        let key = |number: &u8| Key::new(number.to_string());
        numbers.iter().map(key).collect()
    }

    /// What may happen to it.
    #[derive(Clone, Debug)]
    enum Step {
        Remove(Vec<u8>),
        Write(Vec<u8>),
        Succeed(usize),
        Fail(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        let some = || vec(0..8_u8, 1..4);
        prop_oneof![
            some().prop_map(Step::Remove),
            some().prop_map(Step::Write),
            (1..4_usize).prop_map(Step::Succeed),
            (1..4_usize).prop_map(Step::Fail),
        ]
    }

    impl Missed {
        fn validate(&self) {
            assert_eq!(self.removals.len(), self.numbers.len());
            for (number, removal) in &self.removals {
                assert_eq!(self.numbers.get(&removal.key), Some(number));
                assert!(*number <= self.count);
            }
        }
    }

    proptest! {
        #[test]
        fn has_what_was_removed_until_it_is_made_up_for(steps in vec(step(), 0..40)) {
            let (mut missed, mut model) = (Missed::default(), Vec::<Key>::new());
            for step in steps {
                match step {
                    Step::Remove(numbers) => {
                        let keys = keys(&numbers);
                        missed.remove(&keys, &Prefix::default(), 0);
                        for key in keys {
                            model.retain(|other| *other != key);
                            model.push(key);
                        }
                    }
                    Step::Write(numbers) => {
                        let keys = keys(&numbers);
                        missed.replaced(keys.iter(), missed.last());
                        model.retain(|key| !keys.contains(key));
                    }
                    Step::Succeed(most) => {
                        if let Some(part) = missed.take_turn(most) {
                            missed.is_done(&part);
                            model.drain(..most.min(model.len()));
                        }
                    }
                    Step::Fail(most) => {
                        if let Some(part) = missed.take_turn(most) {
                            missed.put_off(part);
                            let most = most.min(model.len());
                            model.rotate_left(most);
                        }
                    }
                }
                missed.validate();
                let left = missed.take_turn(usize::MAX);
                let left = left.map_or(Vec::new(), |part| match part {
                    Part::Removals(left) => left.into_iter().map(|(_, key)| key).collect(),
                    Part::End(..) => panic!("nothing was ended"),
                });
                prop_assert_eq!(&left, &model);
            }
        }
    }

    #[test]
    fn what_is_missed_again_meanwhile_is_still_missed() {
        let (mut missed, keys) = (Missed::default(), keys(&[1, 2]));
        missed.remove(&keys, &Prefix::default(), 0);
        let (part, written) = (missed.take_turn(10).expect("two"), missed.last());
        missed.remove(&keys[..1], &Prefix::default(), 0);
        missed.is_done(&part);
        missed.replaced(keys.iter(), written);
        let behind = [&keys[0], &keys[1]].map(|key| missed.behind(key));
        assert_eq!(behind, [Behind::Removal, Behind::Nothing]);
    }

    #[test]
    fn too_many_are_the_end_of_all_under_their_prefixes() {
        let mut missed = Missed::default();
        let prefixes = ["", "staging"].map(|text| Prefix::new(text.to_owned()));
        let key = |number: usize| Key::new(number.to_string());
        let all: Vec<_> = (0..MOST).map(key).collect();
        assert_eq!(missed.remove(&all, &prefixes[0], 7), None);
        assert_eq!(missed.remove(&all, &prefixes[0], 8), None);
        assert_eq!(missed.remove(&[key(MOST)], &prefixes[1], 9), Some(9));
        assert_eq!((missed.behind(&all[0]), missed.len()), (Behind::Nothing, 2));
        for mark in ["cacheme:ended:all", "staging:cacheme:ended:all"] {
            let part = missed.take_turn(1).expect("both are left");
            assert_eq!(part, Part::End(Key::new(mark), 9));
            missed.is_done(&part);
        }
        assert!(missed.is_empty());
    }

    #[test]
    fn too_many_at_once_are_as_good() {
        let (mut missed, prefix) = (Missed::default(), Prefix::default());
        let all: Vec<_> = (0..=MOST)
            .map(|number| Key::new(number.to_string()))
            .collect();
        assert_eq!(missed.remove(&all, &prefix, 9), Some(9));
        assert_eq!((missed.len(), missed.behind(&all[0])), (1, Behind::Nothing));
    }

    #[test]
    fn an_end_that_fails_holds_up_no_removal() {
        let (mut missed, keys) = (Missed::default(), keys(&[1]));
        missed.remove(&keys, &Prefix::default(), 0);
        missed.end(Key::new("mark"), 5);
        let end = missed.take_turn(1).expect("both are left");
        assert!(matches!(end, Part::End(..)));
        missed.put_off(end);
        let removals = missed.take_turn(1).expect("both are left");
        assert!(matches!(removals, Part::Removals(_)));
        missed.put_off(removals);
        assert!(matches!(missed.take_turn(1), Some(Part::End(..))));
    }

    #[test]
    fn an_end_that_fails_holds_up_no_other() {
        let mut missed = Missed::default();
        let marks = ["one", "three", "two"].map(Key::new);
        for mark in &marks {
            missed.end(mark.clone(), 5);
        }
        for mark in marks.iter().cycle().take(7) {
            let part = missed.take_turn(1).expect("three are left");
            assert_eq!(part, Part::End(mark.clone(), 5));
            missed.put_off(part);
        }
        assert_eq!(missed.behind(&marks[0]), Behind::End(5));
    }

    #[test]
    fn an_end_that_is_later_by_now_is_not_done() {
        let mut missed = Missed::default();
        let mark = Key::new("mark");
        missed.end(mark.clone(), 5);
        let part = missed.take_turn(1).expect("one");
        missed.end(mark.clone(), 7);
        missed.end(mark.clone(), 6);
        missed.is_done(&part);
        assert_eq!(missed.take_turn(1), Some(Part::End(mark, 7)));
    }
}
