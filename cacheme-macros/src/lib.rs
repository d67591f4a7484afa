//! The macros of cacheme: the attributes [`macro@node`] and [`macro@cached`] and the derive
//! [`macro@Node`].
//!
//! Use them through `cacheme`, which exports both: the code that they write names its items.
//!
//! A node passes through one stage per file: `spelling` makes all spellings a derive, `attr` reads
//! the options (with `list`, `tier`, `limit`, `value` and `duration`), `model` the item, `valid` checks
//! both, `key` lays out the key (with `template` and `hole`), and `expand` writes the
//! implementation (with `meta`), or `fallback` a stub of it beside the errors. `crate_path` has what was
//! written find cacheme. A function has stages of its own in `function`.

#![forbid(unsafe_code)]

mod attr;
mod crate_path;
mod derive;
mod doorkeeper;
mod duration;
mod expand;
mod fallback;
mod function;
mod hole;
mod key;
mod limit;
mod list;
mod meta;
mod mistake;
mod model;
mod near;
mod spelling;
mod template;
mod tier;
mod valid;
mod value;

use proc_macro::TokenStream;
use quote::quote;
use syn::parse::{ParseStream, Parser};
use syn::{DeriveInput, parse_macro_input};

#[doc = include_str!("../docs/node.md")]
#[proc_macro_attribute]
pub fn node(args: TokenStream, item: TokenStream) -> TokenStream {
    let args = args.into();
    let untouched = proc_macro2::TokenStream::from(item.clone());
    let rewrite = |input: ParseStream<'_>| spelling::attribute(&args, input);
    let tokens = rewrite.parse(item).unwrap_or_else(|error| {
        let error = error.into_compile_error();
        quote!(#untouched #error)
    });
    tokens.into()
}

#[doc = include_str!("../docs/cached.md")]
#[proc_macro_attribute]
pub fn cached(args: TokenStream, item: TokenStream) -> TokenStream {
    let untouched = proc_macro2::TokenStream::from(item.clone());
    let tokens = function::cached(args.into(), item.into()).unwrap_or_else(|error| {
        let error = error.into_compile_error();
        quote!(#untouched #error)
    });
    tokens.into()
}

/// Makes a struct or an enum a node, with the options of `#[node(...)]`.
///
/// ```text
/// #[derive(Node)]
/// #[node(storage = "my-redis", ttl = "10d", version = "v1")]
/// struct UserInfo {
///     user_id: u64,
/// }
/// ```
///
/// It is another spelling of the attribute [`macro@node`], where the options, the keys and what is
/// asked of fields are described. The two may be mixed.
#[proc_macro_derive(Node, attributes(node))]
pub fn derive_node(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    derive::derive(&input).into()
}
