//! What a flight does: read the remote tiers, load what none has, write back, land.
//!
//! One run leads a batch of flights, which for a `get` is a batch of one. Each stage works on all
//! of them at once, so that a tier costs one round trip to read and one to write.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::invalidate::{changed, told};
use super::marks::{Marks, Request, Tagged};
use super::{Reads, Source, ValueType};
use crate::bus::Telling;
use crate::cached::{Landed, Origin};
use crate::chain::{Chain, Link, Remote};
use crate::codec::Cacheable;
use crate::envelope::Seal;
use crate::error::{BoxError, Result};
use crate::flight::Started;
use crate::key::{Key, Keys};
use crate::node::Node;
use crate::panic::panic_message;
use crate::prefix::Prefix;
use crate::runtime::Cacheme;
use crate::stats::{Miss, NodeEvent};
use crate::storage::Found;
use crate::tag::{Stamp, Tag};

pub(super) struct Run<N: Node, V> {
    pub(super) started: Started<N, Landed<V>>,
    pub(super) value_type: ValueType,
    pub(super) runtime: Cacheme,
    pub(super) prefix: Prefix,
    /// How many invalidations of tags there had been when it began.
    pub(super) since: u64,
}

/// What a run has seen of the remote tiers, by their places in the chain.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Those that don't answer.
    pub(super) down: Vec<usize>,
    marks: Vec<(usize, Marks)>,
}

/// One flight of the batch.
#[derive(Clone)]
pub(super) struct Leg {
    /// Its place in the group.
    pub(super) place: usize,
    /// With the digest of its entries; absent until it is [keyed](Run::keyed), and where no tier is
    /// remote.
    pub(super) key: Option<(Key, u64)>,
    /// The node's own tags until its value is there, and then the value's.
    pub(super) stamp: Option<Arc<Stamp>>,
}

/// A flight with its value.
#[derive(Clone)]
pub(super) struct Arrived<V> {
    pub(super) leg: Leg,
    pub(super) value: V,
    pub(super) origin: Origin,
    /// How old it was when it arrived.
    pub(super) age: Duration,
    /// When it arrived, by the monotonic clock.
    pub(super) at: Duration,
    /// How long it may be kept, by the monotonic clock.
    pub(super) until: Option<Duration>,
    /// What tells an entry of a remote tier from others.
    pub(super) draw: u64,
    /// How many tiers, the first ones, don't have the value and get it.
    pub(super) lacking: usize,
    /// Of an old value, for how long it may be used as one, `until` it is asked for again at its source.
    pub(super) stale: Option<Duration>,
}

impl<N: Node, V: Cacheable<N::Codec>> Run<N, V> {
    pub(super) fn chain(&self) -> &Arc<Chain> {
        self.started.flights().chain()
    }

    pub(super) async fn lead(self, legs: Vec<Leg>, source: Source<N, V>, reads: Reads) {
        let requests = legs.len();
        let mut open = self.keyed(legs);
        let mut seen = Seen::default();
        if reads != Reads::Nothing {
            open = self.find(requests, open, &mut seen, reads).await;
        }
        if !open.is_empty() {
            // Boxed, so that a flight that finds its value is small.
            Box::pin(self.fill(open, source, reads, &mut seen)).await;
        }
    }

    /// Loads, and puts what was loaded into the tiers but those that are down.
    async fn fill(&self, open: Vec<Leg>, source: Source<N, V>, reads: Reads, seen: &mut Seen) {
        for place in 0..self.chain().tiers.len() {
            // Before the load: what is written with an older mark is never read.
            self.mark(&open, place, seen).await;
        }
        let loaded = self.load(open, source, reads).await;
        let mut telling = Telling::NOTHING;
        if reads == Reads::Nothing && !loaded.is_empty() {
            telling = self.runtime.telling();
            self.forget(&loaded).await;
        }
        self.keep_local(&loaded);
        // What couldn't be written is counted, and no failure of the load.
        let _ = self.keep_remote(&loaded, seen).await;
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
        let due: Vec<_> = read
            .extract_if(.., |arrived| self.renews(arrived))
            .collect();
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
        let (aim, digest) = (self.started.aim(leg.place), leg.digest());
        let (chain, tags) = (self.chain(), self.runtime.tags());
        let stamp = chain.stamp(tags, self.since, aim.scope, digest, aim.node());
        // They could be written before.
        let stamp = stamp.ok().flatten();
        Leg { stamp, ..leg }
    }

