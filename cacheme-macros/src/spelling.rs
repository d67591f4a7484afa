//! Makes the spellings one: whichever way a node is written, its options end up in
//! `#[node(...)]` below a `#[derive(Node)]`, and only the derive generates code.
//!
//! That also lets rustc take out fields under `#[cfg(...)]` before they are read, which it does
//! for derives and not for attribute macros.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::parse::ParseStream;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Attribute, Meta, Path, Result, Token, Visibility, parse_quote};

use crate::crate_path;

/// What `#[cacheme::node(args)]` turns `item` into. The item keeps its own tokens.
pub(crate) fn attribute(args: &TokenStream, input: ParseStream<'_>) -> Result<TokenStream> {
    let mut attrs = input.call(Attribute::parse_outer)?;
    let ahead = input.fork();
    ahead.parse::<Visibility>()?;
    if !(ahead.peek(Token![struct]) || ahead.peek(Token![enum]) || ahead.peek(Token![union])) {
        return Err(ahead.error("`node` goes on a struct or an enum"));
    }
    let item: TokenStream = input.parse()?;

    // Where the attribute stands, but not as generated code, which errors would go on about.
    let node = Ident::new("node", Span::call_site().resolved_at(ahead.span()));
    let mut options = vec![parse_quote!(#[#node(#args)])];
    options.extend(attrs.extract_if(.., |attr| is_options(attr)).map(as_helper));
    if !attrs.iter().any(derives_node) {
        let lists = options
            .iter()
            .filter_map(|attr| attr.meta.require_list().ok());
        let path = lists
            .into_iter()
            .find_map(|list| crate_path::among(&list.tokens));
        let derive = crate_path::settle(quote!(::cacheme::Node), path.as_ref());
        attrs.push(parse_quote!(#[::core::prelude::v1::derive(#derive)]));
    }
    Ok(quote!(#(#attrs)* #(#options)* #item))
}

/// The attributes of a derive's input that hold options, or `None` if some of them is an
/// attribute macro that is still to run, and will come back with another derive.
pub(crate) fn options(attrs: &[Attribute]) -> Option<Vec<&Attribute>> {
    let options: Vec<_> = attrs.iter().filter(|attr| is_options(attr)).collect();
    let all_helpers = options.iter().all(|attr| attr.path().get_ident().is_some());
    all_helpers.then_some(options)
}

/// Whether the attribute is `#[node]` or `#[path::to::node]`, with or without options.
fn is_options(attr: &Attribute) -> bool {
    ends_in(attr.path(), "node")
}

fn ends_in(path: &Path, name: &str) -> bool {
    path.segments.last().is_some_and(|last| last.ident == name)
}

/// The attribute macro as the helper attribute of the same options.
fn as_helper(mut attr: Attribute) -> Attribute {
    let helper = Path::from(Ident::new("node", attr.path().span()));
    match &mut attr.meta {
        Meta::Path(path) => *path = helper,
        Meta::List(list) => list.path = helper,
        Meta::NameValue(pair) => pair.path = helper,
    }
    attr
}

fn derives_node(attr: &Attribute) -> bool {
    ends_in(attr.path(), "derive")
        && attr
            .parse_args_with(Punctuated::<Path, Token![,]>::parse_terminated)
            .is_ok_and(|paths| paths.iter().any(|path| ends_in(path, "Node")))
}
