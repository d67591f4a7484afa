//! The node of a cached function.

use std::any::{TypeId, type_name};
use std::borrow::Cow;
use std::fmt;
use std::hash::Hasher;
use std::marker::PhantomData;

use super::part::Parts;
use crate::key::KeyWriter;
use crate::meta::Meta;
use crate::node::Node;
use crate::tag::TagWriter;

/// A function, as its node knows it: a type of its own without values.
pub trait Site: 'static {
    /// As [`Node::Codec`].
    type Codec: 'static;

    /// The text of a key. Parts that it leaves out count all the same: they are in the digest.
    const KEY: &'static [Segment];

    /// The texts of the tags that each call has.
    const TAGS: &'static [&'static [Segment]] = &[];

    /// As [`Node::meta`].
    fn meta() -> Meta;

    /// As [`Node::item`].
    fn item() -> &'static str {
        type_name::<Self>()
    }

    /// Whether the function has type or const parameters that tell its calls apart.
    const IS_GENERIC: bool = false;
}

/// A piece of a key.
#[derive(Clone, Copy, Debug)]
pub enum Segment {
    /// Text that stands as it is.
    Literal(&'static str),
    /// A part, and the character that ends it.
    Part(usize, char),
}

/// A call of a function with such arguments: the node of its result.
pub struct Call<S, K> {
    parts: K,
    site: PhantomData<fn() -> S>,
}

impl<S, K> Call<S, K> {
    /// The call with these parts of a key.
    pub fn new(parts: K) -> Self {
        let site = PhantomData;
        Self { parts, site }
    }
}

impl<S, K: Parts> Call<S, K> {
    fn write(&self, segments: &[Segment], text: &mut KeyWriter) {
        for segment in segments {
            match *segment {
                Segment::Literal(literal) => text.literal(literal),
                Segment::Part(part, separator) => self.parts.write(part, text, separator),
            }
        }
    }
}

impl<S: Site, K: Parts> Node for Call<S, K> {
    type Codec = S::Codec;

    fn meta() -> Meta {
        S::meta()
    }

    fn site() -> TypeId {
        TypeId::of::<S>()
    }

    fn type_name() -> Cow<'static, str> {
        let path = S::meta().path().to_owned();
        if S::IS_GENERIC {
            return format!("{path}<{}>", types(type_name::<K>()).join(", ")).into();
        }
        path.into()
    }

    fn item() -> &'static str {
        S::item()
    }

    fn write_key(&self, key: &mut KeyWriter) {
        self.write(S::KEY, key);
        let is_left_out = |part: &usize| {
            let is_it = |segment: &Segment| matches!(segment, Segment::Part(at, _) if at == part);
            !S::KEY.iter().any(is_it)
        };
        for part in (0..K::COUNT).filter(is_left_out) {
            key.beside(|key| self.parts.write(part, key, ':'));
        }
    }

    fn write_tags(&self, tags: &mut TagWriter) {
        for segments in S::TAGS {
            tags.tag(|tag| self.write(segments, tag));
        }
    }

    fn same(&self, other: &Self) -> bool {
        self.parts == other.parts
    }

    fn hash_into<H: Hasher>(&self, state: &mut H) {
        self.parts.hash(state);
    }

    fn duplicate(&self) -> Self {
        Self::new(self.parts.clone())
    }
}

/// The types that are parts of a key by their names, out of the name of the tuple of parts.
fn types(parts: &str) -> Vec<&str> {
    let behind = parts.split("::TypeName<").skip(1);
    behind
        .map(|text| {
            let mut depth = 1;
            let end = text.find(|c| {
                depth += match c {
                    '<' => 1,
                    '>' => -1,
                    _ => 0,
                };
                depth == 0
            });
            &text[..end.unwrap_or(text.len())]
        })
        .collect()
}

impl<S, K: fmt::Debug> fmt::Debug for Call<S, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple(type_name::<S>()).field(&self.parts).finish()
    }
}
