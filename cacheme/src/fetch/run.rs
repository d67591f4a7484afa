//! What a flight does: read the remote tiers, load what none has, write back, land.
//!
//! One run leads a batch of flights, which for a `get` is a batch of one. Each stage works on all
//! of them at once, so that a tier costs one round trip to read and one to write.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::invalidate::{changed, told};
use super::leg::{Arrived, Leg};
use super::seen::{Leasing, Seen};
use super::tier::{Request, Tagged};
use super::{Reads, Source, ValueType};
use crate::bus::Telling;
use crate::cached::{LATEST, Landed, Origin};
use crate::chain::{Chain, Link, Remote};
use crate::codec::Cacheable;
use crate::envelope::Seal;
use crate::error::{BoxError, Result};
use crate::flight::Started;
use crate::key::Keys;
use crate::node::Node;
use crate::panic::panic_message;
use crate::pending::Airborne;
use crate::prefix::Prefix;
use crate::runtime::Cacheme;
use crate::stats::{Miss, NodeEvent};
use crate::storage::Found;
use crate::tag::Identity;

pub(super) struct Run<N: Node, V> {
    pub(super) started: Started<N, Landed<V>>,
    pub(super) value_type: ValueType,
    pub(super) runtime: Cacheme,
    pub(super) prefix: Prefix,
    /// How many invalidations of tags there had been when it began.
    pub(super) since: u64,
    /// So that it is waited for.
    pub(super) _airborne: Airborne,
}

impl<N: Node, V: Cacheable<N::Codec>> Run<N, V> {
    pub(super) fn chain(&self) -> &Arc<Chain> {
        self.started.flights().chain()
    }

    pub(super) async fn lead(self, legs: Vec<Leg>, mut source: Source<N, V>, reads: Reads) {
        let requests = legs.len();
        let mut open = self.keyed(legs);
        let mut seen = self.seen(Leasing::Takes);
        seen.replaces = reads == Reads::Nothing;
        if reads != Reads::Nothing {
            open = self.find(requests, open, &mut seen, reads).await;
        }
        // Boxed, so that a flight that finds its value is small.
        if !open.is_empty() {
            Box::pin(self.fill(open, &mut source, reads, &mut seen)).await;
        }
        if !seen.left.is_empty() {
            Box::pin(self.fill_left(&mut source, reads, &mut seen)).await;
        }
        if !seen.leases.is_empty() {
            let leases = seen.unused_leases();
            Box::pin(self.release(leases)).await;
        }
    }

    /// Nothing is seen yet, by a run that does this if its node has leases.
    pub(super) fn seen(&self, leasing: Leasing) -> Seen {
        Seen::new(self.lease().map_or(Leasing::Not, |_| leasing))
    }

    /// The moment that it is, where the node has leases.
    pub(super) fn moment(&self) -> u64 {
        match self.lease() {
            Some(_) => self.runtime.tags().next_moment(),
            None => LATEST,
        }
    }

    /// Loads, and puts what was loaded into the tiers but those that are down.
    pub(super) async fn fill(
        &self,
        open: Vec<Leg>,
        source: &mut Source<N, V>,
        reads: Reads,
        seen: &mut Seen,
    ) {
        let open = self.take_over(open, reads, seen).await;
        if open.is_empty() {
            return;
        }
        for place in 0..self.chain().tiers.len() {
            // Before the load: what is written with an older mark is never read.
            self.mark(&open, place, seen).await;
        }
        let begun = self.moment();
        seen.begins(self.chain());
        let loaded = self.load_leased(open, source, reads, seen).await;
        let mut telling = Telling::NOTHING;
        if reads == Reads::Nothing && !loaded.is_empty() {
            telling = self.runtime.telling();
            self.forget(&loaded).await;
        }
        let loaded = self.keep(loaded, begun, seen).await;
        if reads == Reads::Nothing {
            // Those whose life ended meanwhile are in some tiers only.
            self.forget(&loaded).await;
            self.started.answer(loaded.iter().map(Arrived::answer));
            let legs = loaded.iter().map(|arrived| &arrived.leg);
            // A failure is made up for by the bus later on.
            let message = changed(&telling, legs);
            let _ = told(telling, message).await;
        }
        self.started.land(loaded.into_iter().map(Arrived::landing));
        // Before others are waited for.
        let leases = seen.unused_leases();
        self.release(leases).await;
    }

