//! What the holes of a template may name, and what may stand behind them.

use std::ops::Range;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Ident, LitStr, Member};

use crate::key::Segment;
use crate::list::quoted;
use crate::model::{Field, Model, Param};
use crate::near::near;
use crate::template::{Fault, Piece};

/// What a hole is filled with.
#[derive(Clone, Copy)]
pub(crate) enum Hole<'a> {
    Field(&'a Field<'a>),
    Param(&'a Param<'a>),
}

/// What ends a hole at the end of the key, and the holes of a key without a template.
pub(crate) const SEPARATOR: char = ':';

/// A hole that names nothing.
pub(crate) struct Unknown {
    pub(crate) fault: Fault,
    /// Whether it is a named field but for a letter or two.
    pub(crate) is_typo: bool,
}

/// What `word` names.
pub(crate) fn find<'a>(
    model: &'a Model<'a>,
    word: &str,
    at: &Range<usize>,
) -> Result<Hole<'a>, Unknown> {
    let fault = |message: String| Fault {
        at: at.clone(),
        message,
    };
    match model.fields().find(|field| field.name == word) {
        Some(field) if !field.is_marker => return Ok(Hole::Field(field)),
        Some(_) => {
            let message = format!("`{word}` is a `PhantomData`, which says nothing of a value");
            return Err(Unknown {
                fault: fault(message),
                is_typo: false,
            });
        }
        None => {}
    }
    if let Some(param) = model.param(word) {
        return Ok(Hole::Param(param));
    }
    let (name, part) = (&model.name, model.part);
    let named = model
        .parts()
        .filter(|field| matches!(field.member, Member::Named(_)));
    let meant = near(word, named.map(|field| &*field.name));
    let known: Vec<String> = names(model).collect();
    let message = match meant {
        Some(meant) => format!("no {part} `{word}` in `{name}`; did you mean `{meant}`?"),
        None if known.is_empty() => format!("no {part} `{word}` in `{name}`; it has no {part}s"),
        None => format!("no {part} `{word}` in `{name}`; it has {}", quoted(&known)),
    };
    let is_typo = meant.is_some_and(is_ident) && is_ident(word);
    Err(Unknown {
        fault: fault(message),
        is_typo,
    })
}

/// Items that rustc refuses with an error under each misspelt word *inside* the literal, and with
/// the right word to put there, since it reads the literal as a format string.
///
/// The module, empty and without a prelude, is there for the word to mean nothing else.
pub(crate) fn typos(literal: &LitStr, model: &Model<'_>) -> TokenStream {
    // `self` can't be the name of an argument there.
    let known = names(model).filter(|name| name != "self").map(|name| {
        syn::parse_str(&name).unwrap_or_else(|_| Ident::new_raw(&name, literal.span()))
    });
    let known = known.map(|mut ident: Ident| {
        ident.set_span(literal.span());
        ident
    });
    quote! {
        const _: () = {
            #[no_implicit_prelude]
            mod __cacheme_key {
                fn __cacheme_key(#(#known: ::core::primitive::u8),*) {
                    let _ = ::core::format_args!(#literal);
                }
            }
        };
    }
}

/// The character that ends a hole before `next`.
pub(crate) fn separator(next: Option<&Piece>) -> char {
    match next {
        Some(Piece::Literal(text)) => text.chars().next().unwrap_or(SEPARATOR),
        _ => SEPARATOR,
    }
}

/// What is wrong with `next` standing behind the hole `word`.
pub(crate) fn unseparated(word: &str, at: &Range<usize>, next: Option<&Piece>) -> Option<Fault> {
    match next? {
        Piece::Hole { word: next, at } => {
            let message =
                format!("nothing separates `{{{word}}}` from `{{{next}}}`; put `:` between them");
            Some(Fault::new(at.clone(), message))
        }
        Piece::Literal(_) => {
            let c = separator(next);
            // A control character is refused where it stands.
            if can_separate(c) || c.is_control() {
                return None;
            }
            let message = format!(
                "`{c}` may stand in a field, so it doesn't separate `{{{word}}}` from what follows; \
                 put `:` before it"
            );
            // Behind the word there is `}`.
            Some(Fault::new(at.end + 1..at.end + 2, message))
        }
    }
}

/// Whether a field's text never holds `c`: letters and digits it may, and the characters that
/// the text of a key is structured with.
fn can_separate(c: char) -> bool {
    c.is_ascii() && !c.is_ascii_alphanumeric() && !c.is_ascii_control() && !"%(),=~".contains(c)
}

/// The names of what tells nodes apart and isn't in `segments`.
pub(crate) fn missing(model: &Model<'_>, segments: &[Segment<'_>]) -> Vec<String> {
    let is_there = |wanted: &Hole<'_>| {
        segments.iter().any(|segment| match segment {
            Segment::Literal(_) => false,
            Segment::Hole(hole, _) => hole.id() == wanted.id(),
        })
    };
    let holes = holes(model).filter(|hole| !is_there(hole));
    holes.map(|hole| hole.id().1).collect()
}

impl Hole<'_> {
    /// Whether it is a field, and the name: a field may be named like a parameter.
    fn id(&self) -> (bool, String) {
        match self {
            Hole::Field(field) => (true, field.name.clone()),
            Hole::Param(param) => (false, param.name()),
        }
    }
}

/// All that can be in a key.
fn holes<'a>(model: &'a Model<'a>) -> impl Iterator<Item = Hole<'a>> {
    let params = model.params.iter().map(Hole::Param);
    model.parts().map(Hole::Field).chain(params)
}

/// All that a hole may name.
fn names(model: &Model<'_>) -> impl Iterator<Item = String> {
    holes(model).map(|hole| hole.id().1)
}

/// Whether it is an identifier without `r#`, as format strings want it.
fn is_ident(word: &str) -> bool {
    !word.contains(char::is_whitespace) && syn::parse_str::<Ident>(word).is_ok()
}
