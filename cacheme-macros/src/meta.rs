//! Writes `Node::meta`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use crate::attr::Options;
use crate::doorkeeper::Doorkeeper;
use crate::key::Segment;
use crate::limit::{Batch, MaxLoads};
use crate::model::Model;
use crate::tier::{Tier, Ttl};

/// The function, of a node. `keys` has a row for each variant.
pub(crate) fn expand(
    model: &Model<'_>,
    options: &Options,
    keys: &[Vec<Segment<'_>>],
    tags: &[Vec<Segment<'_>>],
) -> TokenStream {
    let ttl_none = options.ttl_none.as_ref().map(|(word, ttl)| {
        let ttl = duration(ttl);
        quote_spanned! {word.span()=>
            .with_ttl_none::<<Self as ::cacheme::Load>::Value>(#ttl)
        }
    });
    let weight = options.weight.as_ref().map(|(word, weight)| {
        quote_spanned! {word.span()=>
            .with_weight::<<Self as ::cacheme::Load>::Value>(|__value| {
                ::cacheme::private::weigh::<<Self as ::cacheme::Load>::Value, _>(__value, #weight)
            })
        }
    });
    let pattern = pattern(model, keys);
    let typed = quote!(#ttl_none #weight);
    of(model, options, &quote!(#pattern), &typed, tags)
}

/// The function, of the node of a function, which itself knows what is nothing. `pattern` is its key's,
/// an expression, and `weight` the option of this name, as the type of its result has it.
pub(crate) fn of_function(
    model: &Model<'_>,
    options: &Options,
    pattern: &TokenStream,
    weight: Option<&TokenStream>,
    tags: &[Vec<Segment<'_>>],
) -> TokenStream {
    let ttl_none = options.ttl_none.as_ref().map(|(_, ttl)| {
        let ttl = duration(ttl);
        quote!(.with_ttl_nothing(#ttl))
    });
    of(model, options, pattern, &quote!(#ttl_none #weight), tags)
}

/// `typed` are the options that need to know the type of the values.
fn of(
    model: &Model<'_>,
    options: &Options,
    pattern: &TokenStream,
    typed: &TokenStream,
    tags: &[Vec<Segment<'_>>],
) -> TokenStream {
    let name = &model.name;
    let path = format!("::{name}");
    let version = options.version.iter();
    let tiers = options.tiers.iter().map(tier);
    let batch = options.batch.iter().map(batch);
    let max_loads = options.max_loads.iter().map(max_loads);
    let ttl_jitter = options.ttl_jitter.iter();
    let idle = options.idle.iter().map(duration);
    let stale = options.stale.iter().map(duration);
    let soft_timeout = options.soft_timeout.iter().map(duration);
    let hard_timeout = options.hard_timeout.iter().map(duration);
    let refresh_at = options.refresh_at.iter();
    let xfetch = options.xfetch.iter();
    let lease = options.lease.iter().map(duration);
    let doorkeeper = options.doorkeeper.iter().map(doorkeeper);
    let tags = (!tags.is_empty()).then(|| {
        let patterns = tags.iter().map(|tag| pattern_of(tag));
        quote!(.with_tags([#(#patterns),*]))
    });
    quote! {
        fn meta() -> ::cacheme::Meta {
            ::cacheme::Meta::new(
                #name,
                ::core::concat!(::core::module_path!(), #path),
                #pattern,
            )
            #(.with_version(#version))*
            #(.with_tier(#tiers))*
            #typed
            #(.with_ttl_jitter(#ttl_jitter))*
            #(.with_max_loads(#max_loads))*
            #(.with_batch(#batch))*
            #(.with_idle(#idle))*
            #(.with_doorkeeper(#doorkeeper))*
            #tags
            #(.with_stale(#stale))*
            #(.with_soft_timeout(#soft_timeout))*
            #(.with_hard_timeout(#hard_timeout))*
            #(.with_refresh_at(#refresh_at))*
            #(.with_xfetch(#xfetch))*
            #(.with_lease(#lease))*
        }
    }
}

fn tier(tier: &Tier) -> TokenStream {
    let storage = &tier.storage;
    let ttl = tier.ttl.iter().map(duration);
    quote!(::cacheme::private::tier(#storage) #(.with_ttl(#ttl))*)
}

fn max_loads(bound: &MaxLoads) -> TokenStream {
    let (at_once, queue) = (&bound.at_once, bound.queue.iter());
    quote!(::cacheme::MaxLoads::new(#at_once) #(.with_queue(#queue))*)
}

fn batch(batch: &Batch) -> TokenStream {
    let (max, delay) = (batch.max.iter(), batch.delay.iter().map(duration));
    quote! {
        <::cacheme::Batch as ::core::default::Default>::default()
            #(.with_max(#max))*
            #(.with_delay(#delay))*
    }
}

fn doorkeeper(doorkeeper: &Doorkeeper) -> TokenStream {
    let Doorkeeper {
        capacity,
        false_positive_rate,
    } = doorkeeper;
    quote!(::cacheme::Doorkeeper::new(#capacity, #false_positive_rate))
}

fn duration(ttl: &Ttl) -> TokenStream {
    match ttl {
        Ttl::Millis(millis) => quote!(::core::time::Duration::from_millis(#millis)),
        Ttl::Expr(ttl) => quote!(#ttl),
    }
}

/// The key with `{}` for what differs; for an enum, with `*` for the variant and its fields.
fn pattern(model: &Model<'_>, keys: &[Vec<Segment<'_>>]) -> String {
    if model.is_enum() {
        let params = ":{}".repeat(model.params.len());
        return format!("{}{params}:*", model.name);
    }
    keys.iter().map(|key| pattern_of(key)).collect()
}

/// The key with `{}` for what differs.
pub(crate) fn pattern_of(key: &[Segment<'_>]) -> String {
    let segments = key.iter().map(|segment| match segment {
        Segment::Literal(text) => text,
        Segment::Hole(..) => "{}",
    });
    segments.collect()
}
