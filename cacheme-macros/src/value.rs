//! Reads what is behind the `=` of an option, and checks as much of it as can be seen.

use proc_macro2::Ident;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Expr, Lit, LitStr, Path, Result, Token, Type, token};

use crate::duration;
use crate::tier::Ttl;

/// A name in quotes that isn't empty, or an expression.
pub(crate) fn name(word: &Ident, input: ParseStream<'_>, example: &str) -> Result<Expr> {
    let value: Expr = value(word, input, example)?;
    let what = match literal(&value) {
        Some(Lit::Str(text)) if text.value().is_empty() => "is empty",
        Some(Lit::Str(_)) | None => return Ok(value),
        Some(_) => "is a string",
    };
    let message = format!("`{word}` {what}: write `{word} = {example}`");
    Err(Error::new_spanned(value, message))
}

/// A duration in quotes, or an expression.
pub(crate) fn ttl(word: &Ident, input: ParseStream<'_>) -> Result<Ttl> {
    time(word, input, duration::parse)
}

/// A duration in quotes, which may be zero, or an expression.
pub(crate) fn wait(word: &Ident, input: ParseStream<'_>) -> Result<Ttl> {
    time(word, input, duration::parse_wait)
}

fn time(
    word: &Ident,
    input: ParseStream<'_>,
    parse: impl Fn(&str) -> std::result::Result<u64, String>,
) -> Result<Ttl> {
    let value: Expr = value(word, input, "\"30s\"")?;
    match literal(&value) {
        Some(Lit::Str(text)) => match parse(&text.value()) {
            Ok(millis) => Ok(Ttl::Millis(millis)),
            Err(message) => Err(Error::new(text.span(), message)),
        },
        Some(other) => Err(Error::new_spanned(other, duration::FORM)),
        None => Ok(Ttl::Expr(value)),
    }
}

/// Nothing: the word says it all.
pub(crate) fn none(word: &Ident, input: ParseStream<'_>) -> Result<Ident> {
    if input.is_empty() || input.peek(Token![,]) {
        return Ok(word.clone());
    }
    Err(input.error(format!("`{word}` takes no value")))
}

/// A whole number that is no less than `least`, or an expression.
pub(crate) fn count(word: &Ident, input: ParseStream<'_>, least: u64) -> Result<Expr> {
    let value: Expr = value(word, input, "16")?;
    let is_count = match literal(&value) {
        Some(Lit::Int(count)) => count.base10_parse::<u64>()? >= least,
        Some(_) => false,
        None => !is_negative(&value),
    };
    if is_count {
        return Ok(value);
    }
    let message = format!("`{word}` is a number from {least} on: write `{word} = 16`");
    Err(Error::new_spanned(bare(&value), message))
}

/// What a value weighs: a function or a closure, so no literal.
pub(crate) fn weight(word: &Ident, input: ParseStream<'_>) -> Result<Expr> {
    let weight: Expr = value(word, input, "|value| value.len()")?;
    match literal(&weight) {
        None => Ok(weight),
        Some(other) => {
            let message = "`weight` is what a value weighs: write `weight = |value| value.len()`";
            Err(Error::new_spanned(other, message))
        }
    }
}

/// A part of 1 that is no more than `most`, as a literal that isn't zero, or an expression.
pub(crate) fn share(
    word: &Ident,
    input: ParseStream<'_>,
    most: f64,
    example: &str,
) -> Result<Expr> {
    let value: Expr = value(word, input, example)?;
    let is_share = match literal(&value) {
        Some(Lit::Float(share)) => {
            let share: f64 = share.base10_parse()?;
            share > 0.0 && share <= most
        }
        Some(_) => false,
        None => !is_negative(&value),
    };
    if is_share {
        return Ok(value);
    }
    let message =
        format!("`{word}` is a number above 0.0 and at most {most:?}: write `{word} = {example}`");
    Err(Error::new_spanned(bare(&value), message))
}

/// A string literal and nothing else.
pub(crate) fn key(word: &Ident, input: ParseStream<'_>) -> Result<LitStr> {
    let value: Expr = value(word, input, "\"user:{user_id}\"")?;
    if let Some(Lit::Str(text)) = literal(&value) {
        return Ok(text.clone());
    }
    let message = "`key` is a string literal, to be checked here: `key = \"user:{user_id}\"`";
    Err(Error::new_spanned(value, message))
}

/// String literals in parentheses, at least one.
pub(crate) fn texts(word: &Ident, input: ParseStream<'_>, example: &str) -> Result<Vec<LitStr>> {
    let form = || format!("string literals in parentheses are expected: write `{word}({example})`");
    if !input.peek(token::Paren) {
        return Err(Error::new(word.span(), form()));
    }
    let content;
    syn::parenthesized!(content in input);
    let texts = Punctuated::<Expr, Token![,]>::parse_terminated(&content)?;
    if texts.is_empty() {
        return Err(Error::new(word.span(), form()));
    }
    let text = |value| match literal(&value) {
        Some(Lit::Str(text)) => Ok(text.clone()),
        _ => Err(Error::new_spanned(bare(&value), form())),
    };
    texts.into_iter().map(text).collect()
}

/// An expression.
pub(crate) fn any(word: &Ident, input: ParseStream<'_>, example: &str) -> Result<Expr> {
    value(word, input, example)
}

/// A path.
pub(crate) fn path(word: &Ident, input: ParseStream<'_>, example: &str) -> Result<Path> {
    let ahead = input.fork();
    if ahead.parse::<Token![=]>().is_ok() && ahead.peek(Lit) {
        let message = format!("`{word}` is a path, without quotes: write `{word} = {example}`");
        return Err(ahead.error(message));
    }
    value(word, input, example)
}

/// A type.
pub(crate) fn codec(word: &Ident, input: ParseStream<'_>) -> Result<Type> {
    value(word, input, "path::to::Codec").map(|Codec(ty)| ty)
}

/// A type; its own `Parse` is there to say what to write instead of a literal.
struct Codec(Type);

impl Parse for Codec {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        if input.peek(Lit) {
            return Err(input.error("`codec` is a type, without quotes: `codec = path::to::Codec`"));
        }
        input.parse().map(Self)
    }
}

/// The literal that an expression is.
fn literal(value: &Expr) -> Option<&Lit> {
    match bare(value) {
        Expr::Lit(literal) => Some(&literal.lit),
        _ => None,
    }
}

/// Whether an expression is a literal with a minus.
fn is_negative(value: &Expr) -> bool {
    matches!(bare(value), Expr::Unary(minus) if literal(&minus.expr).is_some())
}

/// An expression without parentheses and what `macro_rules` wraps around it.
fn bare(value: &Expr) -> &Expr {
    match value {
        Expr::Group(group) => bare(&group.expr),
        Expr::Paren(paren) => bare(&paren.expr),
        _ => value,
    }
}

/// Reads `= value` behind `word`; `example` says how it is written.
fn value<T: Parse>(word: &Ident, input: ParseStream<'_>, example: &str) -> Result<T> {
    let missing = || {
        let message = format!("`{word}` needs a value: write `{word} = {example}`");
        Error::new(word.span(), message)
    };
    if !input.peek(Token![=]) || input.peek(Token![==]) {
        return Err(missing());
    }
    input.parse::<Token![=]>()?;
    if input.is_empty() || input.peek(Token![,]) {
        return Err(missing());
    }
    input.parse()
}
