//! Reads the options of a cached function.

use proc_macro2::{Span, TokenStream};
use syn::parse::{ParseStream, Parser};
use syn::{Expr, Path, PathArguments, Token};

use super::signature::Function;
use crate::attr::{self, Options, Reader};
use crate::crate_path;
use crate::list::{self, Place};
use crate::mistake::Mistakes;
use crate::value;

/// What a function says of how it is cached.
#[derive(Default)]
pub(crate) struct CachedOptions {
    /// Those of its own node.
    pub(crate) node: Options,
    /// The node that it is bound to instead.
    pub(crate) bound: Option<Path>,
    pub(crate) runtime: Option<Expr>,
    /// Whether it stands in an `impl`, where that can't be seen by a `self`.
    pub(crate) is_associated: bool,
}

impl CachedOptions {
    pub(crate) fn is_method(&self, function: &Function) -> bool {
        function.has_self() || self.is_associated
    }
}

/// The options that a node has as well, and those of functions.
const CACHED: &[&str] = &[
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
    "idle",
    "weight",
    "doorkeeper",
    "tags",
    "stale",
    "hard_timeout",
    "lease",
    "node",
    "runtime",
    "associated",
    crate_path::WORD,
];

/// Reads what stands in the attribute's parentheses.
pub(crate) fn read(args: TokenStream, mistakes: &mut Mistakes) -> CachedOptions {
    let mut place = Place::new("cached", CACHED);
    let mut reader = Reader::default();
    let mut cached = CachedOptions::default();
    let read = |input: ParseStream<'_>| {
        list::read(input, &mut place, mistakes, |word, input, mistakes| {
            match word.to_string().as_str() {
                "node" => cached.bound = Some(node(value::path(word, input, "UserInfo")?)),
                "runtime" => cached.runtime = Some(value::any(word, input, "&self.cacheme")?),
                "associated" => cached.is_associated = true,
                _ => reader.option(word, input, mistakes)?,
            }
            Ok(())
        });
        Ok(())
    };
    if let Err(error) = read.parse2(args) {
        mistakes.push(error);
    }
    if place.word("node").is_some() {
        let own = attr::NODE.iter().filter(|name| **name != crate_path::WORD);
        for word in own.filter_map(|name| place.word(name)) {
            let message = format!("`{word}` is the node's own: say it there, or leave `node` out");
            mistakes.at(word.span(), message);
        }
    } else {
        attr::storages(&place, Span::call_site(), mistakes);
    }
    cached.node = reader.finish(&place);
    cached
}

/// The path as an expression needs it, `Node::<T>`.
fn node(mut path: Path) -> Path {
    for segment in &mut path.segments {
        if let PathArguments::AngleBracketed(arguments) = &mut segment.arguments {
            arguments
                .colon2_token
                .get_or_insert_with(<Token![::]>::default);
        }
    }
    path
}
