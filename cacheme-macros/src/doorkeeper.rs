//! The doorkeeper of a node as it is written: `doorkeeper(capacity = 10_000, false_positive_rate = 0.01)`.

use proc_macro2::Ident;
use syn::parse::ParseStream;
use syn::{Error, Expr, Result};

use crate::list::{self, Place};
use crate::mistake::Mistakes;
use crate::value;

/// How many nodes are remembered that were loaded, and how surely.
pub(crate) struct Doorkeeper {
    pub(crate) capacity: Expr,
    pub(crate) false_positive_rate: Expr,
}

/// Reads what is behind `doorkeeper`. `None` is for mistakes that are reported already.
pub(crate) fn read(
    word: &Ident,
    input: ParseStream<'_>,
    mistakes: &mut Mistakes,
) -> Result<Option<Doorkeeper>> {
    const FORM: &str = "say how many nodes it remembers, and what share of others it may take for \
                        them: `doorkeeper(capacity = 10_000, false_positive_rate = 0.01)`";
    if !input.peek(syn::token::Paren) {
        return Err(Error::new(word.span(), FORM));
    }
    let content;
    syn::parenthesized!(content in input);
    let mut place = Place::new("doorkeeper", &["capacity", "false_positive_rate"]);
    let (mut capacity, mut rate) = (None, None);
    list::read(&content, &mut place, mistakes, |word, input, _| {
        if word == "capacity" {
            capacity = Some(value::count(word, input, 1)?);
        } else {
            rate = Some(value::share(word, input, 0.5, "0.01")?);
        }
        Ok(())
    });
    if place.lacks("capacity") || place.lacks("false_positive_rate") {
        mistakes.at(word.span(), FORM);
    }
    let pair = capacity.zip(rate);
    Ok(pair.map(|(capacity, false_positive_rate)| Doorkeeper {
        capacity,
        false_positive_rate,
    }))
}
