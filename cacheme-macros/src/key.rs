//! The key of a node as a row of segments, from its template or else from its fields.

use std::mem;
use std::ops::Range;

use syn::LitStr;
use syn::ext::IdentExt;

use crate::hole::{self, Hole, Unknown};
use crate::mistake::Mistakes;
use crate::model::{Model, Variant};
use crate::template::{self, Fault, Piece};

/// A part of a key.
pub(crate) enum Segment<'a> {
    /// Text that is written as it is.
    Literal(String),
    /// Something that differs from node to node, and the character that ends it.
    Hole(Hole<'a>, char),
}

/// `Name:param:Variant:field:field`, for one variant.
pub(crate) fn from_fields<'a>(model: &'a Model<'a>, variant: &'a Variant<'a>) -> Vec<Segment<'a>> {
    let mut segments = Vec::new();
    let mut text = model.name.clone();
    let mut hole = |text: &mut String, hole| {
        text.push(hole::SEPARATOR);
        segments.push(Segment::Literal(mem::take(text)));
        segments.push(Segment::Hole(hole, hole::SEPARATOR));
    };
    for param in &model.params {
        hole(&mut text, Hole::Param(param));
    }
    if let Some(ident) = variant.ident {
        text.push(hole::SEPARATOR);
        text.push_str(&ident.unraw().to_string());
    }
    for field in variant.parts() {
        hole(&mut text, Hole::Field(field));
    }
    if !text.is_empty() {
        segments.push(Segment::Literal(text));
    }
    segments
}

/// The segments of `key = "..."` on a struct. They are of use only if there are no mistakes.
pub(crate) fn from_template<'a>(
    literal: &LitStr,
    model: &'a Model<'a>,
    mistakes: &mut Mistakes,
) -> Vec<Segment<'a>> {
    if literal.value().is_empty() {
        mistakes.at(
            literal.span(),
            "the key is empty; without `key` it is the name and the fields",
        );
        return Vec::new();
    }
    let Some(segments) = fill(literal, model, hole::unseparated, mistakes) else {
        return Vec::new();
    };
    for name in hole::missing(model, &segments) {
        let message = format!(
            "two `{}` that differ in `{name}` would share a value; add `{{{name}}}` to the key",
            model.name
        );
        mistakes.at(literal.span(), message);
    }
    segments
}

/// The segments of each of `tags("...")`. They are of use only if there are no mistakes.
pub(crate) fn of_tags<'a>(
    tags: &[LitStr],
    model: &'a Model<'a>,
    mistakes: &mut Mistakes,
) -> Vec<Vec<Segment<'a>>> {
    let hole = |word: &str, at: &Range<usize>, _: Option<&Piece>| {
        let message = format!(
            "`{{{word}}}` isn't in every variant: the tags of an enum are the same for all of them"
        );
        let is_field = model.is_enum() && model.param(word).is_none();
        is_field.then(|| Fault::new(at.clone(), message))
    };
    let mut segments = |tag: &LitStr| {
        if tag.value().is_empty() {
            mistakes.at(tag.span(), "the tag is empty");
        }
        fill(tag, model, hole, mistakes).unwrap_or_default()
    };
    tags.iter().map(&mut segments).collect()
}

/// The segments of a template; `None` if it has mistakes. `check` says what is wrong with a hole, given what stands
/// behind it.
fn fill<'a>(
    literal: &LitStr,
    model: &'a Model<'a>,
    check: impl Fn(&str, &Range<usize>, Option<&Piece>) -> Option<Fault>,
    mistakes: &mut Mistakes,
) -> Option<Vec<Segment<'a>>> {
    let (pieces, mut faults) = template::parse(&literal.value());
    let mut segments = Vec::new();
    let mut unknown: Vec<Unknown> = Vec::new();
    for (at, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Literal(text) => segments.push(Segment::Literal(text.clone())),
            Piece::Hole { word, at: range } => {
                let next = pieces.get(at + 1);
                faults.extend(check(word, range, next));
                match hole::find(model, word, range) {
                    Ok(hole) => segments.push(Segment::Hole(hole, hole::separator(next))),
                    Err(problem) => unknown.push(problem),
                }
            }
        }
    }
    let is_right = faults.is_empty() && unknown.is_empty();
    report(literal, model, faults, unknown, mistakes);
    is_right.then_some(segments)
}

/// Reports what is wrong in the template: by rustc itself if it is nothing but misspelt fields.
fn report(
    literal: &LitStr,
    model: &Model<'_>,
    mut faults: Vec<Fault>,
    unknown: Vec<Unknown>,
    mistakes: &mut Mistakes,
) {
    if faults.is_empty() && unknown.iter().all(|unknown| unknown.is_typo) {
        if !unknown.is_empty() {
            mistakes.refused(hole::typos(literal, model));
        }
        return;
    }
    faults.extend(unknown.into_iter().map(|unknown| unknown.fault));
    faults.sort_by_key(|fault| fault.at.start);
    for fault in faults {
        mistakes.at(literal.span(), fault.describe(&literal.value()));
    }
}
