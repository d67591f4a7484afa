//! A tier as it is written: `storage = ..., ttl = ...`, by itself or in `caches(cache(...), ...)`.

use proc_macro2::Ident;
use syn::parse::ParseStream;
use syn::{Error, Expr, Result};

use crate::list::{self, Place};
use crate::mistake::Mistakes;
use crate::value;

/// A storage and how long it keeps an entry.
pub(crate) struct Tier {
    pub(crate) storage: Expr,
    pub(crate) ttl: Option<Ttl>,
}

pub(crate) enum Ttl {
    /// From a literal that was checked.
    Millis(u64),
    /// An expression of type `Duration`.
    Expr(Expr),
}

/// The two options of a tier.
#[derive(Default)]
pub(crate) struct Reader {
    storage: Option<Expr>,
    ttl: Option<Ttl>,
}

impl Reader {
    /// Reads what is behind `word`, which is one of the two.
    pub(crate) fn option(&mut self, word: &Ident, input: ParseStream<'_>) -> Result<()> {
        if word == "storage" {
            self.storage = Some(value::name(word, input, "\"...\"")?);
        } else {
            self.ttl = Some(value::ttl(word, input)?);
        }
        Ok(())
    }

    /// The tier, if its storage was read.
    pub(crate) fn finish(self) -> Option<Tier> {
        let ttl = self.ttl;
        self.storage.map(|storage| Tier { storage, ttl })
    }
}

/// Reads `(cache(...), ...)` behind `caches`.
pub(crate) fn chain(
    word: &Ident,
    input: ParseStream<'_>,
    mistakes: &mut Mistakes,
) -> Result<Vec<Tier>> {
    const FORM: &str = "`caches(cache(storage = \"...\"), ...)`";
    if !input.peek(syn::token::Paren) {
        let message = format!("`caches` is a list of tiers in parentheses: {FORM}");
        return Err(Error::new(word.span(), message));
    }
    let content;
    syn::parenthesized!(content in input);
    if content.is_empty() {
        let message = format!("`caches` needs one tier at least: {FORM}");
        return Err(Error::new(word.span(), message));
    }
    let mut place = Place::repeating("caches", &["cache"]);
    let mut tiers = Vec::new();
    list::read(&content, &mut place, mistakes, |word, input, mistakes| {
        tiers.extend(link(word, input, mistakes)?);
        Ok(())
    });
    Ok(tiers)
}

/// Reads `(...)` behind `cache`. `None` is for mistakes that are reported already.
fn link(word: &Ident, input: ParseStream<'_>, mistakes: &mut Mistakes) -> Result<Option<Tier>> {
    const FORM: &str = "name the storage of this tier: `cache(storage = \"...\")`";
    if !input.peek(syn::token::Paren) {
        return Err(Error::new(word.span(), FORM));
    }
    let content;
    syn::parenthesized!(content in input);
    let mut place = Place::new("cache", &["storage", "ttl"]);
    let mut tier = Reader::default();
    list::read(&content, &mut place, mistakes, |word, input, _| {
        tier.option(word, input)
    });
    if place.lacks("storage") {
        mistakes.at(word.span(), FORM);
    }
    Ok(tier.finish())
}
