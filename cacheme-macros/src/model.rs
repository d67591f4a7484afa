//! What the annotated item is: one shape for structs and enums, a struct being a single variant.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{Attribute, Data, DeriveInput, Error, Fields, GenericParam, Index, Member, Result, Type};

/// A type that is to be a node.
pub(crate) struct Model<'a> {
    pub(crate) input: &'a DeriveInput,
    /// The type's name as the user thinks of it, without `r#`.
    pub(crate) name: String,
    /// What its parts are called: fields, or a function's arguments.
    pub(crate) part: &'static str,
    /// The type and const parameters, in order.
    pub(crate) params: Vec<Param<'a>>,
    pub(crate) variants: Vec<Variant<'a>>,
}

/// A type or const parameter.
pub(crate) struct Param<'a> {
    pub(crate) ident: &'a Ident,
    pub(crate) is_type: bool,
}

/// A variant of an enum, or all there is of a struct.
pub(crate) struct Variant<'a> {
    /// `None` for a struct.
    pub(crate) ident: Option<&'a Ident>,
    pub(crate) attrs: &'a [Attribute],
    pub(crate) fields: Vec<Field<'a>>,
}

pub(crate) struct Field<'a> {
    pub(crate) member: Member,
    /// The name without `r#`, or the position.
    pub(crate) name: String,
    pub(crate) ty: &'a Type,
    pub(crate) attrs: &'a [Attribute],
    /// Whether it is a `PhantomData`, which says nothing about a value.
    pub(crate) is_marker: bool,
}

impl<'a> Model<'a> {
    pub(crate) fn new(input: &'a DeriveInput) -> Result<Self> {
        let variants = match &input.data {
            Data::Struct(data) => vec![Variant::new(None, &[], &data.fields)],
            Data::Enum(data) => data
                .variants
                .iter()
                .map(|variant| Variant::new(Some(&variant.ident), &variant.attrs, &variant.fields))
                .collect(),
            Data::Union(data) => {
                let message = "a node is a struct or an enum; a union can't be compared or hashed";
                return Err(Error::new(data.union_token.span, message));
            }
        };
        let params = input
            .generics
            .params
            .iter()
            .filter_map(Param::new)
            .collect();
        Ok(Self {
            input,
            name: input.ident.unraw().to_string(),
            part: "field",
            params,
            variants,
        })
    }

    pub(crate) fn is_enum(&self) -> bool {
        matches!(self.input.data, Data::Enum(_))
    }

    /// The fields of all variants.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &Field<'a>> {
        self.variants.iter().flat_map(|variant| &variant.fields)
    }

    /// The fields of all variants that tell values apart.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &Field<'a>> {
        self.variants.iter().flat_map(Variant::parts)
    }

    /// Whether the type is another one for other parameters.
    pub(crate) fn is_generic(&self, ty: &Type) -> bool {
        mentions(ty.to_token_stream(), &self.params)
    }

    /// The parameter of this name.
    pub(crate) fn param(&self, name: &str) -> Option<&Param<'a>> {
        self.params.iter().find(|param| param.name() == name)
    }
}

impl<'a> Param<'a> {
    fn new(param: &'a GenericParam) -> Option<Self> {
        match param {
            GenericParam::Type(param) => Some(Self {
                ident: &param.ident,
                is_type: true,
            }),
            GenericParam::Const(param) => Some(Self {
                ident: &param.ident,
                is_type: false,
            }),
            GenericParam::Lifetime(_) => None,
        }
    }

    pub(crate) fn name(&self) -> String {
        self.ident.unraw().to_string()
    }
}

impl<'a> Variant<'a> {
    fn new(ident: Option<&'a Ident>, attrs: &'a [Attribute], fields: &'a Fields) -> Self {
        let fields = fields
            .iter()
            .enumerate()
            .map(|(at, field)| Field::new(at, field))
            .collect();
        Self {
            ident,
            attrs,
            fields,
        }
    }

    /// The fields that tell values apart.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &Field<'a>> {
        self.fields.iter().filter(|field| !field.is_marker)
    }
}

impl<'a> Field<'a> {
    fn new(at: usize, field: &'a syn::Field) -> Self {
        let (member, name) = match &field.ident {
            Some(ident) => (Member::Named(ident.clone()), ident.unraw().to_string()),
            None => (Member::Unnamed(Index::from(at)), at.to_string()),
        };
        let (ty, attrs) = (&field.ty, &*field.attrs);
        Self {
            member,
            name,
            ty,
            attrs,
            is_marker: is_phantom(ty),
        }
    }

    /// The name that the field's value is bound to in a generated pattern.
    ///
    /// Mixed-site, so that nothing of the user's can be meant by it.
    pub(crate) fn binding(&self, side: &str) -> Ident {
        Ident::new(&format!("__{side}_{}", self.name), Span::mixed_site())
    }
}

fn mentions(tokens: TokenStream, params: &[Param<'_>]) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => params.iter().any(|param| *param.ident == ident),
        TokenTree::Group(group) => mentions(group.stream(), params),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}

/// Whether the type is written `PhantomData<..>`, under whatever path.
fn is_phantom(ty: &Type) -> bool {
    match ty {
        Type::Path(path) => path
            .path
            .segments
            .last()
            .is_some_and(|last| last.ident == "PhantomData"),
        Type::Group(group) => is_phantom(&group.elem),
        Type::Paren(paren) => is_phantom(&paren.elem),
        _ => false,
    }
}
