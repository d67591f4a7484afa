//! The attribute on a function, one stage per file: `options` reads its options, `signature` the
//! function, `key` lays out the key, `weight` weighs its results, and `expand` writes the function anew, with
//! `companion` for what stands beside it.

mod companion;
mod expand;
mod key;
mod options;
mod signature;
mod weight;

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::{ParseStream, Parser};
use syn::{Error, Result, Safety};

use self::key::Key;
use self::signature::Function;
use crate::crate_path;
use crate::mistake::Mistakes;

/// The function with a cache before it, or all its mistakes beside it as it was.
pub(crate) fn cached(args: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let mut mistakes = Mistakes::default();
    let is_function = signature::mentions(item.clone(), "fn");
    let options = options::read(args, &mut mistakes);
    let runtime = options.runtime.as_ref();
    let read = |input: ParseStream<'_>| Function::read(input, runtime, &mut mistakes);
    let function = read.parse2(item).map_err(|error| {
        let message = "`cached` goes on an async function";
        if is_function {
            error
        } else {
            Error::new(error.span(), message)
        }
    })?;
    valid(&function, &mut mistakes);
    let key = Key::new(&function, &options, &mut mistakes);
    if mistakes.is_empty() {
        let written = expand::expand(&function, &options, &key);
        return Ok(crate_path::settle(
            written,
            options.node.crate_path.as_ref(),
        ));
    }
    let Function {
        attrs,
        vis,
        sig,
        body,
        ..
    } = &function;
    let errors = mistakes.into_tokens();
    Ok(quote!(#(#attrs)* #vis #sig #body #errors))
}

/// Checks that hold for the function itself.
fn valid(function: &Function, mistakes: &mut Mistakes) {
    let sig = &function.sig;
    if sig.asyncness.is_none() {
        let message = "`cached` goes on an async function: what it awaits is what is worth keeping";
        mistakes.at(sig.fn_token.span, message);
    }
    let safety = match &sig.safety {
        Safety::Unsafe(word) => Some(word.span),
        _ => None,
    };
    let qualifiers = [
        sig.constness.as_ref().map(|word| word.span),
        safety,
        sig.abi.as_ref().map(|abi| abi.extern_token.span),
    ];
    for span in qualifiers.into_iter().flatten() {
        mistakes.at(span, "a cached function is a plain async function");
    }
    if signature::borrows(function.output.clone()) {
        let message =
            "what is cached outlives the call, and this borrows something: return it owned";
        mistakes.under(&function.output, message);
    }
    if signature::mentions(function.output.clone(), "impl") {
        let message =
            "what is cached is kept under its type, so the type of the result has to be named";
        mistakes.under(&function.output, message);
    }
}
