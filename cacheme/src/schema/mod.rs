//! A fingerprint of a type's structure, traced from its `Deserialize`.
//!
//! The type is deserialized from a source that makes every value up and writes down what it is
//! asked for: names of structs, fields and variants, kinds of numbers, lengths of tuples. That
//! text is the structure; its hash is the fingerprint. The user derives nothing for it.
//!
//! One walk sees one variant of each enum, so walks are repeated until every variant was seen. A
//! type that contains itself is cut where it recurs: options are empty there, sequences too, and
//! an enum takes a variant that is known to end. A type that refuses made-up values (a URL, say)
//! ends its walk early: what was seen until then is its structure, so the fingerprint is weaker
//! for it, never wrong.
//!
//! Some types ask for "whatever is there" (`serde_json::Value`, `#[serde(untagged)]`, `flatten`,
//! `tag`). A format that doesn't say what it wrote can't serve them. In one that does, there is no
//! structure to be seen in such a place: the type's name stands for it.

mod source;

use std::any::type_name;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::de::DeserializeOwned;
use twox_hash::XxHash3_64;

use self::source::Source;

/// What a codec's format says of the values that it wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "each codec names its own")]
pub(crate) enum Format {
    /// Nothing: a field is known by its place.
    Positional,
    /// What each value is, and the names of fields.
    Named,
    /// The same, as text, for which some types have a form of their own.
    Text,
}

/// Why a type has no fingerprint.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NeedsSelfDescribing(&'static str);

impl fmt::Display for NeedsSelfDescribing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` can only be read back from a self-describing format, which this codec isn't: \
             `codec::Msgpack` and `codec::Json` are",
            self.0
        )
    }
}

impl std::error::Error for NeedsSelfDescribing {}

/// The fingerprint of `T`'s structure: the same in every process whose `T` reads the same.
pub(crate) fn fingerprint<T: DeserializeOwned>(format: Format) -> Result<u64, NeedsSelfDescribing> {
    describe::<T>(format).map(|text| XxHash3_64::oneshot(text.as_bytes()))
}

fn describe<T: DeserializeOwned>(format: Format) -> Result<String, NeedsSelfDescribing> {
    let mut trace = Trace::new(format);
    let mut root = String::new();
    for _ in 0..Trace::WALKS {
        let before = trace.progress();
        root.clear();
        // Whether the walk made a value doesn't matter: the trace is what it is for. A type that
        // panics on made-up values ends its walk like one that refuses them.
        let walk = || {
            let mut source = Source::new(&mut trace, &mut root, type_name::<T>());
            T::deserialize(&mut source).is_ok()
        };
        if catch_unwind(AssertUnwindSafe(walk)).is_err() {
            trace.leave_all();
        }
        if trace.undescribed && format == Format::Positional {
            return Err(NeedsSelfDescribing(type_name::<T>()));
        }
        if trace.progress() == before || !trace.containers.iter().any(Container::is_open) {
            break;
        }
    }
    Ok(format!("{root}{trace}"))
}

/// What the walks have seen, in the order of first sight.
#[derive(Debug)]
struct Trace {
    format: Format,
    containers: Vec<Container>,
    /// Something asked for "whatever is there".
    undescribed: bool,
    /// How deep the walk is.
    depth: usize,
}

/// A named struct or enum.
#[derive(Debug)]
struct Container {
    name: &'static str,
    /// The Rust type, which tells instances of a generic type apart, and types of one name. Not
    /// part of the text: it says where a type is, and not what it looks like.
    of: &'static str,
    /// The fields of a struct or the variants of an enum.
    names: &'static [&'static str],
    /// What is known of each variant; a struct is one variant.
    variants: Vec<Variant>,
    /// How many walks into it are under way.
    entered: usize,
}

#[derive(Clone, Debug, Default)]
struct Variant {
    shape: String,
    /// The containers that its shape names.
    names: Vec<usize>,
    /// A walk through it came to its end.
    ended: bool,
    /// Walks through it that didn't.
    failures: u32,
}

impl Trace {
    /// Bounds the walks through types with very many enums.
    const WALKS: usize = 4096;

    /// Bounds the depth of a walk through types that recur without a name.
    const DEPTH: usize = 128;

    fn new(format: Format) -> Self {
        Self {
            format,
            containers: Vec::new(),
            undescribed: false,
            depth: 0,
        }
    }

    /// Changes with everything that a walk can learn.
    fn progress(&self) -> (usize, usize, u32) {
        let variants = || self.containers.iter().flat_map(|c| &c.variants);
        (
            self.containers.len(),
            variants().filter(|v| v.ended).count(),
            variants().map(|v| v.failures).sum(),
        )
    }

    /// The index of a container, which is new or was seen before.
    fn container<T>(
        &mut self,
        name: &'static str,
        names: &'static [&'static str],
        variants: usize,
    ) -> usize {
        let of = type_name::<T>();
        let known = |c: &Container| c.name == name && c.of == of && c.names == names;
        self.containers.iter().position(known).unwrap_or_else(|| {
            self.containers.push(Container {
                name,
                of,
                names,
                variants: vec![Variant::default(); variants],
                entered: 0,
            });
            self.containers.len() - 1
        })
    }

    /// Starts over after a walk that was torn off.
    fn leave_all(&mut self) {
        self.depth = 0;
        for container in &mut self.containers {
            container.entered = 0;
        }
    }

    /// Whether the walk is inside a type that contains itself.
    fn recurs(&self) -> bool {
        self.containers.iter().any(|c| c.entered > 1)
    }

    /// The variant of an enum to walk into: one to learn from, or where the walk recurs or there
    /// is nothing left to learn, one that ends.
    fn choose(&self, container: usize) -> Option<usize> {
        let variants = &self.containers[container].variants;
        let known = variants.iter().position(|v| v.ended);
        if self.recurs() {
            return known;
        }
        let open = (0..variants.len())
            .filter(|&i| variants[i].is_open())
            .min_by_key(|&i| variants[i].failures);
        let leads = || {
            let mut seen = vec![container];
            variants
                .iter()
                .position(|v| v.names.iter().any(|&c| self.leads(c, &mut seen)))
        };
        open.or_else(leads).or(known)
    }

    /// Whether there is something left to learn in a container or behind it.
    fn leads(&self, container: usize, seen: &mut Vec<usize>) -> bool {
        if seen.contains(&container) {
            return false;
        }
        seen.push(container);
        let container = &self.containers[container];
        let behind = |v: &Variant, seen: &mut _| v.names.iter().any(|&c| self.leads(c, seen));
        container.is_open() || container.variants.iter().any(|v| behind(v, seen))
    }
}

impl Container {
    fn is_open(&self) -> bool {
        self.variants.iter().any(Variant::is_open)
    }
}

impl Variant {
    /// How often a variant that doesn't end is tried: others may have to end first.
    const TRIES: u32 = 3;

    fn is_open(&self) -> bool {
        !self.ended && self.failures < Self::TRIES
    }

    /// Takes in what a walk saw; the walk that got furthest is the shape.
    fn learn(&mut self, shape: String, names: Vec<usize>, ended: bool) {
        self.ended |= ended;
        self.failures += u32::from(!ended);
        if shape.len() > self.shape.len() {
            self.shape = shape;
            self.names = names;
        }
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for container in &self.containers {
            write!(f, ";{}{:?}", container.name, container.names)?;
            for variant in &container.variants {
                write!(f, "|{}", variant.shape)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
