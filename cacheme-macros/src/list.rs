//! Reads lists of options, `word = value, word(...)`, going on after a mistake.

use proc_macro2::{Ident, TokenTree};
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{Error, Result, Token};

use crate::mistake::Mistakes;
use crate::near::near;

/// A place where options are given: what they are options of, and which there are.
pub(crate) struct Place {
    of: &'static str,
    known: &'static [&'static str],
    /// Whether a word may be given more than once.
    repeats: bool,
    /// The words that were given so far.
    given: Vec<Ident>,
    /// What unknown words were probably meant to be.
    meant: Vec<&'static str>,
    /// Whether words may have been passed over behind a mistake.
    has_gaps: bool,
}

impl Place {
    pub(crate) fn new(of: &'static str, known: &'static [&'static str]) -> Self {
        let (given, meant) = (Vec::new(), Vec::new());
        Self {
            of,
            known,
            repeats: false,
            given,
            meant,
            has_gaps: false,
        }
    }

    /// A place where every word may be given more than once.
    pub(crate) fn repeating(of: &'static str, known: &'static [&'static str]) -> Self {
        Self {
            repeats: true,
            ..Self::new(of, known)
        }
    }

    /// The word `name` as the user wrote it, if it was given.
    pub(crate) fn word(&self, name: &str) -> Option<&Ident> {
        self.given.iter().find(|word| *word == name)
    }

    /// Whether `name` was not given, not even misspelt or in a part that can't be read.
    pub(crate) fn lacks(&self, name: &str) -> bool {
        self.word(name).is_none() && !self.meant.contains(&name) && !self.has_gaps
    }

    /// Notes that `word` is given; refuses it if it is unknown or there already.
    fn admit(&mut self, word: &Ident) -> Result<()> {
        let name = word.to_string();
        if !self.known.contains(&&*name) {
            let meant = near(&name, self.known.iter().copied());
            self.meant.extend(meant);
            let guess = meant
                .map(|meant| format!("; did you mean `{meant}`?"))
                .unwrap_or_default();
            let known = quoted(self.known);
            let message = format!(
                "`{}` has no option `{name}`; it takes {known}{guess}",
                self.of
            );
            return Err(Error::new(word.span(), message));
        }
        if !self.repeats && self.word(&name).is_some() {
            let message = format!("`{name}` is given twice; leave one of them out");
            return Err(Error::new(word.span(), message));
        }
        self.given.push(word.clone());
        Ok(())
    }
}

/// Calls `option` with each word of the list, to read what follows the word.
pub(crate) fn read(
    input: ParseStream<'_>,
    place: &mut Place,
    mistakes: &mut Mistakes,
    mut option: impl FnMut(&Ident, ParseStream<'_>, &mut Mistakes) -> Result<()>,
) {
    while !input.is_empty() {
        let outcome = Ident::parse_any(input)
            .map_err(|error| {
                let known = quoted(place.known);
                Error::new(error.span(), format!("an option is expected here: {known}"))
            })
            .and_then(|word| place.admit(&word).map(|()| word))
            .and_then(|word| option(&word, input, mistakes))
            .and_then(|()| end(input));
        if let Err(error) = outcome {
            mistakes.push(error);
            place.has_gaps |= skip(input);
        }
        // What is here is a comma or the end.
        let _ = input.parse::<Option<Token![,]>>();
    }
}

fn end(input: ParseStream<'_>) -> Result<()> {
    if input.is_empty() || input.peek(Token![,]) {
        return Ok(());
    }
    Err(input.error("a comma is expected between options"))
}

/// Goes to the comma before the next thing that looks like an option. Says whether anything on
/// the way could have been one.
fn skip(input: ParseStream<'_>) -> bool {
    let mut has_gap = false;
    while !input.is_empty() && !before_option(input) {
        let Ok(token) = input.parse() else { break };
        has_gap |= matches!(token, TokenTree::Ident(_) | TokenTree::Literal(_));
    }
    has_gap
}

fn before_option(input: ParseStream<'_>) -> bool {
    let ahead = input.fork();
    if ahead.parse::<Token![,]>().is_err() {
        return false;
    }
    ahead.is_empty()
        || Ident::parse_any(&ahead).is_ok()
            && (ahead.is_empty()
                || ahead.peek(Token![=])
                || ahead.peek(Token![,])
                || ahead.peek(syn::token::Paren))
}

/// The words in backquotes, with commas between.
pub(crate) fn quoted(words: &[impl AsRef<str>]) -> String {
    let words: Vec<String> = words
        .iter()
        .map(|word| format!("`{}`", word.as_ref()))
        .collect();
    words.join(", ")
}
