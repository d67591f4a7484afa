//! Leases on what is loaded: in the whole fleet one holder loads a value, and only what it still has a lease for when
//! it is loaded is written.

use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::leg::{Arrived, Leg};
use super::marks::Marks;
use super::run::Run;
use super::seen::{Leasing, Seen};
use super::{Reads, Source};
use crate::chain::Remote;
use crate::codec::Cacheable;
use crate::error::{BoxError, Error, Result};
use crate::key::Key;
use crate::lease::{Lease, There};
use crate::node::Node;
use crate::race::{First, first};
use crate::storage::{Entry, Swap};

/// The leases that a run holds.
#[derive(Debug, Default)]
pub(super) struct Leases(Vec<Held>);

#[derive(Debug)]
struct Held {
    /// The place of the tier in the chain.
    tier: usize,
    /// That of the flight in its group.
    flight: usize,
    key: Key,
    lease: Lease,
    /// As the storage has it, with what is behind the lease.
    there: There,
}

impl Leases {
    fn of(&self, tier: usize, flight: usize) -> Option<usize> {
        let mut held = self.0.iter();
        held.position(|held| held.tier == tier && held.flight == flight)
    }
}

/// Between two looks whether another holder is done, at first and at most.
const PAUSES: [Duration; 2] = [Duration::from_millis(5), Duration::from_millis(100)];

/// How often a lease is taken over that others change meanwhile.
const TRIES: usize = 5;

impl<N: Node, V: Cacheable<N::Codec>> Run<N, V> {
    /// How long a lease is; `None` where the node has none.
    pub(super) fn lease(&self) -> Option<Duration> {
        self.chain().meta.lease()
    }

    /// Takes the leases of what a tier doesn't have. Flights for which another holder has one are
    /// [left](Seen::left) to it, the others are returned.
    pub(super) async fn take(
        &self,
        tier: usize,
        remote: Remote<'_>,
        open: Vec<(Leg, Option<There>)>,
        seen: &mut Seen,
    ) -> Vec<Leg> {
        let now = self.tagged(remote).now();
        let (mut taking, mut legs) = (Vec::new(), Vec::new());
        for (leg, there) in open {
            let other = there.as_ref().and_then(There::lease);
            match other.filter(|lease| !lease.is_over(now)) {
                None => taking.push((leg, there)),
                Some(lease) if seen.leases.has(tier, leg.place, lease) => legs.push(leg),
                Some(_) => seen.left.push(leg),
            }
        }
        let taken = self.swap_in(tier, remote, &taking, seen).await;
        for (place, (leg, _)) in taking.into_iter().enumerate() {
            // Without a storage that answers it is loaded all the same, and not written there.
            match taken.as_ref().map(|taken| taken[place]) {
                Ok(false) => seen.left.push(leg),
                Ok(true) | Err(_) => legs.push(leg),
            }
        }
        legs
    }

    /// Puts leases in place of what was found, and says of each whether that is so.
    async fn swap_in(
        &self,
        tier: usize,
        remote: Remote<'_>,
        taking: &[(Leg, Option<There>)],
        seen: &mut Seen,
    ) -> Result<Vec<bool>, BoxError> {
        let (now, length) = (self.tagged(remote).now(), self.lease().unwrap_or_default());
        let (mut held, mut swaps) = (Vec::new(), Vec::new());
        for (leg, found) in taking {
            let Some(key) = leg.key().cloned() else {
                continue;
            };
            let lease = Lease::new(now, length);
            let old = found.as_ref().map(There::frame).unwrap_or_default();
            let entry = lease.entry(key.clone(), old, now, self.stale());
            held.push(Held {
                tier,
                flight: leg.place,
                key,
                lease,
                there: There::new(entry.value().clone()),
            });
            swaps.push(match found {
                Some(found) => Swap::of(found.bytes().clone(), entry),
                None => Swap::absent(entry),
            });
        }
        let swapped = remote.swap(swaps).await?;
        let held = held.into_iter().zip(&swapped);
        let held = held.filter_map(|(held, swapped)| swapped.then_some(held));
        seen.leases.0.extend(held);
        Ok(swapped)
    }

    fn stale(&self) -> Duration {
        self.chain().meta.stale().unwrap_or_default()
    }

