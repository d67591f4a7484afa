//! What a node says of itself: its names, its version and its tiers.

use std::any::Any;
use std::borrow::Cow;
use std::time::Duration;

use crate::batch::Batch;
use crate::bulkhead::MaxLoads;
use crate::doorkeeper::Doorkeeper;
use crate::life::Life;
use crate::nothing::{Nothing, TtlNone};
use crate::weight::Weight;

/// Name, version, key pattern and tiers of a node type.
///
/// The macros build one from the attribute's options.
///
/// ```
/// use std::time::Duration;
/// use cacheme::{Meta, Tier};
///
/// let meta = Meta::new("UserInfo", "shop::user::UserInfo", "user:{}:info")
///     .with_version("v1")
///     .with_tier(Tier::new("hot").with_ttl(Duration::from_secs(30)))
///     .with_tier(Tier::new("my-redis"));
/// assert_eq!(meta.tiers().len(), 2);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Meta {
    name: Cow<'static, str>,
    path: Cow<'static, str>,
    pattern: Cow<'static, str>,
    version: Cow<'static, str>,
    tiers: Vec<Tier>,
    ttl_none: Option<TtlNone>,
    ttl_jitter: Option<f64>,
    max_loads: Option<MaxLoads>,
    batch: Option<Batch>,
    idle: Option<Duration>,
    weight: Option<Weight>,
    doorkeeper: Option<Doorkeeper>,
    tags: Vec<Cow<'static, str>>,
    stale: Option<Duration>,
    soft_timeout: Option<Duration>,
    hard_timeout: Option<Duration>,
    lease: Option<Duration>,
    refresh_at: Option<f64>,
    xfetch: Option<f64>,
}