    /// Has the tier of a place, if it is a remote one, know the nodes' own tags.
    async fn mark(&self, open: &[Leg], place: usize, seen: &mut Seen) {
        if self.chain().meta.tags().is_empty() || !self.runtime.is_enabled() {
            return;
        }
        let link = &self.chain().tiers[place];
        if let Some(remote) = link.remote()
            && !seen.down.contains(&place)
        {
            let tags = open.iter().flat_map(Leg::tags);
            let marks = seen.marks(place);
            let ttl = self.chain().kept(link);
            let work = self.started.work();
            self.tagged(remote).mark(marks, tags, ttl, work).await;
        }
    }

    /// Looks into the tiers. Flights whose value is there land with it, and it goes into the nearer
    /// tiers; the others are returned. So are those whose value is to be renewed; they have it by then.
    pub(super) async fn find(
        &self,
        requests: usize,
        open: Vec<Leg>,
        seen: &mut Seen,
        reads: Reads,
    ) -> Vec<Leg> {
        let (mut read, mut open) = self.read(open, seen, reads).await;
        if reads == Reads::Tiers {
            let missed = requests - read.len();
            self.chain().counters.add(NodeEvent::Missed, missed);
        }
        // Before the load, while they live; and these flights end here.
        self.keep_local(&read);
        if self.lacks_remote(&read) {
            self.started.answer(read.iter().map(Arrived::answer));
            let _ = Box::pin(self.keep_remote(&read, seen)).await;
        }
        let is_due = |arrived: &mut Arrived<V>| {
            self.renews(arrived) && !seen.renewed.contains(&arrived.leg.place)
        };
        let due: Vec<_> = read.extract_if(.., is_due).collect();
        if !due.is_empty() {
            self.started.answer(due.iter().map(Arrived::answer));
            // Without the tags of the value that goes.
            let legs = due.into_iter().map(|arrived| arrived.leg);
            open.extend(legs.map(|leg| self.own(leg)));
        }
        self.started.land(read.into_iter().map(Arrived::landing));
        open
    }

    /// Whether a value that a remote tier gave is to be renewed.
    fn renews(&self, arrived: &Arrived<V>) -> bool {
        let Origin::Tier(place) = arrived.origin else {
            return false;
        };
        let left = arrived.until.map(|until| until.saturating_sub(arrived.at));
        // The same for all reads of it here.
        let draw = arrived.draw;
        self.chain().tiers[place].remote().is_some() && self.chain().renews(arrived.age, left, draw)
    }

    /// Gives the flights their keys and their nodes' tags. Those for which these can't be written land with that
    /// error.
    pub(super) fn keyed(&self, legs: Vec<Leg>) -> Vec<Leg> {
        let chain = self.chain();
        let needs_keys = chain.needs_keys(self.runtime.tags());
        if !needs_keys && chain.meta.tags().is_empty() {
            return legs;
        }
        let mut keys = needs_keys.then(|| chain.keys(self.prefix.text()));
        let mut failed = Vec::new();
        let keyed =
            legs.into_iter()
                .filter_map(|mut leg| match self.name(&mut leg, keys.as_mut()) {
                    Ok(()) => Some(leg),
                    Err(error) => {
                        failed.push((leg.place, Err(error)));
                        None
                    }
                });
        let keyed = keyed.collect();
        self.started.land(failed);
        keyed
    }

    /// A flight with the tags of its node alone.
    fn own(&self, leg: Leg) -> Leg {
        let (aim, told) = (self.started.aim(leg.place), leg.digest().told);
        let (chain, tags) = (self.chain(), self.runtime.tags());
        let stamp = chain.stamp(tags, self.since, &self.prefix, told, aim.node());
        // They could be written before.
        let stamp = stamp.ok().flatten();
        Leg { stamp, ..leg }
    }

    fn name(&self, leg: &mut Leg, keys: Option<&mut Keys<'_>>) -> Result<()> {
        let (chain, tags) = (self.chain(), self.runtime.tags());
        let aim = self.started.aim(leg.place);
        leg.key = keys.map(|keys| keys.of(aim.node())).transpose()?;
        leg.stamp = chain.stamp(
            tags,
            self.since,
            &self.prefix,
            leg.digest().told,
            aim.node(),
        )?;
        Ok(())
    }

    /// What an entry is of, by the digest by which others are told of its key.
    pub(super) fn identity(&self, key: u64) -> Identity {
        self.chain().identity(&self.prefix, key)
    }

