//! A node's tiers as a runtime has them: its meta with the storages found by name.

mod option;
mod remote;

pub(crate) use self::remote::Remote;

use std::any::{Any, TypeId};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::bulkhead::Bulkhead;
use crate::cached::{Cached, Landed, Origin, Source};
use crate::doorkeeper::Door;
use crate::ended::Ended;
use crate::envelope::Seal;
use crate::error::{Error, Result};
use crate::jitter::Jitter;
use crate::key::Keys;
use crate::life::Life;
use crate::meta::Meta;
use crate::node::Node;
use crate::prefix::Prefix;
use crate::renewal::Renewal;
use crate::stats::{Miss, NodeCounters, NodeStats, TierCounters};
use crate::storage::{Found, LocalCache, Ready, Stay};
use crate::tag::{Identity, Stamp, TagWriter, Tags};

/// The tiers of a node, nearest first, and its figures.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) id: TypeId,
    pub(crate) site: TypeId,
    /// What the compiler calls the type; of a dynamic node, the path in its meta.
    type_name: Cow<'static, str>,
    /// What was annotated in the source; of a dynamic node, the same path.
    item: Cow<'static, str>,
    pub(crate) meta: Meta,
    pub(crate) tiers: Vec<Link>,
    /// How many tiers, the first ones, are local: they are asked without starting a flight.
    leading: usize,
    /// What the digests of its entries begin with.
    seed: u64,
    jitter: Option<Jitter>,
    renewal: Option<Renewal>,
    pub(crate) bulkhead: Option<Arc<Bulkhead>>,
    door: Option<Door>,
    pub(crate) counters: NodeCounters,
}

/// One tier.
#[derive(Debug)]
pub(crate) struct Link {
    storage: Ready,
    name: Arc<str>,
    ttl: Option<Duration>,
    ended: Ended,
    pub(crate) counters: Arc<TierCounters>,
}

impl Chain {
    /// The chain of `N` with this meta, its storages found among the registered ones.
    pub(crate) fn resolve<N: Node>(
        meta: Meta,
        type_name: Cow<'static, str>,
        registered: &BTreeMap<Arc<str>, Ready>,
    ) -> Result<Self> {
        let find = |name: &str| {
            registered.get(name).cloned().ok_or_else(|| {
                let names: Vec<_> = registered
                    .keys()
                    .map(|name| format!("\"{name}\""))
                    .collect();
                let there = match names.as_slice() {
                    [] => "none is".to_owned(),
                    names => format!("these are: {}", names.join(", ")),
                };
                let node = meta.name();
                let message = format!(
                    "`{node}` names the storage \"{name}\", which is not registered; {there}"
                );
                Error::node_config(node, message)
            })
        };
        let link = |storage, name: &str, ttl| Link {
            storage,
            name: name.into(),
            ttl,
            ended: Ended::default(),
            counters: Arc::new(TierCounters::new()),
        };
        option::timeouts(&meta)?;
        option::lease(&meta)?;
        let tiers = meta.tiers().iter();
        let tiers = tiers
            .map(|tier| Ok(link(find(tier.storage())?, tier.storage(), tier.ttl())))
            .collect::<Result<Vec<_>>>()?;
        let remote = tiers.iter().position(|link| link.local().is_none());
        let bulkhead = meta.max_loads();
        let bulkhead = bulkhead.map(|bound| Bulkhead::new(meta.name(), bound));
        Ok(Self {
            bulkhead: bulkhead.transpose()?,
            jitter: option::jitter(&meta)?,
            renewal: option::renewal(&meta)?,
            door: option::door(&meta)?,
            id: TypeId::of::<N>(),
            site: N::site(),
            item: if type_name == N::type_name() {
                N::item().into()
            } else {
                type_name.clone()
            },
            type_name,
            leading: remote.unwrap_or(tiers.len()),
            seed: Seal::seed(&meta),
            meta,
            tiers,
            counters: NodeCounters::new(),
        })
    }

    pub(crate) fn type_name(&self) -> &str {
        &self.type_name
    }

    /// What was annotated in the source, the same for all instances of a generic one.
    pub(crate) fn item(&self) -> &str {
        &self.item
    }

    /// The local caches that come before the first remote tier, with their counters.
    pub(crate) fn leading(&self) -> impl Iterator<Item = (&Arc<LocalCache>, &Link)> {
        let links = self.tiers[..self.leading].iter();
        links.filter_map(|link| Some((link.local()?, link)))
    }