impl Meta {
    /// The meta of the type `name`, found at the module path `path`, whose key is `pattern` with
    /// a `{}` for each field. It has no version and no tiers yet.
    pub fn new(
        name: impl Into<Cow<'static, str>>,
        path: impl Into<Cow<'static, str>>,
        pattern: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            name: name.into(),
            path: path.into(),
            pattern: pattern.into(),
            version: Cow::Borrowed(""),
            tiers: Vec::new(),
            ttl_none: None,
            ttl_jitter: None,
            max_loads: None,
            batch: None,
            idle: None,
            weight: None,
            doorkeeper: None,
            tags: Vec::new(),
            stale: None,
            soft_timeout: None,
            hard_timeout: None,
            lease: None,
            refresh_at: None,
            xfetch: None,
        }
    }

    /// Sets the version. A new version makes every entry of the node unreachable.
    #[must_use]
    pub fn with_version(mut self, version: impl Into<Cow<'static, str>>) -> Self {
        self.version = version.into();
        self
    }

    /// Adds a tier behind those that are there.
    #[must_use]
    pub fn with_tier(mut self, tier: Tier) -> Self {
        self.tiers.push(tier);
        self
    }

    /// Keeps values of type `V` that are [nothing](Nothing), such as `None`, for `ttl` at most.
    #[must_use]
    pub fn with_ttl_none<V: Nothing + 'static>(mut self, ttl: Duration) -> Self {
        self.ttl_none = Some(TtlNone::new::<V>(ttl));
        self
    }

    /// As [`with_ttl_none`](Self::with_ttl_none), for whoever knows by itself what is nothing.
    #[doc(hidden)]
    #[must_use]
    pub fn with_ttl_nothing(mut self, ttl: Duration) -> Self {
        self.ttl_none = Some(TtlNone::of_others(ttl));
        self
    }

    /// Shortens each entry's time to live by a random part of up to `most`, which is above 0 and at
    /// most 1; the first use of the node is an error if it isn't.
    #[must_use]
    pub fn with_ttl_jitter(mut self, most: f64) -> Self {
        self.ttl_jitter = Some(most);
        self
    }

    /// Bounds how many loads of the node run at once in a runtime, and how many wait for them.
    #[must_use]
    pub fn with_max_loads(mut self, bound: MaxLoads) -> Self {
        self.max_loads = Some(bound);
        self
    }

    /// Has simultaneous requests of a [`get`](crate::Cacheme::get) that miss become one
    /// [`load_all`](crate::Load::load_all).
    #[must_use]
    pub fn with_batch(mut self, batch: Batch) -> Self {
        self.batch = Some(batch);
        self
    }

    /// Has entries in local tiers expire when nobody asked for them for `idle`, besides their time to live.
    /// The first use of a node without a local tier is an error, and so is one with an `idle` of zero.
    #[must_use]
    pub fn with_idle(mut self, idle: Duration) -> Self {
        self.idle = Some(idle);
        self
    }

    /// What values weigh in local storages that are [weighted](crate::LocalStorage::weighted).
    #[doc(hidden)]
    #[must_use]
    pub fn with_weight<V: 'static>(mut self, weigh: fn(&dyn Any) -> u32) -> Self {
        self.weight = Some(Weight::new::<V>(weigh));
        self
    }

    /// Has values kept only from their second load on.
    #[must_use]
    pub fn with_doorkeeper(mut self, doorkeeper: Doorkeeper) -> Self {
        self.doorkeeper = Some(doorkeeper);
        self
    }

    /// Says that the node [writes tags](crate::Node::write_tags), of these patterns with a `{}` for each field.
    #[must_use]
    pub fn with_tags<T: Into<Cow<'static, str>>>(
        mut self,
        patterns: impl IntoIterator<Item = T>,
    ) -> Self {
        self.tags.extend(patterns.into_iter().map(Into::into));
        self
    }

    /// Keeps values for `stale` beyond their time to live, for requests whose load fails.
    #[must_use]
    pub fn with_stale(mut self, stale: Duration) -> Self {
        self.stale = Some(stale);
        self
    }

    /// Has a request wait no longer than `timeout` where there is a [stale](Self::with_stale) value; zero is not at
    /// all. The first use of a node without `stale` is an error.
    #[must_use]
    pub fn with_soft_timeout(mut self, timeout: Duration) -> Self {
        self.soft_timeout = Some(timeout);
        self
    }

    /// Ends loads after `timeout` instead of the runtime's [`load_timeout`](crate::Builder::load_timeout).
    #[must_use]
    pub fn with_hard_timeout(mut self, timeout: Duration) -> Self {
        self.hard_timeout = Some(timeout);
        self
    }

    /// Has one process load a value while the others wait, no longer than a load may take; one that ends without a word
    /// is waited for as long as `lease`. What was invalidated meanwhile is written to no remote tier. The first use of a
    /// node is an error if this is less than 10 ms, or if a remote tier of it can't do it, or there is none.
    #[must_use]
    pub fn with_lease(mut self, lease: Duration) -> Self {
        self.lease = Some(lease);
        self
    }

    /// Has a value renewed by a request that comes after this part of its time to live, above 0 and below 1; the first
    /// use of the node is an error if it isn't.
    #[must_use]
    pub fn with_refresh_at(mut self, part: f64) -> Self {
        self.refresh_at = Some(part);
        self
    }

    /// Has a value renewed before its end by a request, as early as a load takes time.
    ///
    /// How early is the mean time of the node's loads in this runtime, times `beta`, times an exponential random number, and at
    /// most half of the value's life; a runtime that has loaded nothing yet renews nothing
    /// (`XFetch`, by Vattani, Chierichetti and Lowenstein, "Optimal Probabilistic Cache Stampede Prevention", VLDB 2015, with
    /// one random number for each value in place of one for each request). 1 is what the paper recommends, more is
    /// earlier. The first use of the node is an error unless this is above 0, and with
    /// [`with_refresh_at`](Self::with_refresh_at).
    #[must_use]
    pub fn with_xfetch(mut self, beta: f64) -> Self {
        self.xfetch = Some(beta);
        self
    }

    /// The type's name, without its module.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The type's name with its module.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The key with `{}` in place of each field.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// The version, empty where the node gives none.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The tiers, nearest first.
    pub fn tiers(&self) -> &[Tier] {
        &self.tiers
    }

    /// How long values that are nothing are kept at most; `None` is as long as any other.
    pub fn ttl_none(&self) -> Option<Duration> {
        self.ttl_none.map(|none| none.ttl)
    }

    /// The largest part that each entry's time to live is shortened by.
    pub fn ttl_jitter(&self) -> Option<f64> {
        self.ttl_jitter
    }

    /// How many loads run at once and wait; `None` is without a bound.
    pub fn max_loads(&self) -> Option<MaxLoads> {
        self.max_loads
    }

    /// How simultaneous requests become one load; `None` is not at all.
    pub fn batch(&self) -> Option<Batch> {
        self.batch
    }

    /// How long entries in local tiers stay without being asked for; `None` is for ever.
    pub fn idle(&self) -> Option<Duration> {
        self.idle
    }

    /// What has values kept only from their second load on; `None` is from the first.
    pub fn doorkeeper(&self) -> Option<Doorkeeper> {
        self.doorkeeper
    }

    /// The patterns of the tags that all values of the node have, with `{}` in place of each field.
    pub fn tags(&self) -> &[Cow<'static, str>] {
        &self.tags
    }

    /// How long values are kept beyond their time to live, for requests whose load fails.
    pub fn stale(&self) -> Option<Duration> {
        self.stale
    }

    /// How long a request waits where there is a stale value; `None` is as long as it takes.
    pub fn soft_timeout(&self) -> Option<Duration> {
        self.soft_timeout
    }

    /// When loads are ended; `None` is when the runtime says.
    pub fn hard_timeout(&self) -> Option<Duration> {
        self.hard_timeout
    }

    /// How long a process that loads a value is waited for after its last sign of life; `None` is not at all.
    pub fn lease(&self) -> Option<Duration> {
        self.lease
    }

    /// The part of its time to live after which a value is renewed by who asks for it.
    pub fn refresh_at(&self) -> Option<f64> {
        self.refresh_at
    }

    /// How early before its end a value is renewed by who asks for it, where that goes by how long loads take.
    pub fn xfetch(&self) -> Option<f64> {
        self.xfetch
    }

    /// Whether values are renewed before their end.
    pub(crate) fn is_renewed(&self) -> bool {
        self.refresh_at.is_some() || self.xfetch.is_some()
    }

    pub(crate) fn has_weight(&self) -> bool {
        self.weight.is_some()
    }

    /// What a value weighs: 1 where nothing is said.
    pub(crate) fn weigh(&self, value: &dyn Any) -> u32 {
        self.weight.map_or(1, |weight| weight.of(value))
    }

    /// What the options say of this value's life.
    pub(crate) fn life(&self, value: &dyn Any) -> Life {
        match self.ttl_none {
            Some(none) if none.is_for(value) => Life::at_most(none.ttl),
            _ => Life::default(),
        }
    }
}

/// One storage as a node uses it: the storage's name and how long entries are kept there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tier {
    storage: Cow<'static, str>,
    ttl: Option<Duration>,
}

impl Tier {
    /// The tier kept in the storage of this name, for ever.
    pub fn new(storage: impl Into<Cow<'static, str>>) -> Self {
        let storage = storage.into();
        Self { storage, ttl: None }
    }

    /// Keeps entries for `ttl` from when they were loaded.
    #[must_use]
    pub fn with_ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// The name that the storage is registered by.
    pub fn storage(&self) -> &str {
        &self.storage
    }

    /// How long entries are kept; `None` is for ever.
    pub fn ttl(&self) -> Option<Duration> {
        self.ttl
    }
}