    /// Takes the leases in all tiers where that wasn't done yet, and returns what is to be loaded. What is only to be
    /// renewed is left to who does that already. Where nothing was read, since what is there is to be replaced, it
    /// doesn't matter who has them: what is loaded now is newer.
    pub(super) async fn take_over(
        &self,
        mut open: Vec<Leg>,
        reads: Reads,
        seen: &mut Seen,
    ) -> Vec<Leg> {
        if seen.leasing != Leasing::Takes || !self.runtime.is_enabled() {
            return open;
        }
        for (tier, link) in self.chain().tiers.iter().enumerate() {
            let Some(remote) = link.remote().filter(|_| !seen.down.contains(&tier)) else {
                continue;
            };
            for _ in 0..TRIES {
                let lost = self.take_tier(tier, remote, &open, reads, seen).await;
                if reads != Reads::Nothing {
                    open = self.leave(open, &lost);
                    break;
                }
                // Its holder has just extended it, say.
                if lost.is_empty() {
                    break;
                }
            }
        }
        open
    }

    /// Takes the leases in one tier of those that have none there, and returns the places of those that it couldn't for.
    async fn take_tier(
        &self,
        tier: usize,
        remote: Remote<'_>,
        open: &[Leg],
        reads: Reads,
        seen: &mut Seen,
    ) -> Vec<usize> {
        let lacks = |leg: &&Leg| seen.leases.of(tier, leg.place).is_none();
        let legs: Vec<_> = open.iter().filter(lacks).cloned().collect();
        if legs.is_empty() {
            return Vec::new();
        }
        let found = self.tagged(remote).read(&mut Marks::default(), &legs).await;
        let now = self.tagged(remote).now();
        let found = legs.into_iter().zip(found.into_iter().map(Result::ok));
        let is_left = |(_, found): &(Leg, Option<There>)| {
            let is_leased = found.as_ref().is_some_and(|found| found.is_leased(now));
            is_leased && reads != Reads::Nothing
        };
        let (left, taking): (Vec<_>, Vec<_>) = found.partition(is_left);
        let taken = self.swap_in(tier, remote, &taking, seen).await;
        let is_lost = |place: usize| taken.as_ref().is_ok_and(|taken| !taken[place]);
        let lost = taking.into_iter().enumerate();
        let lost = lost.filter_map(|(place, (leg, _))| is_lost(place).then_some(leg.place));
        lost.chain(left.iter().map(|(leg, _)| leg.place)).collect()
    }

    /// Ends the flights of these places that have a value, which somebody else renews. The others are returned.
    fn leave(&self, open: Vec<Leg>, places: &[usize]) -> Vec<Leg> {
        let is_left =
            |leg: &Leg| places.contains(&leg.place) && self.started.is_answered(leg.place);
        let (left, open): (Vec<_>, Vec<_>) = open.into_iter().partition(is_left);
        // Their first outcome stays.
        let lost = || Err(Error::lost(self.chain().meta.name()));
        self.started
            .land(left.into_iter().map(|leg| (leg.place, lost())));
        open
    }

    /// Loads, and sees to it that the leases last as long.
    pub(super) async fn load_leased(
        &self,
        open: Vec<Leg>,
        source: &mut Source<N, V>,
        reads: Reads,
        seen: &mut Seen,
    ) -> Vec<Arrived<V>> {
        let load = self.load(open, source, reads);
        let Some(length) = self.lease().filter(|_| !seen.leases.0.is_empty()) else {
            return load.await;
        };
        let mut load = pin!(load);
        loop {
            if let First::One(loaded) = first(&mut load, sleep(length / 3)).await {
                return loaded;
            }
            let mut extend = pin!(self.extend(length, seen));
            if let First::One(loaded) = first(&mut load, &mut extend).await {
                // What the storage has is known when this is over.
                extend.await;
                return loaded;
            }
        }
    }

    /// Makes leases last for another length. What others have ended meanwhile is [refused](Seen::refused).
    async fn extend(&self, length: Duration, seen: &mut Seen) {
        let lost = self
            .swap_held(&mut seen.leases, |lease, now| lease.extended(now, length))
            .await;
        seen.refused.extend(lost);
    }

    /// Gives up the leases that nothing was written for: others needn't wait for these. What is behind them stays.
    pub(super) async fn release(&self, mut leases: Leases) {
        // Those that are over by now are free as well.
        let _ = self
            .swap_held(&mut leases, |lease, now| {
                lease.extended(now, Duration::ZERO)
            })
            .await;
    }