    pub(super) fn request(&self) -> Request<'_> {
        Request {
            runtime: &self.runtime,
            prefix: &self.prefix,
            chain: self.chain(),
            value_type: self.value_type,
            since: self.since,
            moment: 0,
        }
    }

    /// A remote tier as this run uses it.
    pub(super) fn tagged<'a>(&'a self, remote: Remote<'a>) -> Tagged<'a> {
        self.request().of(remote, Duration::ZERO)
    }

    /// Asks the tiers behind the leading local ones, in order, for what is still open.
    async fn read(
        &self,
        mut open: Vec<Leg>,
        seen: &mut Seen,
        reads: Reads,
    ) -> (Vec<Arrived<V>>, Vec<Leg>) {
        let mut arrived = Vec::new();
        for (place, link) in self.chain().behind() {
            if open.is_empty() || !self.runtime.is_enabled() {
                break;
            }
            let asked = std::mem::take(&mut open);
            arrived.reserve(asked.len());
            if let Some(cache) = link.local() {
                let at = self.runtime.clock().monotonic();
                for leg in asked {
                    let aim = self.started.aim(leg.place);
                    match reads.counted(link, cache.find(aim.scope, aim.node())) {
                        Some(found) => arrived.push(leg.arrives(found, at, place)),
                        None => open.push(leg),
                    }
                }
            } else if let Some(remote) = link.remote() {
                open = self
                    .read_remote(place, remote, asked, seen, reads, &mut arrived)
                    .await;
            }
        }
        (arrived, open)
    }

    /// Asks one remote tier. Those that it doesn't have are returned, but for those that others load.
    async fn read_remote(
        &self,
        place: usize,
        remote: Remote<'_>,
        asked: Vec<Leg>,
        seen: &mut Seen,
        reads: Reads,
        arrived: &mut Vec<Arrived<V>>,
    ) -> Vec<Leg> {
        let link = &self.chain().tiers[place];
        let (tier, moment) = (self.tagged(remote), self.moment());
        let entries = tier.read(seen.marks(place), &asked).await;
        let (at, now) = (self.runtime.clock().monotonic(), tier.now());
        let is_down = entries.contains(&Err(Miss::Unavailable));
        let takes = seen.leasing == Leasing::Takes && !is_down;
        let (mut open, mut absent) = (Vec::new(), Vec::new());
        for (mut leg, there) in asked.into_iter().zip(entries) {
            leg.lacks = None;
            let found = there.as_ref().map_err(|reason| *reason);
            let marks = seen.marks(place);
            let found = found.and_then(|there| tier.open::<V, N::Codec>(marks, &leg, there, now));
            match reads.counted(link, found) {
                Some(found) => {
                    if takes && there.is_ok_and(|there| there.is_leased(now)) {
                        seen.renewed.push(leg.place);
                    }
                    let found = leg.arrives(found, at, place);
                    arrived.push(Arrived {
                        seen: moment,
                        ..found
                    });
                }
                None if takes => absent.push((leg, there.ok())),
                None => open.push(leg),
            }
        }
        if is_down {
            seen.down.push(place);
            return open;
        }
        if !absent.is_empty() {
            open = self.take(place, remote, absent, seen).await;
        }
        if place + 1 < self.chain().tiers.len() {
            // Before the next one is read, from which this one may get the value.
            self.mark(&open, place, seen).await;
        }
        open
    }
}

impl Reads {
    /// What a tier found, counted unless nobody asked for it.
    fn counted<V>(self, link: &Link, found: Result<Found<V>, Miss>) -> Option<Found<V>> {
        match self {
            Self::Ahead => found.ok(),
            Self::Tiers | Self::Nothing => link.counted(found),
        }
    }
}

impl ValueType {
    /// What an entry with this digest has to show.
    pub(super) fn seal(&self, digest: u64) -> Seal {
        Seal {
            codec: self.codec,
            fingerprint: self.fingerprint,
            digest,
        }
    }
}

/// Calls a codec; a panic in the user's `Serialize` or `Deserialize` is an error.
pub(super) fn quietly<T>(codec: impl FnOnce() -> Result<T, BoxError>) -> Result<T, BoxError> {
    catch_unwind(AssertUnwindSafe(codec)).unwrap_or_else(|panic| Err(panic_message(&*panic).into()))
}