    /// The tiers that only a flight reads, with their places in the chain.
    pub(crate) fn behind(&self) -> impl Iterator<Item = (usize, &Link)> {
        self.tiers.iter().enumerate().skip(self.leading)
    }

    pub(crate) fn locals(&self) -> impl Iterator<Item = &Arc<LocalCache>> {
        self.tiers.iter().filter_map(Link::local)
    }

    pub(crate) fn remotes(&self) -> impl Iterator<Item = Remote<'_>> {
        self.tiers.iter().filter_map(Link::remote)
    }

    /// What writes the keys of its entries under a prefix.
    pub(crate) fn keys<'a>(&'a self, prefix: &'a str) -> Keys<'a> {
        Keys::with_seed(&self.meta, self.seed, prefix)
    }

    /// What an entry of this node is of, by the digest by which others are told of its key.
    pub(crate) fn identity(&self, prefix: &Prefix, key: u64) -> Identity {
        Identity {
            prefix: prefix.id,
            node: self.digest(prefix),
            key,
        }
    }

    /// What tells the node from others on the bus.
    pub(crate) fn digest(&self, prefix: &Prefix) -> u64 {
        self.seed ^ prefix.id
    }

    /// What ends a node's entries, for what began when there had been `since` invalidations. `key` is the
    /// digest by which others are told of its key.
    pub(crate) fn stamp<N: Node>(
        &self,
        tags: &Tags,
        since: u64,
        prefix: &Prefix,
        key: u64,
        node: &N,
    ) -> Result<Option<Arc<Stamp>>> {
        let names = if self.meta.tags().is_empty() {
            Vec::new()
        } else {
            TagWriter::tags_of(node, self.meta.name())?
        };
        let names = names.iter().map(String::as_str);
        Ok(tags.stamp(self.identity(prefix, key), since, names))
    }

    /// Whether flights need the keys of their nodes: for remote tiers, or for what is heard of them.
    pub(crate) fn needs_keys(&self, tags: &Tags) -> bool {
        self.has_remote() || tags.is_hearing()
    }

    pub(crate) fn has_remote(&self) -> bool {
        self.remotes().next().is_some()
    }

    /// A value with the name of where it came from.
    pub(crate) fn cached<V>(&self, landed: Landed<V>) -> Cached<V> {
        let source = match landed.origin {
            Origin::Tier(place) => Source::Tier(Arc::clone(self.tiers[place].name())),
            Origin::Loaded => Source::Loaded,
            Origin::Joined => Source::Joined,
        };
        Cached::new(landed.value, source, landed.age, landed.is_stale)
    }

    /// How long a value with so much life left is kept in one of the tiers; `None` is for ever.
    /// `draw` is the same for all tiers that one value goes into.
    pub(crate) fn ttl(&self, link: &Link, left: Option<Duration>, draw: u64) -> Option<Duration> {
        shortest(link.ttl.map(|ttl| self.jittered(ttl, draw)), left)
    }

    /// How long an entry is in a tier at most, its time to live over or not; `None` is for ever.
    pub(crate) fn kept(&self, link: &Link) -> Option<Duration> {
        let stale = self.meta.stale().unwrap_or_default();
        link.ttl.map(|ttl| ttl.saturating_add(stale))
    }

    /// `ttl` less the random part that belongs to `draw`.
    fn jittered(&self, ttl: Duration, draw: u64) -> Duration {
        let jitter = self.jitter.as_ref();
        jitter.map_or(ttl, |jitter| jitter.shortened(ttl, draw))
    }

    /// How a value that was loaded stays in a local tier for so long. `draw` is as for [`ttl`](Self::ttl).
    pub(crate) fn stay(
        &self,
        cache: &LocalCache,
        value: &dyn Any,
        ttl: Option<Duration>,
        draw: u64,
    ) -> Stay {
        let weigh = || self.meta.weigh(value);
        let renewal = self.renewal.as_ref();
        Stay {
            ttl,
            age: Duration::ZERO,
            idle: self.meta.idle(),
            weight: if cache.is_weighted() { weigh() } else { 1 },
            stamp: None,
            stale: self.meta.stale(),
            is_stale: false,
            renewed: renewal
                .zip(ttl)
                .map(|(renewal, ttl)| renewal.moment(ttl, draw, self.load_time())),
        }
    }

    /// Whether a value is to be renewed that is so old, and has so much life left.
    pub(crate) fn renews(&self, age: Duration, left: Option<Duration>, draw: u64) -> bool {
        let renewal = self.renewal.as_ref().zip(left);
        renewal.is_some_and(|(renewal, left)| {
            age >= renewal.moment(age.saturating_add(left), draw, self.load_time())
        })
    }

    /// How long a load has taken, on average.
    fn load_time(&self) -> impl FnOnce() -> Duration {
        || self.counters.mean_load_time()
    }

    /// Checks the option that is about remote tiers.
    pub(crate) fn check_remotes(&self) -> Result<()> {
        if self.meta.lease().is_none() {
            return Ok(());
        }
        let (node, mut remotes) = (self.meta.name(), self.remotes().peekable());
        if remotes.peek().is_none() {
            let message = format!(
                "`lease` of `{node}` is about storages that processes share, and it has none: give it a tier in one"
            );
            return Err(Error::node_config(node, message));
        }
        match remotes.find(|remote| !remote.can_swap()) {
            None => Ok(()),
            Some(remote) => {
                let message = format!(
                    "`{node}` has a `lease`, and its storage \"{}\" has no compare-and-swap: leave out `lease`, or \
                     implement `Storage::swap_many`",
                    remote.name()
                );
                Err(Error::node_config(node, message))
            }
        }
    }

    /// Checks the options that are about local tiers.
    pub(crate) fn check_locals(&self) -> Result<()> {
        let (meta, node) = (&self.meta, self.meta.name());
        let refuse = |message| Err(Error::node_config(node, message));
        if meta.idle() == Some(Duration::ZERO) {
            return refuse(format!(
                "the `idle` of `{node}` is zero, which keeps nothing"
            ));
        }
        let mut locals = self.locals().peekable();
        let options = [
            ("idle", meta.idle().is_some()),
            ("weight", meta.has_weight()),
        ];
        let given = options.iter().find(|(_, is_given)| *is_given);
        if let (None, Some((option, _))) = (locals.peek(), given) {
            return refuse(format!(
                "`{option}` of `{node}` is about local storages, and it has none: give it a tier in one"
            ));
        }
        if meta.has_weight() && !locals.any(|cache| cache.is_weighted()) {
            return refuse(format!(
                "`{node}` has a `weight`, and its local storage counts entries: register one with \
                 `LocalStorage::weighted`, or `weighted=true` in its URL"
            ));
        }
        Ok(())
    }

    /// Whether the value of the node of this hash, which was loaded, may be kept.
    pub(crate) fn admits(&self, hash: u64) -> bool {
        self.door.as_ref().is_none_or(|door| door.knows(hash))
    }

    /// The life of a value that begins now, by what its load and the options say.
    pub(crate) fn life(&self, value: &dyn Any, said: Life, draw: u64) -> Life {
        let life = said.and(self.meta.life(value));
        life.map(|ttl| self.jittered(ttl, draw))
    }

    pub(crate) fn stats(&self) -> NodeStats {
        let tiers = self.tiers.iter();
        let tiers = tiers.map(|link| link.counters.read(&link.name)).collect();
        let (id, path) = (self.id, &self.type_name);
        self.counters
            .read(id, self.meta.name(), path, self.leading, tiers)
    }
}

impl Link {
    /// The storage's name.
    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// What the tier found, counted.
    pub(crate) fn counted<V>(&self, found: Result<Found<V>, Miss>) -> Option<Found<V>> {
        match found {
            Ok(found) => {
                self.counters.hit();
                Some(found)
            }
            Err(reason) => {
                self.counters.miss(reason);
                None
            }
        }
    }

    pub(crate) fn local(&self) -> Option<&Arc<LocalCache>> {
        match &self.storage {
            Ready::Local(cache) => Some(cache),
            Ready::Remote(_) => None,
        }
    }

    pub(crate) fn remote(&self) -> Option<Remote<'_>> {
        match &self.storage {
            Ready::Local(_) => None,
            Ready::Remote(storage) => Some(Remote {
                storage,
                link: self,
            }),
        }
    }
}

/// The shorter one of two times, of which `None` is for ever.
pub(crate) fn shortest(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
