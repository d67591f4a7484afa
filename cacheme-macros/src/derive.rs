//! The stages in order: from the item and its attributes to the code.

use proc_macro2::TokenStream;
use syn::DeriveInput;

use crate::attr::{self, Options};
use crate::key::{self, Segment};
use crate::mistake::Mistakes;
use crate::model::Model;
use crate::{crate_path, expand, fallback, spelling, valid};

/// The implementation of `Node` for `input`, or all its mistakes and a stub.
pub(crate) fn derive(input: &DeriveInput) -> TokenStream {
    let Some(attrs) = spelling::options(&input.attrs) else {
        return TokenStream::new();
    };
    let mut mistakes = Mistakes::default();
    let options = attr::read(&attrs, input.ident.span(), &mut mistakes);
    match Model::new(input) {
        Ok(model) => {
            valid::check(&model, &options, &mut mistakes);
            let keys = keys(&model, &options, &mut mistakes);
            let tags = key::of_tags(&options.tags, &model, &mut mistakes);
            if mistakes.is_empty() {
                let written = expand::expand(&model, &options, &keys, &tags);
                return crate_path::settle(written, options.crate_path.as_ref());
            }
        }
        Err(error) => mistakes.push(error),
    }
    let stub = fallback::expand(input, options.codec.as_ref());
    let mut tokens = crate_path::settle(stub, options.crate_path.as_ref());
    tokens.extend(mistakes.into_tokens());
    tokens
}

/// The key of each variant.
fn keys<'a>(
    model: &'a Model<'a>,
    options: &Options,
    mistakes: &mut Mistakes,
) -> Vec<Vec<Segment<'a>>> {
    match &options.key {
        Some(template) if !model.is_enum() => vec![key::from_template(template, model, mistakes)],
        _ => model
            .variants
            .iter()
            .map(|variant| key::from_fields(model, variant))
            .collect(),
    }
}
