//! The bounds of a node's loads as they are written: `max_loads = 16`,
//! `max_loads(at_once = 16, queue = 100)`, `batch`, `batch(max = 100, delay = "2ms")`.

use proc_macro2::Ident;
use syn::parse::ParseStream;
use syn::{Error, Expr, Result, Token};

use crate::list::{self, Place};
use crate::mistake::Mistakes;
use crate::tier::Ttl;
use crate::value;

/// How many loads run at once, and how many wait.
pub(crate) struct MaxLoads {
    pub(crate) at_once: Expr,
    pub(crate) queue: Option<Expr>,
}

/// Reads what is behind `max_loads`. `None` is for mistakes that are reported already.
pub(crate) fn max_loads(
    word: &Ident,
    input: ParseStream<'_>,
    mistakes: &mut Mistakes,
) -> Result<Option<MaxLoads>> {
    const FORM: &str = "say how many loads may run at once: `max_loads = 16` or \
                        `max_loads(at_once = 16, queue = 100)`";
    if input.peek(Token![=]) {
        let at_once = value::count(word, input, 1)?;
        let queue = None;
        return Ok(Some(MaxLoads { at_once, queue }));
    }
    if !input.peek(syn::token::Paren) {
        return Err(Error::new(word.span(), FORM));
    }
    let content;
    syn::parenthesized!(content in input);
    let mut place = Place::new("max_loads", &["at_once", "queue"]);
    let (mut at_once, mut queue) = (None, None);
    list::read(&content, &mut place, mistakes, |word, input, _| {
        if word == "at_once" {
            at_once = Some(value::count(word, input, 1)?);
        } else {
            queue = Some(value::count(word, input, 0)?);
        }
        Ok(())
    });
    if place.lacks("at_once") {
        mistakes.at(word.span(), FORM);
    }
    Ok(at_once.map(|at_once| MaxLoads { at_once, queue }))
}

/// How many requests become one load, and how long they wait for each other.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) max: Option<Expr>,
    pub(crate) delay: Option<Ttl>,
}

/// Reads what is behind `batch`: nothing, or `(max = ..., delay = ...)`.
pub(crate) fn batch(
    word: &Ident,
    input: ParseStream<'_>,
    mistakes: &mut Mistakes,
) -> Result<Batch> {
    let mut batch = Batch::default();
    if input.peek(Token![=]) {
        let message =
            "`batch` stands alone or with its bounds: `batch(max = 100, delay = \"2ms\")`";
        return Err(Error::new(word.span(), message));
    }
    if !input.peek(syn::token::Paren) {
        return Ok(batch);
    }
    let content;
    syn::parenthesized!(content in input);
    let mut place = Place::new("batch", &["max", "delay"]);
    list::read(&content, &mut place, mistakes, |word, input, _| {
        if word == "max" {
            batch.max = Some(value::count(word, input, 1)?);
        } else {
            batch.delay = Some(value::ttl(word, input)?);
        }
        Ok(())
    });
    Ok(batch)
}
