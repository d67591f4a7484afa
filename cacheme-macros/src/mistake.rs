//! Mistakes, collected so that one run reports all of them.

use std::fmt::Display;

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::Error;

/// What is wrong with a node. Empty where it is fine.
#[derive(Default)]
pub(crate) struct Mistakes {
    error: Option<Error>,
    code: TokenStream,
}

impl Mistakes {
    /// Adds an error.
    pub(crate) fn push(&mut self, error: Error) {
        match &mut self.error {
            None => self.error = Some(error),
            Some(all) => all.combine(error),
        }
    }

    /// Adds an error with this message at `span`.
    pub(crate) fn at(&mut self, span: Span, message: impl Display) {
        self.push(Error::new(span, message));
    }

    /// Adds an error with this message under all of `tokens`.
    pub(crate) fn under(&mut self, tokens: impl ToTokens, message: impl Display) {
        self.push(Error::new_spanned(tokens, message));
    }

    /// Adds items that rustc itself refuses, at a place where it points better than a macro can.
    pub(crate) fn refused(&mut self, code: TokenStream) {
        self.code.extend(code);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.error.is_none() && self.code.is_empty()
    }

    /// The items that make rustc report everything.
    pub(crate) fn into_tokens(self) -> TokenStream {
        let mut tokens = self.code;
        if let Some(error) = self.error {
            tokens.extend(error.into_compile_error());
        }
        tokens
    }
}
