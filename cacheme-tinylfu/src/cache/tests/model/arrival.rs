//! What becomes of a value that is to be kept, and of what was there.

use super::run::{Kept, Run, Value};
use crate::{Cause, Policy};

type Event = (u8, Value, Cause);

/// A value that is to be kept, as things are before.
pub(super) struct Arrival {
    key: u8,
    value: Value,
    /// How long it may live.
    span: Option<u64>,
    fate: Fate,
}

/// Whether it is kept.
enum Fate {
    Kept,
    Refused(Cause),
    /// It fits, but only if much else leaves.
    MayBeOutweighed,
}

impl Run {
    pub(super) fn arrival(&mut self, key: u8, value: Value, ttl: Option<u64>) -> Arrival {
        let span = self.span(value, ttl);
        let shard = self.shard(key);
        let (share, weight) = (self.share(shard), self.weight_of(value));
        let is_giant = weight > (share / 8).max(1) && self.weight(shard) + weight > share;
        let fate = if span == Some(0) {
            Fate::Refused(Cause::Expired)
        } else if self.is_first_seen(key) {
            Fate::Refused(Cause::FirstSeen)
        } else if weight > share {
            Fate::Refused(Cause::TooHeavy)
        } else if is_giant && self.setting.policy == Policy::TinyLfu {
            Fate::MayBeOutweighed
        } else {
            Fate::Kept
        };
        Arrival {
            key,
            value,
            span,
            fate,
        }
    }

    /// A value was to be kept, and this was returned.
    pub(super) fn put(&mut self, arrival: &Arrival, old: Option<Value>) {
        let key = arrival.key;
        assert_eq!(old, self.live(key));
        let mut heard = self.heard.take();
        if let Some(kept) = self.entries.get(&key)
            && old.is_none()
        {
            let event = (key, kept.value, Cause::Expired);
            let at = heard.iter().position(|other| *other == event);
            heard.remove(at.expect("what has expired under the key leaves"));
            self.expire(key);
        }
        self.settle(arrival, heard);
    }

    /// The listener heard this while a value was to be kept whose key has no expired entry any more.
    pub(super) fn settle(&mut self, arrival: &Arrival, heard: Vec<Event>) {
        let &Arrival { key, value, .. } = arrival;
        let (own, others): (Vec<Event>, Vec<Event>) =
            heard.into_iter().partition(|&(_, other, _)| other == value);
        let refusal = match own[..] {
            [] => None,
            [(_, _, cause)] => Some(cause),
            _ => panic!("the listener heard of {own:?}"),
        };
        match arrival.fate {
            Fate::Kept => assert_eq!(refusal, None),
            Fate::Refused(cause) => assert_eq!(refusal, Some(cause)),
            Fate::MayBeOutweighed => assert!(matches!(refusal, None | Some(Cause::Outweighed))),
        }
        let shard = self.shard(key);
        let replaced = self.entries.remove(&key).map(|kept| kept.value);
        let stays = replaced.is_some_and(|old| self.weight_of(old) == self.weight_of(value));
        if stays && refusal.is_none() {
            self.orders[shard].set_used(key);
        } else {
            self.orders[shard].remove(key);
        }
        let mut last = None;
        for (other, value, cause) in others {
            assert_eq!(self.shard(other), shard);
            self.evicted(other, value, cause);
            last = (cause == Cause::Capacity).then_some(value);
        }
        match refusal {
            None => {
                self.keep(arrival, replaced.is_some());
                if !stays {
                    self.orders[shard].push(key, replaced.is_some());
                }
                self.assert_had_to_leave(shard, last);
            }
            Some(cause) => {
                assert_eq!(last, None, "evicted for nothing");
                let expired = u64::from(cause == Cause::Expired);
                self.stats.expirations += expired;
                self.stats.refusals += 1 - expired;
            }
        }
    }

    /// There would not have been room for the one that was evicted last.
    pub(super) fn assert_had_to_leave(&self, shard: usize, last: Option<Value>) {
        if let Some(last) = last {
            let weight = self.weight(shard) + self.weight_of(last);
            assert!(weight > self.share(shard), "evicted for nothing");
        }
    }

    /// The listener heard of an entry that left by itself or for another.
    pub(super) fn evicted(&mut self, key: u8, value: Value, cause: Cause) {
        let kept = self.entries.get(&key).expect("told twice, or never there");
        assert_eq!(kept.value, value);
        if self.is_foretold() {
            let shard = self.shard(key);
            assert_eq!(self.orders[shard].evict(), Some(key));
        }
        if self.live(key).is_none() {
            assert_eq!(cause, Cause::Expired);
            return self.expire(key);
        }
        assert_eq!(cause, Cause::Capacity);
        self.stats.evictions += 1;
        self.forget(key);
    }

    fn keep(&mut self, arrival: &Arrival, replaced: bool) {
        if replaced {
            self.stats.replacements += 1;
        } else {
            self.stats.insertions += 1;
        }
        let after = |span: Option<u64>| self.now.saturating_add(span.unwrap_or(u64::MAX));
        let end = after(arrival.span);
        let kept = Kept {
            value: arrival.value,
            end,
            deadline: end.min(after(self.idle())),
        };
        self.entries.insert(arrival.key, kept);
    }

    fn span(&self, value: Value, ttl: Option<u64>) -> Option<u64> {
        let unit = self.setting.unit;
        let own = value.ttl.filter(|_| self.setting.expires_after);
        let given = ttl.map(|ttl| ttl * unit);
        given.or(own).or(self.setting.ttl.map(|ttl| ttl * unit))
    }

    /// Whether the doorkeeper refuses a key, which it knows from now on.
    fn is_first_seen(&mut self, key: u8) -> bool {
        let known = self.entries.contains_key(&key);
        self.setting.doorkeeper && self.seen.insert(key) && !known
    }
}
