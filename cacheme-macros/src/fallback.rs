//! What is written instead of the implementation where there are mistakes, so that code which
//! uses the node doesn't fail too.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, GenericParam, Type, parse_quote};

use crate::expand;

/// An implementation of `Node` that compiles and does nothing.
pub(crate) fn expand(input: &DeriveInput, codec: Option<&Type>) -> TokenStream {
    let ident = &input.ident;
    let (impl_generics, ty_generics, _) = input.generics.split_for_impl();
    let mut generics = input.generics.clone();
    let clause = generics.make_where_clause();
    for param in &input.generics.params {
        clause.predicates.push(match param {
            GenericParam::Lifetime(param) => {
                let lifetime = &param.lifetime;
                parse_quote!(#lifetime: 'static)
            }
            GenericParam::Type(param) => {
                let ident = &param.ident;
                parse_quote!(#ident: ::core::marker::Send + ::core::marker::Sync + 'static)
            }
            GenericParam::Const(_) => continue,
        });
    }
    let codec = expand::codec(codec);
    quote! {
        const _: () = {
            #[automatically_derived]
            #[allow(deprecated)]
            impl #impl_generics ::cacheme::Node for #ident #ty_generics #clause {
                type Codec = #codec;
                fn meta() -> ::cacheme::Meta {
                    ::core::unreachable!()
                }
                fn write_key(&self, _: &mut ::cacheme::KeyWriter) {}
                fn same(&self, _: &Self) -> bool {
                    false
                }
                fn hash_into<__H: ::core::hash::Hasher>(&self, _: &mut __H) {}
                fn duplicate(&self) -> Self {
                    ::core::unreachable!()
                }
            }
        };
    }
}
