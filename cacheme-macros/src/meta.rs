//! Writes `Node::meta`.

use proc_macro2::TokenStream;
use quote::quote;

use crate::attr::Options;
use crate::key::Segment;
use crate::model::Model;
use crate::tier::{Tier, Ttl};

/// The function. `keys` has a row for each variant.
pub(crate) fn expand(
    model: &Model<'_>,
    options: &Options,
    keys: &[Vec<Segment<'_>>],
) -> TokenStream {
    let name = &model.name;
    let path = format!("::{name}");
    let pattern = pattern(model, keys);
    let version = options.version.iter();
    let tiers = options.tiers.iter().map(tier);
    quote! {
        fn meta() -> ::cacheme::Meta {
            ::cacheme::Meta::new(
                #name,
                ::core::concat!(::core::module_path!(), #path),
                #pattern,
            )
            #(.with_version(#version))*
            #(.with_tier(#tiers))*
        }
    }
}

fn tier(tier: &Tier) -> TokenStream {
    let storage = &tier.storage;
    let ttl = tier.ttl.iter().map(|ttl| match ttl {
        Ttl::Millis(millis) => quote!(::core::time::Duration::from_millis(#millis)),
        Ttl::Expr(ttl) => quote!(#ttl),
    });
    quote!(::cacheme::private::tier(#storage) #(.with_ttl(#ttl))*)
}

/// The key with `{}` for what differs; for an enum, with `*` for the variant and its fields.
fn pattern(model: &Model<'_>, keys: &[Vec<Segment<'_>>]) -> String {
    if model.is_enum() {
        let params = ":{}".repeat(model.params.len());
        return format!("{}{params}:*", model.name);
    }
    let segments = keys.iter().flatten().map(|segment| match segment {
        Segment::Literal(text) => text,
        Segment::Hole(..) => "{}",
    });
    segments.collect()
}
