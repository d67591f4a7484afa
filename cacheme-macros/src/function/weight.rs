//! What results of a function weigh.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::GenericParam;

use super::signature::{Function, mentions};
use crate::attr::Options;
use crate::mistake::Mistakes;

/// The call of `Meta::with_weight`. It is written outside of the function, where the function's generics aren't in scope.
pub(super) fn expand(
    function: &Function,
    options: &Options,
    mistakes: &mut Mistakes,
) -> Option<TokenStream> {
    let (word, weight) = options.weight.as_ref()?;
    let (output, shape) = (&function.output, function.shape());
    let names = function
        .sig
        .generics
        .params
        .iter()
        .map(|param| match param {
            GenericParam::Type(param) => &param.ident,
            GenericParam::Const(param) => &param.ident,
            GenericParam::Lifetime(param) => &param.lifetime.ident,
        });
    let mut names = names.map(Ident::to_string);
    if mentions(output.clone(), "Self") {
        let message = "`weight` stands outside of the `impl`, where there is no `Self`: write the type's name";
        mistakes.under(output, message);
    } else if let Some(name) = names.find(|name| mentions(output.clone(), name)) {
        let message = format!(
            "`weight` needs a result whose type doesn't depend on `{name}`, as this one does"
        );
        mistakes.under(output, message);
    }
    let codec = quote!(<Self as ::cacheme::private::function::Site>::Codec);
    Some(quote_spanned! {word.span()=>
        .with_weight::<#output>(|__value| {
            ::cacheme::private::function::weigh::<#output, #codec, _, _>(__value, #shape, #weight)
        })
    })
}
