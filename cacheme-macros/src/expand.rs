//! Writes the implementation of `Node`.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Member, Type, WhereClause, parse_quote};

use crate::attr::Options;
use crate::hole::Hole;
use crate::key::Segment;
use crate::meta;
use crate::model::{Field, Model, Variant};

/// The implementation. `keys` has a row for each variant, `tags` one for each tag.
pub(crate) fn expand(
    model: &Model<'_>,
    options: &Options,
    keys: &[Vec<Segment<'_>>],
    tags: &[Vec<Segment<'_>>],
) -> TokenStream {
    let ident = &model.input.ident;
    let (impl_generics, ty_generics, where_clause) = model.input.generics.split_for_impl();
    let where_clause = bounds(model, where_clause);
    let (codec, needs_zstd) = compressed(options);
    let meta = meta::expand(model, options, keys, tags);
    let write_key = write_key(model, options, keys);
    let write_tags = write_tags(model, options, tags);
    let same = same(model);
    let hash_into = hash_into(model);
    let duplicate = duplicate(model);
    quote! {
        const _: () = {
            #needs_zstd
            #[automatically_derived]
            #[allow(deprecated)]
            impl #impl_generics ::cacheme::Node for #ident #ty_generics #where_clause {
                type Codec = #codec;
                #meta
                #write_key
                #write_tags
                #same
                #hash_into
                #duplicate
            }
        };
    }
}

/// The codec, and items that ask for the feature that it needs.
pub(crate) fn compressed(options: &Options) -> (TokenStream, TokenStream) {
    let codec = codec(options.codec.as_ref());
    match &options.compress {
        Some(word) => (
            quote!(::cacheme::private::Compressed<#codec>),
            quote_spanned!(word.span()=> ::cacheme::private::needs_zstd!();),
        ),
        None => (codec, TokenStream::new()),
    }
}

/// The type that the user gave, or else the default one.
pub(crate) fn codec(given: Option<&Type>) -> TokenStream {
    given.map_or_else(
        || quote!(::cacheme::codec::Default),
        ToTokens::to_token_stream,
    )
}

/// What is asked of the parameters, and of the types of fields that depend on them. Other types
/// are checked where they are used, so that a wrong one is an error at the field and not at each
/// use of the node as well.
fn bounds(model: &Model<'_>, given: Option<&WhereClause>) -> WhereClause {
    let mut clause = given.cloned().unwrap_or_else(|| parse_quote!(where));
    for param in model.params.iter().filter(|param| param.is_type) {
        let ident = param.ident;
        clause
            .predicates
            .push(parse_quote!(#ident: ::core::marker::Send + ::core::marker::Sync + 'static));
    }
    for field in model.parts().filter(|field| model.is_generic(field.ty)) {
        let ty = field.ty;
        clause
            .predicates
            .push(parse_quote!(#ty: ::cacheme::KeyPart));
    }
    clause
}

fn write_key(model: &Model<'_>, options: &Options, keys: &[Vec<Segment<'_>>]) -> TokenStream {
    // Where a template names the fields, an editor goes from there to their definition.
    let template = options.key.as_ref().map(syn::LitStr::span);
    let body = of_variants(model, template, |at, _| {
        let calls = keys.get(at).into_iter().flatten();
        let calls = calls.map(|segment| call(model, segment, template));
        quote!(#(#calls)*)
    });
    quote! {
        fn write_key(&self, __key: &mut ::cacheme::KeyWriter) {
            #body
        }
    }
}

/// Nothing without tags: then the trait has it.
fn write_tags(
    model: &Model<'_>,
    options: &Options,
    tags: &[Vec<Segment<'_>>],
) -> Option<TokenStream> {
    // Of an enum they name no fields.
    let span = options.tags.first()?.span();
    let tags = tags.iter().map(|tag| {
        let calls = tag.iter().map(|segment| call(model, segment, Some(span)));
        quote!(::cacheme::TagWriter::tag(__tags, |__key| { #(#calls)* });)
    });
    Some(quote! {
        fn write_tags(&self, __tags: &mut ::cacheme::TagWriter) {
            #(#tags)*
        }
    })
}

fn call(model: &Model<'_>, segment: &Segment<'_>, span: Option<Span>) -> TokenStream {
    match segment {
        Segment::Literal(text) => quote!(::cacheme::KeyWriter::literal(__key, #text);),
        Segment::Hole(Hole::Field(field), separator) => {
            let (part, value) = (part(field), value(model, field, Side::Own, span));
            quote!(#part::write(#value, __key, #separator);)
        }
        Segment::Hole(Hole::Param(param), separator) => {
            let ident = param.ident;
            if param.is_type {
                quote!(::cacheme::KeyWriter::type_name::<#ident>(__key, #separator);)
            } else {
                quote!(::cacheme::KeyWriter::field(__key, &#ident, #separator);)
            }
        }
    }
}

fn same(model: &Model<'_>) -> TokenStream {
    let equal = |variant: &Variant<'_>| {
        let equal = variant.parts().map(|field| {
            let [own, other] = [Side::Own, Side::Other].map(|side| value(model, field, side, None));
            let part = part(field);
            quote!(#part::same(#own, #other))
        });
        let equal: Vec<_> = equal.collect();
        if equal.is_empty() {
            quote!(true)
        } else {
            quote!(#(#equal)&&*)
        }
    };
    let body = if model.is_enum() {
        let arms = model.variants.iter().map(|variant| {
            let own = destructure(variant, Side::Own, None);
            let other = destructure(variant, Side::Other, None);
            let equal = equal(variant);
            quote!((#own, #other) => #equal,)
        });
        let otherwise = (model.variants.len() > 1).then(|| quote!(_ => false,));
        quote!(match (self, __other) { #(#arms)* #otherwise })
    } else {
        model.variants.iter().map(equal).collect()
    };
    quote! {
        fn same(&self, __other: &Self) -> bool {
            #body
        }
    }
}

fn hash_into(model: &Model<'_>) -> TokenStream {
    let variant = model
        .is_enum()
        .then(|| quote!(::core::hash::Hash::hash(&::core::mem::discriminant(self), __state);));
    let body = of_variants(model, None, |_, variant| {
        let calls = variant.parts().map(|field| {
            let (part, value) = (part(field), value(model, field, Side::Own, None));
            quote!(#part::hash_into(#value, __state);)
        });
        quote!(#(#calls)*)
    });
    quote! {
        fn hash_into<__H: ::core::hash::Hasher>(&self, __state: &mut __H) {
            #variant
            #body
        }
    }
}

fn duplicate(model: &Model<'_>) -> TokenStream {
    let copies = |variant: &Variant<'_>| {
        let path = path(variant);
        let copies = variant.fields.iter().map(|field| {
            let (member, value) = (&field.member, value(model, field, Side::Own, None));
            if field.is_marker {
                return quote!(#member: ::core::clone::Clone::clone(#value));
            }
            let part = part(field);
            quote!(#member: #part::duplicate(#value))
        });
        quote!(#path { #(#copies),* })
    };
    let body = if model.is_enum() {
        let arms = model.variants.iter().map(|variant| {
            let (path, copies) = (path(variant), copies(variant));
            let fields = variant.fields.iter();
            let fields = fields.map(|field| bind(field, Side::Own, None));
            quote!(#path { #(#fields),* } => #copies,)
        });
        quote!(match self { #(#arms)* })
    } else {
        model.variants.iter().map(copies).collect()
    };
    quote! {
        fn duplicate(&self) -> Self {
            #body
        }
    }
}

/// Which of two nodes.
#[derive(Clone, Copy)]
enum Side {
    Own,
    Other,
}

/// The code for whichever variant `self` is, with its place; a struct has one, whose fields are [reached](value) without
/// a pattern.
fn of_variants(
    model: &Model<'_>,
    span: Option<Span>,
    code: impl Fn(usize, &Variant<'_>) -> TokenStream,
) -> TokenStream {
    let variants = model.variants.iter().enumerate();
    if !model.is_enum() {
        return variants.map(|(at, variant)| code(at, variant)).collect();
    }
    let arms = variants.map(|(at, variant)| {
        let (pattern, code) = (destructure(variant, Side::Own, span), code(at, variant));
        quote!(#pattern => { #code })
    });
    quote!(match self { #(#arms)* })
}

/// A reference to a field: of an enum what a [pattern](destructure) binds, of a struct the field itself, which is less to
/// compile. `span` is where the member points to, if not to the field.
fn value(model: &Model<'_>, field: &Field<'_>, side: Side, span: Option<Span>) -> TokenStream {
    if model.is_enum() {
        return field.binding(side.name()).into_token_stream();
    }
    let member = member(field, span);
    match side {
        Side::Own => quote!(&self.#member),
        Side::Other => quote!(&__other.#member),
    }
}

impl Side {
    fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Other => "other",
        }
    }
}

/// The trait of the field's type that all uses of the field go through. One of the wrong type is
/// the same error each time, at the type, and rustc shows that once.
fn part(field: &Field<'_>) -> TokenStream {
    let ty = field.ty;
    quote!(<#ty as ::cacheme::private::Part>)
}

/// A pattern that binds the fields which tell values apart. One spelling serves variants with
/// names, with positions and without fields. `span` is as for a [`value`].
fn destructure(variant: &Variant<'_>, side: Side, span: Option<Span>) -> TokenStream {
    let path = path(variant);
    let fields = variant.parts().map(|field| bind(field, side, span));
    quote!(#path { #(#fields,)* .. })
}

fn bind(field: &Field<'_>, side: Side, span: Option<Span>) -> TokenStream {
    let (member, value) = (member(field, span), field.binding(side.name()));
    quote!(#member: #value)
}

fn member(field: &Field<'_>, span: Option<Span>) -> Member {
    let mut member = field.member.clone();
    if let Some(span) = span {
        match &mut member {
            Member::Named(ident) => ident.set_span(span),
            Member::Unnamed(index) => index.span = span,
        }
    }
    member
}

fn path(variant: &Variant<'_>) -> TokenStream {
    let name = variant.ident.iter();
    quote!(Self #(::#name)*)
}
