//! What changes a shard.
//!
//! User code runs in two places: the equality of keys in [`Shard::find`] and the clock. Callers use both
//! before they call what is here, so a panic there finds the shard as it was; nothing here runs code of
//! the user's or drops anything of theirs. What leaves is handed out, to be dropped without the lock.

use super::{Gone, Shard};
use crate::clock::Moment;
use crate::listener::Cause;
use crate::slab::Entry;
use crate::table::Print;
use crate::times::{Lifetime, Times};

/// Steps of the timer wheel that an insertion pays for.
const EXPIRY_STEPS: u32 = 8;
/// The most entries of a shard: the greatest `u32` are no slots, but signs of lists and timers.
const MAX_ENTRIES: u64 = u32::MAX as u64 - 1024;

/// What is known of an entry that is to be kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) print: Print,
    pub(crate) weight: u32,
    pub(crate) lifetime: Lifetime,
}

/// Where the entry of a key is, and whether it is live.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub(crate) slot: u32,
    pub(crate) live: bool,
}

impl<K, V> Shard<K, V> {
    /// Whether a change has to know what time it is.
    pub(crate) fn needs_time(&self) -> bool {
        self.times.is_some()
    }

    /// A slot whose entry was found, as it is at this time.
    #[inline]
    pub(crate) fn found(&self, slot: u32, now: Moment) -> Found {
        let live = !self.deadline(slot).is_before(now);
        Found { slot, live }
    }

    /// Keeps an entry, in the place of the one that was found under its key at the same time, unless its
    /// lifetime is over when it begins. Returns what was live there.
    pub(crate) fn put(
        &mut self,
        found: Option<Found>,
        entry: Entry<K, V>,
        arrival: Arrival,
        now: Moment,
        gone: &mut Gone<K, V>,
    ) -> Option<Entry<K, V>> {
        if arrival.lifetime.is_over() {
            self.counts.expirations += 1;
            gone.push(entry, Cause::Expired);
            return found.and_then(|found| self.remove(found, gone));
        }
        if found.is_none() {
            self.prefetch(arrival.print.upper);
        }
        let refused = found.is_none() && !self.is_known(arrival.print.upper);
        let live = found.filter(|found| found.live);
        if let Some(expired) = found.filter(|found| !found.live) {
            self.remove_expired(expired.slot, gone);
        }
        if self.times.is_some() {
            self.expire(now, EXPIRY_STEPS, gone);
        }
        if let Some(live) = live {
            Some(self.replace(live.slot, entry, arrival, now, gone))
        } else {
            let weighty = || self.objection(arrival, 0);
            match refused.then_some(Cause::FirstSeen).or_else(weighty) {
                Some(cause) => self.refuse(entry, cause, gone),
                None => self.add(entry, arrival, now, gone),
            }
            None
        }
    }

    /// Asks for what an insertion is going to read beside what was read to find that it is one.
    fn prefetch(&self, upper: u32) {
        self.order.prefetch(upper);
        if self.order.weight() < self.capacity {
            return;
        }
        if let Some(last) = self.order.last() {
            let upper = self.slab[last].upper;
            self.table.prefetch(upper);
            self.order.prefetch(upper);
        }
    }

    /// Takes out what was found, and returns it if it was live.
    pub(crate) fn remove(&mut self, found: Found, gone: &mut Gone<K, V>) -> Option<Entry<K, V>> {
        if !found.live {
            self.remove_expired(found.slot, gone);
            return None;
        }
        self.order.remove(&mut self.slab, found.slot);
        Some(self.release(found.slot))
    }

    /// Takes out an entry that has expired.
    pub(crate) fn remove_expired(&mut self, slot: u32, gone: &mut Gone<K, V>) {
        self.order.remember(&self.slab, slot);
        self.order.remove(&mut self.slab, slot);
        self.counts.expirations += 1;
        let entry = self.release(slot);
        gone.push(entry, Cause::Expired);
    }

    /// Takes out entries that have expired, in so many steps at most. Returns whether there may be more.
    pub(crate) fn expire(&mut self, now: Moment, mut steps: u32, gone: &mut Gone<K, V>) -> bool {
        while let Some(times) = &mut self.times
            && let Some(slot) = times.expire(now, &mut steps)
        {
            self.remove_expired(slot, gone);
        }
        steps == 0
    }

    /// Sets the capacity, and evicts what is above it.
    pub(crate) fn resize(&mut self, capacity: u64, now: Moment, gone: &mut Gone<K, V>) {
        self.capacity = capacity;
        self.order.resize(capacity);
        self.make_room(0, now, gone);
    }