    fn name(&self, leg: &mut Leg, keys: Option<&mut Keys<'_>>) -> Result<()> {
        let (chain, tags) = (self.chain(), self.runtime.tags());
        let aim = self.started.aim(leg.place);
        leg.key = keys.map(|keys| keys.of(aim.node())).transpose()?;
        leg.stamp = chain.stamp(tags, self.since, aim.scope, leg.digest(), aim.node())?;
        Ok(())
    }

    pub(super) fn request(&self) -> Request<'_> {
        Request {
            runtime: &self.runtime,
            prefix: &self.prefix,
            value_type: self.value_type,
            since: self.since,
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
        // What nobody asked for is no look-up.
        let counted = |link: &Link, found: Result<Found<V>, Miss>| match reads {
            Reads::Ahead => found.ok(),
            _ => link.counted(found),
        };
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
                    match counted(link, cache.find(aim.scope, aim.node())) {
                        Some(found) => arrived.push(leg.arrives(found, at, place)),
                        None => open.push(leg),
                    }
                }
            } else if let Some(remote) = link.remote() {
                let (tier, marks) = (self.tagged(remote), seen.marks(place));
                let frames = tier.read(marks, &asked).await;
                let (at, now) = (self.runtime.clock().monotonic(), tier.now());
                let is_down = matches!(frames.first(), Some(Err(Miss::Unavailable)));
                for (leg, frame) in asked.into_iter().zip(frames) {
                    let found =
                        frame.and_then(|frame| tier.open::<V, N::Codec>(marks, &leg, &frame, now));
                    match counted(link, found) {
                        Some(found) => arrived.push(leg.arrives(found, at, place)),
                        None => open.push(leg),
                    }
                }
                if is_down {
                    seen.down.push(place);
                } else if place + 1 < self.chain().tiers.len() {
                    // Before the next one is read, from which this one may get the value.
                    self.mark(&open, place, seen).await;
                }
            }
        }
        (arrived, open)
    }
}

impl Seen {
    /// What is known of the marks in the tier of a place.
    pub(super) fn marks(&mut self, place: usize) -> &mut Marks {
        let known = self.marks.iter().position(|(known, _)| *known == place);
        let at = known.unwrap_or_else(|| {
            self.marks.push((place, Marks::default()));
            self.marks.len() - 1
        });
        &mut self.marks[at].1
    }
}

impl Leg {
    /// The flight of a place.
    pub(super) fn of(place: usize) -> Self {
        Self {
            place,
            key: None,
            stamp: None,
        }
    }

    /// The key of its entries in remote tiers.
    pub(super) fn key(&self) -> Option<&Key> {
        self.key.as_ref().map(|(key, _)| key)
    }

    /// What these entries have to show.
    pub(super) fn digest(&self) -> u64 {
        self.key.as_ref().map_or(0, |(_, digest)| *digest)
    }

    /// Its tags.
    pub(super) fn tags(&self) -> impl Iterator<Item = &Arc<Tag>> + Clone {
        self.stamp.iter().flat_map(|stamp| stamp.tags())
    }

    /// Whether none of its tags has been invalidated.
    pub(super) fn is_current(&self) -> bool {
        self.stamp.as_ref().is_none_or(|stamp| stamp.is_current())
    }

    /// The flight with what a tier gave at this time.
    pub(super) fn arrives<V>(self, found: Found<V>, at: Duration, place: usize) -> Arrived<V> {
        let Found {
            value,
            left,
            age,
            stamp,
            is_stale,
            draw,
        } = found;
        Arrived {
            leg: Self { stamp, ..self },
            value,
            origin: Origin::Tier(place),
            age,
            at,
            until: left.map(|left| at.saturating_add(left)),
            draw,
            lacking: place,
            stale: left.filter(|_| is_stale),
        }
    }
}

impl<V: Clone> Arrived<V> {
    pub(super) fn landing(self) -> (usize, Result<Landed<V>>) {
        let landed = Landed {
            value: self.value,
            origin: self.origin,
            age: self.age,
            is_stale: self.stale.is_some(),
            until: self.until,
            stamp: self.leg.stamp,
        };
        (self.leg.place, Ok(landed))
    }

    /// The same, while it is needed here.
    pub(super) fn answer(&self) -> (usize, Result<Landed<V>>) {
        self.clone().landing()
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
