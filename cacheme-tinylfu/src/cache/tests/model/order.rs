//! CLOCK, as simple as can be: keys in a row, each with whether it was used.

use std::collections::VecDeque;

/// Used entries that go to the end of the row for one that leaves; the next leaves though it was used.
const SECOND_CHANCES: usize = 16;

/// The keys of one shard, those first that are next in line.
#[derive(Default)]
pub(super) struct SecondChance(VecDeque<(u8, bool)>);

impl SecondChance {
    pub(super) fn push(&mut self, key: u8, used: bool) {
        self.0.push_back((key, used));
    }

    pub(super) fn remove(&mut self, key: u8) {
        self.0.retain(|&(other, _)| other != key);
    }

    pub(super) fn set_used(&mut self, key: u8) {
        let held = self.0.iter_mut().find(|(other, _)| *other == key);
        if let Some((_, used)) = held {
            *used = true;
        }
    }

    /// The key that leaves next.
    pub(super) fn evict(&mut self) -> Option<u8> {
        for _ in 0..SECOND_CHANCES {
            let (key, used) = self.0.pop_front()?;
            if !used {
                return Some(key);
            }
            self.0.push_back((key, false));
        }
        self.0.pop_front().map(|(key, _)| key)
    }
}
