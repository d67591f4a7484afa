//! Reading and changing an entry as one step.

use std::hash::{BuildHasher, Hash};
use std::time::Duration;

use super::Cache;
use crate::shard::Arrival;
use crate::slab::Entry;
use crate::table::Print;

/// What [`Cache::compute`] does with an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Op<V> {
    /// Leaves everything as it is.
    Keep,
    /// Keeps this value, as [`Cache::insert`].
    Put(V),
    /// Keeps this value, as [`Cache::insert_with_ttl`].
    PutWithTtl(V, Duration),
    /// Removes the entry, as [`Cache::remove`].
    Remove,
}

impl<K: Hash + Eq, V, S: BuildHasher> Cache<K, V, S> {
    /// Shows a closure the live value of a key and does what it says, with nobody in between. Returns
    /// the live value that was replaced or removed. To show it is no request for the key; to replace it
    /// is, and gives it the lifetime of a new entry.
    ///
    /// The closure runs while the shard is locked, as do the [weigher](crate::Builder::weigher) and
    /// [`expires_after`](crate::Builder::expires_after) on what it returns: they should be short and
    /// must not use this cache, or they deadlock. A panic in any of them changes nothing. For values
    /// that take time to make there is [`get_or_insert_with`](Self::get_or_insert_with).
    ///
    /// # Examples
    ///
    /// ```
    /// use cacheme_tinylfu::{Cache, Op};
    ///
    /// let counts = Cache::new(100);
    /// for word in ["one", "two", "one"] {
    ///     counts.compute(word, |count| Op::Put(count.copied().unwrap_or(0) + 1));
    /// }
    /// assert_eq!((counts.get("one"), counts.get("two")), (Some(2), Some(1)));
    /// ```
    pub fn compute(&self, key: K, decide: impl FnOnce(Option<&V>) -> Op<V>) -> Option<V> {
        let hash = self.hasher.hash_one(&key);
        let print = Print::new(hash);
        // Held out here, so that they are dropped unlocked where code of the user's panics.
        let mut key = Some(key);
        let mut entry = None;
        let old = self.change(hash, |shard, gone| {
            let slot = shard.find(print, key.as_ref()?).map(|(slot, _)| slot);
            let now = self.moment(shard);
            let found = slot.map(|slot| shard.found(slot, now));
            let live = found.filter(|found| found.live);
            let (value, ttl) = match decide(live.map(|found| &shard.node(found.slot).value)) {
                Op::Keep => return None,
                Op::Remove => return found.and_then(|found| shard.remove(found, gone)),
                Op::Put(value) => (value, None),
                Op::PutWithTtl(value, ttl) => (value, Some(ttl)),
            };
            let Entry { key, value } = entry.insert(Entry {
                key: key.take()?,
                value,
            });
            let weight = self.rules.weigh(key, value);
            let lifetime = match ttl {
                None => self.rules.lifetime(key, value),
                Some(ttl) => self.rules.lifetime_of(ttl),
            };
            // A shard without lifetimes has not asked for the time yet.
            let now = if shard.needs_time() {
                now
            } else {
                self.moment_of(shard, lifetime)
            };
            let arrival = Arrival {
                print,
                weight,
                lifetime,
            };
            shard.put(found, entry.take()?, arrival, now, gone)
        });
        old.map(|entry| entry.value)
    }
}
