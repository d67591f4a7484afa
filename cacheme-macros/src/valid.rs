//! Checks that hold for the item itself, or for the options and the item together. The template
//! has its own in [`key`](crate::key).

use std::collections::HashSet;

use syn::{Attribute, Expr, Lit};

use crate::attr::Options;
use crate::mistake::Mistakes;
use crate::model::Model;

/// Reports all that keeps the item from being a node with these options.
pub(crate) fn check(model: &Model<'_>, options: &Options, mistakes: &mut Mistakes) {
    lifetimes(model, mistakes);
    field_attributes(model, mistakes);
    if model.variants.is_empty() {
        let message = "an enum without variants has no values, so nothing could be cached";
        mistakes.at(model.input.ident.span(), message);
    }
    if let Some(key) = &options.key
        && model.is_enum()
    {
        let message = "an enum's key is its variant and its fields; `key` is for structs";
        mistakes.at(key.span(), message);
    }
    chain(options, mistakes);
}

fn lifetimes(model: &Model<'_>, mistakes: &mut Mistakes) {
    for param in model.input.generics.lifetimes() {
        let lifetime = &param.lifetime;
        let message = format!(
            "a node outlives the call, so it can't borrow for `{lifetime}`; own the data, \
             as in `String` for `&{lifetime} str`"
        );
        mistakes.at(lifetime.span(), message);
    }
}

/// Refuses `#[node]` below the type, where rustc lets it through.
fn field_attributes(model: &Model<'_>, mistakes: &mut Mistakes) {
    let of_variants = model.variants.iter().map(|variant| variant.attrs);
    let of_fields = model.fields().map(|field| field.attrs);
    let is_option = |attr: &&Attribute| attr.path().is_ident("node");
    for attr in of_variants.chain(of_fields).flatten().filter(is_option) {
        mistakes.under(
            attr,
            "the options of a node stand on the type; here there are none",
        );
    }
}

/// Refuses a storage that is named twice in a chain.
fn chain(options: &Options, mistakes: &mut Mistakes) {
    let mut seen = HashSet::new();
    for tier in &options.tiers {
        if let Expr::Lit(literal) = &tier.storage
            && let Lit::Str(name) = &literal.lit
            && !seen.insert(name.value())
        {
            let message = format!("the chain has the storage {:?} already", name.value());
            mistakes.at(name.span(), message);
        }
    }
}
