//! The key of a function's calls: which parts there are, and how they are laid out.
//!
//! The layout is a node's: the arguments that are in the key stand for the fields of a struct of the
//! function's name.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, GenericParam, Generics, parse_quote};

use super::options::CachedOptions;
use super::signature::Function;
use super::weight;
use crate::hole::{Hole, SEPARATOR};
use crate::key::{self, Segment};
use crate::meta;
use crate::mistake::Mistakes;
use crate::model::Model;

/// As many as tuples of them there are.
const MOST_PARTS: usize = 12;

/// What a function's node is made of.
pub(crate) struct Key {
    /// The tuple of parts, an expression.
    pub(crate) parts: TokenStream,
    /// `Site::KEY`.
    pub(crate) segments: TokenStream,
    /// `Site::TAGS`, where there are any.
    pub(crate) tags: Option<TokenStream>,
    /// `Site::meta`.
    pub(crate) meta: TokenStream,
    /// `Site::IS_GENERIC`.
    pub(crate) is_generic: bool,
    /// What `Site::item` gives where it isn't the type's name: two functions for which it is the same may have the same
    /// pattern.
    pub(crate) item: Option<TokenStream>,
}

impl Key {
    pub(crate) fn new(
        function: &Function,
        options: &CachedOptions,
        mistakes: &mut Mistakes,
    ) -> Self {
        // What tells calls apart besides the arguments.
        let identity = &function.sig.generics;
        let input = item(function, identity);
        // A struct is always one.
        let Ok(mut model) = Model::new(&input) else {
            return Self::none();
        };
        model.part = "argument";
        let template = options.node.key.as_ref();
        let segments = match template {
            Some(template) => key::from_template(template, &model, mistakes),
            None => key::from_fields(&model, &model.variants[0]),
        };
        let is_method = options.is_method(function);
        let names_self = is_method && template.is_none();
        let pattern = meta::pattern_of(&segments);
        // A function's name alone is often another one's too.
        let own = |text: &str| {
            if template.is_some() {
                return quote!(#text);
            }
            let text = format!("::{text}");
            quote!(::core::concat!(::core::module_path!(), #text))
        };
        let tags = key::of_tags(&options.node.tags, &model, mistakes);
        let weight = weight::expand(function, &options.node, mistakes);
        let pattern = own(&pattern);
        let meta = meta::of_function(&model, &options.node, &pattern, weight.as_ref(), &tags);
        let first = model.params.len() + usize::from(is_method);
        let place = |hole: &Hole<'_>| match hole {
            Hole::Param(param) => model
                .params
                .iter()
                .position(|other| other.ident == param.ident),
            Hole::Field(field) => {
                let mut fields = model.fields();
                let at = fields.position(|other| other.name == field.name);
                at.map(|at| first + at)
            }
        };
        let mut pieces: Vec<_> = segments
            .iter()
            .enumerate()
            .map(|(at, segment)| match segment {
                Segment::Literal(text) if at == 0 => literal(&own(text)),
                Segment::Literal(text) => literal(&quote!(#text)),
                Segment::Hole(hole, separator) => part(place(hole), *separator),
            })
            .collect();
        let tags = (!tags.is_empty()).then(|| {
            let tags = tags.iter().map(|tag| {
                let pieces = tag.iter().map(|segment| match segment {
                    Segment::Literal(text) => literal(&quote!(#text)),
                    Segment::Hole(hole, separator) => part(place(hole), *separator),
                });
                quote!(&[#(#pieces),*])
            });
            quote!(#(#tags),*)
        });
        if names_self {
            let name = own(&format!("{}{SEPARATOR}", model.name));
            let behind = match segments.first() {
                Some(Segment::Literal(text)) => &text[model.name.len()..],
                _ => "",
            };
            let self_part = part(Some(model.params.len()), SEPARATOR);
            pieces.splice(..1, [literal(&name), self_part, literal(&quote!(#behind))]);
        }
        if first + function.keyed().count() > MOST_PARTS {
            let message = format!(
                "a key has at most {MOST_PARTS} parts, types and `self` included: put several into one \
                 by `#[key((one, other))]`, or leave some out by `#[skip]`"
            );
            mistakes.at(function.sig.ident.span(), message);
        }
        // The name of its type is in the key.
        let item = names_self.then(|| {
            let path = format!("::{}", model.name);
            quote!(::core::concat!(::core::module_path!(), #path))
        });
        Self {
            parts: parts(function, identity, is_method),
            segments: quote!(#(#pieces),*),
            tags,
            meta,
            is_generic: !model.params.is_empty() || is_method,
            item,
        }
    }

    fn none() -> Self {
        Self {
            parts: quote!(()),
            segments: TokenStream::new(),
            tags: None,
            meta: TokenStream::new(),
            is_generic: false,
            item: None,
        }
    }
}

/// The struct that the layout is that of.
fn item(function: &Function, identity: &Generics) -> DeriveInput {
    let ident = &function.sig.ident;
    let mut generics = identity.clone();
    generics.where_clause = None;
    let mut input: DeriveInput = parse_quote!(struct #ident #generics {});
    if let syn::Data::Struct(data) = &mut input.data
        && let syn::Fields::Named(fields) = &mut data.fields
    {
        let unnamed: syn::Field = parse_quote!(argument: ());
        for argument in function.keyed() {
            let ident = &argument.ident;
            let mut field = unnamed.clone();
            field.ident = Some(ident.clone());
            fields.named.push(field);
        }
    }
    input
}

/// The parts in their order: generics, the type whose method it is, arguments.
fn parts(function: &Function, identity: &Generics, is_method: bool) -> TokenStream {
    let generics = identity.params.iter().filter_map(|param| match param {
        GenericParam::Type(param) => {
            let ident = &param.ident;
            Some(quote!(::cacheme::private::function::TypeName::<#ident>::new()))
        }
        GenericParam::Const(param) => {
            let ident = &param.ident;
            Some(quote!(#ident))
        }
        GenericParam::Lifetime(_) => None,
    });
    let own = is_method.then(|| quote!(::cacheme::private::function::TypeName::<Self>::new()));
    let arguments = function.keyed().map(super::signature::Argument::part);
    let parts = generics.chain(own).chain(arguments);
    quote!((#(#parts,)*))
}

fn literal(text: &TokenStream) -> TokenStream {
    quote!(::cacheme::private::function::Segment::Literal(#text))
}

fn part(at: Option<usize>, separator: char) -> TokenStream {
    let at = at.unwrap_or_default();
    quote!(::cacheme::private::function::Segment::Part(#at, #separator))
}
