//! What a node says of itself: its names, its version and its tiers.

use std::borrow::Cow;
use std::time::Duration;

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    name: Cow<'static, str>,
    path: Cow<'static, str>,
    pattern: Cow<'static, str>,
    version: Cow<'static, str>,
    tiers: Vec<Tier>,
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