    /// Whether the doorkeeper, if there is one, has seen a key before.
    fn is_known(&mut self, upper: u32) -> bool {
        let entries = self.slab.len();
        let doorkeeper = self.doorkeeper.as_mut();
        doorkeeper.is_none_or(|doorkeeper| doorkeeper.knows(upper, entries))
    }

    /// Why what comes is too heavy, if it is, where so much of its weight has a place already.
    #[inline]
    fn objection(&mut self, arrival: Arrival, held: u64) -> Option<Cause> {
        let (upper, weight) = (arrival.print.upper, u64::from(arrival.weight));
        if weight > self.capacity {
            return Some(Cause::TooHeavy);
        }
        let more = weight.saturating_sub(held);
        let fits = self.order.weight() + weight <= self.capacity;
        let accepted = fits || self.order.accepts(&self.slab, upper, more);
        (!accepted).then_some(Cause::Outweighed)
    }

    fn refuse(&mut self, entry: Entry<K, V>, cause: Cause, gone: &mut Gone<K, V>) {
        self.counts.refusals += 1;
        gone.push(entry, cause);
    }

    /// Keeps an entry under a key that has none.
    fn add(&mut self, entry: Entry<K, V>, arrival: Arrival, now: Moment, gone: &mut Gone<K, V>) {
        let limit = self.entries();
        self.make_room(arrival.weight.into(), now, gone);
        let slot = self.slab.insert(entry, arrival.print.upper, limit);
        self.slab.set_weight(slot, arrival.weight);
        let slab = &self.slab;
        self.table
            .insert(arrival.print, slot, limit, |slot| slab[slot].upper);
        self.order.insert(&mut self.slab, slot);
        self.set_lifetime(slot, arrival.lifetime, now);
        self.counts.insertions += 1;
        if let Some(last) = self.order.last() {
            self.slab.prefetch(last);
        }
    }

    /// Puts an entry in the place of a live one, and returns that. If it is too heavy, the place is free
    /// afterwards.
    fn replace(
        &mut self,
        slot: u32,
        entry: Entry<K, V>,
        arrival: Arrival,
        now: Moment,
        gone: &mut Gone<K, V>,
    ) -> Entry<K, V> {
        let weight = u64::from(arrival.weight);
        self.slab[slot].mark.set_used();
        let held = self.slab.weight(slot);
        if weight != held {
            // Out of the order, it is as any that comes, but for what is remembered of it.
            self.order.remember(&self.slab, slot);
            self.order.remove(&mut self.slab, slot);
            if let Some(cause) = self.objection(arrival, held) {
                self.refuse(entry, cause, gone);
                return self.release(slot);
            }
            self.make_room(weight, now, gone);
            self.slab.set_weight(slot, arrival.weight);
            self.order.insert(&mut self.slab, slot);
        }
        self.set_lifetime(slot, arrival.lifetime, now);
        self.counts.replacements += 1;
        self.slab.replace(slot, entry)
    }

    fn make_room(&mut self, weight: u64, now: Moment, gone: &mut Gone<K, V>) {
        while self.order.weight() + weight > self.capacity || self.slab.len() as u64 >= MAX_ENTRIES
        {
            let Some(slot) = self.order.evict(&mut self.slab) else {
                return;
            };
            let expired = self.deadline(slot).is_before(now);
            let entry = self.release(slot);
            if expired {
                self.counts.expirations += 1;
                gone.push(entry, Cause::Expired);
            } else {
                self.counts.evictions += 1;
                gone.push(entry, Cause::Capacity);
            }
        }
    }

    /// Frees a slot that the order doesn't hold any more.
    fn release(&mut self, slot: u32) -> Entry<K, V> {
        self.table.remove(self.slab[slot].upper, slot);
        if let Some(times) = &mut self.times {
            times.forget(slot);
        }
        self.slab.remove(slot)
    }

    #[inline]
    fn set_lifetime(&mut self, slot: u32, lifetime: Lifetime, now: Moment) {
        if self.times.is_some() || !lifetime.is_endless() {
            self.set_times(slot, lifetime, now);
        }
    }

    fn set_times(&mut self, slot: u32, lifetime: Lifetime, now: Moment) {
        let times = self.times.get_or_insert_with(|| Box::new(Times::new(now)));
        times.set(slot, lifetime, now);
    }

    /// How many entries there may be.
    fn entries(&self) -> usize {
        usize::try_from(self.capacity.min(MAX_ENTRIES)).unwrap_or(usize::MAX)
    }
}
