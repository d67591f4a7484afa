//! Where the code that is written finds cacheme: `::cacheme`, unless the option `crate` names another path,
//! for a dependency under another name or behind a crate that hands it on.
//!
//! All stages write `::cacheme`; it is put right in what they wrote.

use proc_macro2::{Delimiter, Group, Ident, Spacing, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{LitStr, Path, Token};

/// The option's word.
pub(crate) const WORD: &str = "crate";

/// The path among options that aren't read yet. Mistakes in them are for later: what reads them has to be
/// found to begin with, so even a path in quotes will do.
pub(crate) fn among(options: &TokenStream) -> Option<Path> {
    let mut found = None;
    let read = |input: ParseStream<'_>| {
        while !input.is_empty() {
            if input.call(Ident::parse_any)? == WORD && input.peek(Token![=]) {
                input.parse::<Token![=]>()?;
                found = Some(match input.parse::<Option<LitStr>>()? {
                    Some(quoted) => quoted.parse()?,
                    None => input.parse()?,
                });
            }
            while !input.is_empty() && input.parse::<Option<Token![,]>>()?.is_none() {
                input.parse::<TokenTree>()?;
            }
        }
        Ok(())
    };
    // What there is behind a mistake isn't read.
    let _ = read.parse2(options.clone());
    found
}

/// What was written, with `path` in place of `::cacheme`.
pub(crate) fn settle(written: TokenStream, path: Option<&Path>) -> TokenStream {
    let Some(path) = path else {
        return written;
    };
    // As a part of the code that is written: lints are for what the user writes. `$crate` says by its span which
    // crate it is.
    let generated = |mut token: TokenTree| {
        if !matches!(&token, TokenTree::Ident(ident) if ident == "$crate") {
            token.set_span(Span::call_site().located_at(token.span()));
        }
        token
    };
    let path = path.to_token_stream().into_iter().map(generated).collect();
    moved(written.clone(), &path).unwrap_or(written)
}

/// The tokens with `path` in place of `::cacheme`; `None` where that isn't among them, so that they stay as
/// they are.
fn moved(written: TokenStream, path: &TokenStream) -> Option<TokenStream> {
    let (mut settled, mut is_moved) = (Vec::new(), false);
    for token in written {
        match token {
            TokenTree::Group(group) => match moved(group.stream(), path) {
                Some(stream) => {
                    let mut inner = Group::new(group.delimiter(), stream);
                    inner.set_span(group.span());
                    settled.push(inner.into());
                    is_moved = true;
                }
                None => settled.push(group.into()),
            },
            TokenTree::Ident(ident) if ident == "cacheme" && is_first(&settled) => {
                settled.truncate(settled.len() - 2);
                settled.extend(path.clone());
                is_moved = true;
            }
            other => settled.push(other),
        }
    }
    is_moved.then(|| settled.into_iter().collect())
}

/// Whether what comes behind these tokens is the first segment of a path, after its `::`.
fn is_first(before: &[TokenTree]) -> bool {
    let [before @ .., TokenTree::Punct(one), TokenTree::Punct(other)] = before else {
        return false;
    };
    let is_colons =
        one.as_char() == ':' && one.spacing() == Spacing::Joint && other.as_char() == ':';
    is_colons && !ends_in_segment(before)
}

/// Whether a `::` behind these tokens goes on with a path. Behind a `>` it doesn't, as in `impl<T> ::cacheme::Node`;
/// a user's `<T as Trait>::cacheme` is taken for that as well.
fn ends_in_segment(before: &[TokenTree]) -> bool {
    match before {
        // Other words that aren't names, such as `impl`, are followed by a path.
        [.., TokenTree::Ident(ident)] => {
            ["crate", "self", "super", "Self"]
                .iter()
                .any(|word| ident == word)
                || syn::parse2::<Ident>(ident.to_token_stream()).is_ok()
        }
        // What a `macro_rules` put there.
        [.., TokenTree::Group(group)] => group.delimiter() == Delimiter::None,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;

    #[test]
    fn only_the_crate_is_replaced() {
        let written = quote! {
            impl ::cacheme::Node for X { fn f(&self) -> ::cacheme::Node { a::cacheme::b(cacheme) } }
            fn g(_: impl ::cacheme::Node) { crate::cacheme::h(Self::cacheme()) }
        };
        let expected = quote! {
            impl other::path::Node for X { fn f(&self) -> other::path::Node { a::cacheme::b(cacheme) } }
            fn g(_: impl other::path::Node) { crate::cacheme::h(Self::cacheme()) }
        };
        let path = syn::parse_quote!(other::path);
        assert_eq!(
            settle(written, Some(&path)).to_string(),
            expected.to_string()
        );
    }

    #[test]
    fn the_path_is_found_among_options() {
        let found = |options: TokenStream| {
            let path = among(&options)?;
            Some(path.to_token_stream().to_string())
        };
        assert_eq!(
            found(quote!(storage = "hot", crate = cache)).as_deref(),
            Some("cache")
        );
        assert_eq!(
            found(quote!(crate = crate::a, ttl = f(crate = b))).as_deref(),
            Some("crate :: a")
        );
        assert_eq!(
            found(quote!(crate = a::b, compress)).as_deref(),
            Some("a :: b")
        );
        assert_eq!(found(quote!(caches(crate = cache), storage = "hot")), None);
        assert_eq!(
            found(quote!(crate = "cache", storage = , ttl)).as_deref(),
            Some("cache")
        );
        assert_eq!(found(quote!("hot", ttl)), None);
        assert_eq!(found(quote!()), None);
    }
}
