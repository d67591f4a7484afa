//! Where the code that is written finds cacheme: `::cacheme`, unless the option `crate` names another path,
//! for a dependency under another name or behind a crate that hands it on.
//!
//! All stages write `::cacheme`; it is put right in what they wrote.

use proc_macro2::{Group, Ident, Spacing, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Path, Token};

/// The option's word.
pub(crate) const WORD: &str = "crate";

/// The path among options that aren't read yet. Mistakes in them are for later.
pub(crate) fn among(options: &TokenStream) -> Option<Path> {
    let read = |input: ParseStream<'_>| {
        let mut home = None;
        while !input.is_empty() {
            let word = input.call(Ident::parse_any)?;
            if word == WORD && input.peek(Token![=]) {
                input.parse::<Token![=]>()?;
                home = Some(input.parse()?);
            }
            while !input.is_empty() && input.parse::<Option<Token![,]>>()?.is_none() {
                input.parse::<TokenTree>()?;
            }
        }
        Ok(home)
    };
    read.parse2(options.clone()).ok().flatten()
}

/// What was written, with `home` in place of `::cacheme`.
pub(crate) fn settle(written: TokenStream, home: Option<&Path>) -> TokenStream {
    match home {
        Some(home) => {
            // As a part of the code that is written: lints are for what the user writes.
            let generated = |mut token: TokenTree| {
                token.set_span(Span::call_site().located_at(token.span()));
                token
            };
            let home = home.to_token_stream().into_iter().map(generated);
            moved(written, &home.collect())
        }
        None => written,
    }
}

fn moved(written: TokenStream, home: &TokenStream) -> TokenStream {
    let mut settled = Vec::new();
    for token in written {
        match token {
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), moved(group.stream(), home));
                inner.set_span(group.span());
                settled.push(inner.into());
            }
            TokenTree::Ident(ident) if ident == "cacheme" && is_first(&settled) => {
                settled.truncate(settled.len() - 2);
                settled.extend(home.clone());
            }
            other => settled.push(other),
        }
    }
    settled.into_iter().collect()
}

/// Whether what comes behind these tokens is the first segment of a path, after its `::`.
fn is_first(before: &[TokenTree]) -> bool {
    let [.., TokenTree::Punct(one), TokenTree::Punct(other)] = before else {
        return false;
    };
    let is_colons =
        one.as_char() == ':' && one.spacing() == Spacing::Joint && other.as_char() == ':';
    // Behind a name it is a segment further on, unless the name is a word such as `impl`.
    let is_name = |token: &TokenTree| matches!(token, TokenTree::Ident(ident) if syn::parse2::<Ident>(ident.to_token_stream()).is_ok());
    let name = before.len().checked_sub(3).map(|place| &before[place]);
    is_colons && !name.is_some_and(is_name)
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;

    #[test]
    fn only_the_crate_is_replaced() {
        let written = quote! {
            impl ::cacheme::Node for X { fn f(&self) -> impl ::cacheme::Node { a::cacheme::b(cacheme) } }
        };
        let expected = quote! {
            impl other::path::Node for X { fn f(&self) -> impl other::path::Node { a::cacheme::b(cacheme) } }
        };
        let home = syn::parse_quote!(other::path);
        assert_eq!(
            settle(written, Some(&home)).to_string(),
            expected.to_string()
        );
    }

    #[test]
    fn the_path_is_found_among_options() {
        let home = |options: TokenStream| {
            let home = among(&options)?;
            Some(home.to_token_stream().to_string())
        };
        assert_eq!(
            home(quote!(storage = "hot", crate = cache)).as_deref(),
            Some("cache")
        );
        assert_eq!(
            home(quote!(crate = crate::a, ttl = f(crate = b))).as_deref(),
            Some("crate :: a")
        );
        assert_eq!(
            home(quote!(crate = a::b, compress)).as_deref(),
            Some("a :: b")
        );
        assert_eq!(home(quote!(caches(crate = cache), storage = "hot")), None);
        assert_eq!(home(quote!(storage = , ttl)), None);
        assert_eq!(home(quote!()), None);
    }
}