    /// Replaces leases, tier by tier. Those that aren't there any more are dropped, and their flights returned.
    async fn swap_held(
        &self,
        leases: &mut Leases,
        new: impl Fn(Lease, Duration) -> Lease,
    ) -> Vec<usize> {
        let mut lost = Vec::new();
        for (tier, link) in self.chain().tiers.iter().enumerate() {
            let held = leases.0.extract_if(.., |held| held.tier == tier);
            let mut held: Vec<_> = held.collect();
            let Some(remote) = link.remote().filter(|_| !held.is_empty()) else {
                continue;
            };
            let now = self.tagged(remote).now();
            let renewed = held.iter().map(|held| {
                let lease = new(held.lease, now);
                let old = held.there.frame();
                (lease, lease.entry(held.key.clone(), old, now, self.stale()))
            });
            let renewed: Vec<_> = renewed.collect();
            let swaps = held.iter().zip(&renewed);
            let swaps =
                swaps.map(|(held, (_, entry))| Swap::of(held.there.bytes().clone(), entry.clone()));
            // Where it isn't known whether they are there, what is written in their place shows it.
            if let Ok(swapped) = remote.swap(swaps.collect()).await {
                let outcomes = renewed.into_iter().zip(swapped);
                for (held, ((lease, entry), _)) in held.iter_mut().zip(outcomes.clone()) {
                    held.lease = lease;
                    held.there = There::new(entry.value().clone());
                }
                let mut is_there = outcomes.map(|(_, swapped)| swapped);
                let gone = held.extract_if(.., |_| !is_there.next().unwrap_or(true));
                lost.extend(gone.map(|held| held.flight));
            }
            leases.0.extend(held);
        }
        lost
    }

    /// Writes entries of flights in place of their leases. Those that have none aren't written, and those whose lease
    /// somebody has ended are [refused](Seen::refused).
    pub(super) async fn swap_out(
        &self,
        tier: usize,
        remote: Remote<'_>,
        entries: Vec<(&Leg, Entry)>,
        seen: &mut Seen,
    ) -> Result<()> {
        let (mut flights, mut swaps) = (Vec::new(), Vec::new());
        // Before it is looked which of them are current.
        let writing = remote.storage().writing();
        for (leg, entry) in entries {
            // Not after an invalidation here that has nothing to do with the storage, as of a tag.
            let held = seen.leases.of(tier, leg.place);
            match held {
                None => self.missed(remote, [leg], seen),
                Some(held) if self.is_current(leg) => {
                    let held = seen.leases.0.swap_remove(held);
                    swaps.push(Swap::of(held.there.bytes().clone(), entry));
                    flights.push(leg);
                }
                Some(_) => {}
            }
        }
        let written = remote.write_leased(swaps, writing).await;
        if written.is_err() {
            self.missed(remote, flights.iter().copied(), seen);
        }
        // Where nobody knows whether they were written, they are as good as refused.
        let is_written = |place| {
            written
                .as_ref()
                .is_ok_and(|written: &Vec<_>| written[place])
        };
        let flights = flights.into_iter().enumerate();
        let refused = flights.filter_map(|(place, leg)| (!is_written(place)).then_some(leg.place));
        seen.refused.extend(refused);
        written.map(drop)
    }

    /// Waits for the values that other holders load, and takes over where they don't. Values land; what is to be loaded
    /// after all is returned when there is any, and the rest is still [left](Seen::left).
    async fn await_others(&self, seen: &mut Seen, until: Instant) -> Vec<Leg> {
        let [mut pause, longest] = PAUSES;
        loop {
            let left = std::mem::take(&mut seen.left);
            if left.is_empty() || Instant::now() >= until {
                // It has waited for as long as a load may take: by itself, then.
                return left;
            }
            sleep(pause).await;
            pause = (2 * pause).min(longest);
            // What was known of tags is as old as the last look.
            seen.forget_marks();
            let open = self.find(left.len(), left, seen, Reads::Ahead).await;
            if !open.is_empty() {
                return open;
            }
        }
    }

    /// Loads what others have left, or were too slow for.
    pub(super) async fn fill_left(&self, source: &mut Source<N, V>, reads: Reads, seen: &mut Seen) {
        let deadline = self.chain().meta.hard_timeout();
        let deadline = deadline.unwrap_or_else(|| self.runtime.load_timeout());
        let until = Instant::now() + deadline;
        while !seen.left.is_empty() {
            let open = self.await_others(seen, until).await;
            if !open.is_empty() {
                self.fill(open, source, reads, seen).await;
            }
        }
    }
}

impl Leases {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a flight has one.
    pub(super) fn has_any(&self, flight: usize) -> bool {
        self.0.iter().any(|held| held.flight == flight)
    }

    /// Whether a lease that was found is one of these.
    fn has(&self, tier: usize, flight: usize, lease: Lease) -> bool {
        let held = self.of(tier, flight).map(|place| &self.0[place]);
        held.is_some_and(|held| held.lease.is_of(lease))
    }
}

impl Seen {
    /// Takes out the leases of flights that wait for nobody any more.
    pub(super) fn unused_leases(&mut self) -> Leases {
        let waits = |flight| self.left.iter().any(|leg| leg.place == flight);
        let used = |held: &Held| waits(held.flight);
        let (used, unused) = std::mem::take(&mut self.leases.0)
            .into_iter()
            .partition(used);
        self.leases.0 = used;
        Leases(unused)
    }
}
