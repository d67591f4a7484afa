//! Reads the options of a node. Knows nothing of the item that they stand on.

use proc_macro2::{Ident, Span};
use syn::parse::ParseStream;
use syn::{Attribute, Expr, LitStr, Meta, Path, Result, Type};

use crate::crate_path;
use crate::doorkeeper::{self, Doorkeeper};
use crate::limit::{self, Batch, MaxLoads};
use crate::list::{self, Place};
use crate::mistake::Mistakes;
use crate::tier::{self, Tier, Ttl};
use crate::value;

/// What a node says of itself.
#[derive(Default)]
pub(crate) struct Options {
    /// At least one unless there are mistakes.
    pub(crate) tiers: Vec<Tier>,
    pub(crate) version: Option<Expr>,
    pub(crate) key: Option<LitStr>,
    pub(crate) codec: Option<Type>,
    /// Its word, which is where the feature that it needs is asked for.
    pub(crate) compress: Option<Ident>,
    pub(crate) batch: Option<Batch>,
    pub(crate) doorkeeper: Option<Doorkeeper>,
    pub(crate) idle: Option<Ttl>,
    pub(crate) max_loads: Option<MaxLoads>,
    pub(crate) tags: Vec<LitStr>,
    pub(crate) stale: Option<Ttl>,
    pub(crate) soft_timeout: Option<Ttl>,
    pub(crate) hard_timeout: Option<Ttl>,
    pub(crate) refresh_at: Option<Expr>,
    pub(crate) xfetch: Option<Expr>,
    pub(crate) lease: Option<Ttl>,
    pub(crate) ttl_jitter: Option<Expr>,
    /// With its word, which is where a value that is never nothing is refused.
    pub(crate) ttl_none: Option<(Ident, Ttl)>,
    /// With its word, which is where a node without a `Load` is refused.
    pub(crate) weight: Option<(Ident, Expr)>,
    /// Where cacheme is found.
    pub(crate) crate_path: Option<Path>,
}

/// The options of a node.
pub(crate) const NODE: &[&str] = &[
    "storage",
    "ttl",
    "caches",
    "version",
    "key",
    "codec",
    "compress",
    "ttl_none",
    "ttl_jitter",
    "max_loads",
    "batch",
    "idle",
    "weight",
    "doorkeeper",
    "tags",
    "stale",
    "soft_timeout",
    "hard_timeout",
    "refresh_at",
    "xfetch",
    "lease",
    crate_path::WORD,
];

/// Reads `attrs`, all of them `#[node(...)]`, as if they were one. `item` is where to say that
/// there is no storage if there is no attribute either.
pub(crate) fn read(attrs: &[&Attribute], item: Span, mistakes: &mut Mistakes) -> Options {
    let mut place = Place::new("node", NODE);
    let mut reader = Reader::default();
    for attr in attrs {
        let Meta::List(list) = &attr.meta else {
            let message = "the options stand in parentheses: `#[node(storage = \"...\")]`";
            mistakes.under(attr, message);
            return Options::default();
        };
        let read = |input: ParseStream<'_>| {
            list::read(input, &mut place, mistakes, |word, input, mistakes| {
                reader.option(word, input, mistakes)
            });
            Ok(())
        };
        if let Err(error) = list.parse_args_with(read) {
            mistakes.push(error);
        }
    }
    let at = attrs
        .last()
        .map_or(item, |attr| attr.path().segments[0].ident.span());
    storages(&place, at, mistakes);
    if let Some(word) = place.word("soft_timeout")
        && place.lacks("stale")
    {
        let message = "`soft_timeout` is how long to wait where there is an old value: say how long \
                       it is kept, `stale = \"1h\"`";
        mistakes.at(word.span(), message);
    }
    reader.finish(&place)
}

/// The options of a node, while they are read.
#[derive(Default)]
pub(crate) struct Reader {
    options: Options,
    tier: tier::Reader,
    caches: Vec<Tier>,
}

impl Reader {
    /// Reads what is behind `word`.
    pub(crate) fn option(
        &mut self,
        word: &Ident,
        input: ParseStream<'_>,
        mistakes: &mut Mistakes,
    ) -> Result<()> {
        match word.to_string().as_str() {
            "caches" => self.caches = tier::chain(word, input, mistakes)?,
            "version" => self.options.version = Some(value::name(word, input, "\"v1\"")?),
            "key" => self.options.key = Some(value::key(word, input)?),
            "codec" => self.options.codec = Some(value::codec(word, input)?),
            "max_loads" => {
                self.options.max_loads = limit::max_loads(word, input, mistakes)?;
            }
            "batch" => self.options.batch = Some(limit::batch(word, input, mistakes)?),
            "doorkeeper" => {
                self.options.doorkeeper = doorkeeper::read(word, input, mistakes)?;
            }
            "idle" => self.options.idle = Some(value::ttl(word, input)?),
            "weight" => {
                let weight = value::weight(word, input)?;
                self.options.weight = Some((word.clone(), weight));
            }
            "tags" => self.options.tags = value::texts(word, input, "\"tenant:{tenant}\"")?,
            "stale" => self.options.stale = Some(value::ttl(word, input)?),
            "soft_timeout" => self.options.soft_timeout = Some(value::wait(word, input)?),
            "hard_timeout" => self.options.hard_timeout = Some(value::ttl(word, input)?),
            "refresh_at" => self.options.refresh_at = Some(value::share(word, input, 0.99, "0.8")?),
            "xfetch" => self.options.xfetch = Some(value::share(word, input, 100.0, "1.0")?),
            "lease" => self.options.lease = Some(value::ttl(word, input)?),
            "compress" => self.options.compress = Some(value::none(word, input)?),
            "ttl_jitter" => self.options.ttl_jitter = Some(value::share(word, input, 1.0, "0.1")?),
            crate_path::WORD => self.options.crate_path = Some(value::path(word, input, "cache")?),
            "ttl_none" => {
                self.options.ttl_none = Some((word.clone(), value::ttl(word, input)?));
            }
            _ => self.tier.option(word, input)?,
        }
        Ok(())
    }

    pub(crate) fn finish(self, place: &Place) -> Options {
        let mut options = self.options;
        options.tiers = if place.word("caches").is_some() {
            self.caches
        } else {
            self.tier.finish().into_iter().collect()
        };
        options
    }
}

/// Checks that there is either `caches` or a `storage`; `at` is where to ask for one.
pub(crate) fn storages(place: &Place, at: Span, mistakes: &mut Mistakes) {
    if place.word("caches").is_some() {
        let words = ["storage", "ttl"].map(|name| place.word(name));
        for word in words.into_iter().flatten() {
            let message =
                format!("`{word}` can't stand beside `caches`; move it into a `cache(...)`");
            mistakes.at(word.span(), message);
        }
    } else if place.lacks("caches") && place.lacks("storage") {
        let message = "name a storage: `storage = \"...\"`, or `caches(cache(storage = \"...\"), ...)` for several";
        mistakes.at(at, message);
    }
}
