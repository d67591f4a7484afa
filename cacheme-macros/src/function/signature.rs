//! The annotated function: its arguments, and what each of them has to do with the key.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::spanned::Spanned;
use syn::{
    Attribute, Expr, FnArg, GenericParam, Generics, Meta, Pat, ReceiverKind, Result, ReturnType,
    Signature, Type, Visibility, WherePredicate,
};

use crate::mistake::Mistakes;
use crate::near::near;

/// An async function that is to be cached.
pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    /// Without the options of its arguments.
    pub(crate) sig: Signature,
    /// In braces. Nothing here reads it, so it needn't be right while it is being written.
    pub(crate) body: TokenTree,
    /// The name as the user thinks of it, without `r#`.
    pub(crate) name: String,
    /// `self` first, if there is one.
    pub(crate) arguments: Vec<Argument>,
    /// The type of the result.
    pub(crate) output: TokenStream,
}

/// An argument.
pub(crate) struct Argument {
    pub(crate) ident: Ident,
    /// As it is written in a list of arguments: `self`, or a plain name and its type.
    pub(crate) plain: TokenStream,
    /// Absent for a `self` without a type.
    pub(crate) ty: Option<Type>,
    pub(crate) role: Role,
    /// Whether the runtime is found by it.
    pub(crate) finds_runtime: bool,
}

/// What an argument has to do with the key.
pub(crate) enum Role {
    /// It is in it.
    Key,
    /// This is.
    Expr(Expr),
    /// Nothing.
    Skip,
}

impl Function {
    /// `runtime` is how its runtime is found.
    pub(crate) fn read(
        input: ParseStream<'_>,
        runtime: Option<&Expr>,
        mistakes: &mut Mistakes,
    ) -> Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let mut sig: Signature = input.parse()?;
        if !input.peek(syn::token::Brace) {
            return Err(input.error("a cached function has a body"));
        }
        let body = input.parse()?;
        let inputs = sig.inputs.iter_mut().enumerate();
        let mut arguments: Vec<_> = inputs
            .map(|(at, input)| Argument::new(at, input, mistakes))
            .collect();
        let runtime = runtime.map(Expr::to_token_stream).unwrap_or_default();
        for argument in &mut arguments {
            argument.finds_runtime |= names(runtime.clone(), &argument.ident.to_string());
        }
        let output = match &sig.output {
            ReturnType::Default => quote!(()),
            ReturnType::Type(_, ty) => ty.to_token_stream(),
        };
        Ok(Self {
            name: sig.ident.unraw().to_string(),
            attrs,
            vis,
            sig,
            body,
            arguments,
            output,
        })
    }

    /// The generics that the types of these arguments speak of.
    pub(crate) fn generics_of<'a>(&self, of: impl Iterator<Item = &'a Argument>) -> Generics {
        let types = of.filter_map(|argument| argument.ty.as_ref());
        restrict(&self.sig.generics, quote!(#(#types)*))
    }

    /// Its type and const parameters, to call what takes the same ones.
    pub(crate) fn turbofish(&self) -> TokenStream {
        let names = self.sig.generics.params.iter().filter_map(name);
        let names: Vec<_> = names.collect();
        if names.is_empty() {
            TokenStream::new()
        } else {
            quote!(::<#(#names),*>)
        }
    }

    /// Whether it is a method.
    pub(crate) fn has_self(&self) -> bool {
        matches!(self.sig.inputs.first(), Some(FnArg::Receiver(_)))
    }

    /// The arguments that are in the key.
    pub(crate) fn keyed(&self) -> impl Iterator<Item = &Argument> {
        self.arguments.iter().filter(|argument| argument.is_keyed())
    }
}

impl Argument {
    /// Takes the options off `input`.
    fn new(at: usize, input: &mut FnArg, mistakes: &mut Mistakes) -> Self {
        match input {
            FnArg::Receiver(receiver) => {
                let role = Role::read(&mut receiver.attrs, mistakes);
                let ident = Ident::new("self", receiver.self_token.span);
                if role.is_none() {
                    let message = "say what of `self` is in the key: `#[key(self.id)] &self`, or \
                                   `#[skip] &self` for nothing";
                    mistakes.at(ident.span(), message);
                }
                if let ReceiverKind::Reference(_, _, Some(_)) = receiver.kind {
                    let message =
                        "a cached method may not run, so it can't be there to change `self`";
                    mistakes.at(ident.span(), message);
                }
                let mut plain = receiver.clone();
                plain.mutability = None;
                Self {
                    ident,
                    plain: plain.to_token_stream(),
                    ty: None,
                    role: role.unwrap_or(Role::Skip),
                    finds_runtime: true,
                }
            }
            FnArg::Typed(typed) => {
                let role = Role::read(&mut typed.attrs, mistakes);
                let ident = match &*typed.pat {
                    // One that begins with `_` is handed on by another name: it would be blamed for it.
                    Pat::Ident(pat)
                        if pat.by_ref.is_none()
                            && pat.subpat.is_none()
                            && !(matches!(role, Some(Role::Skip))
                                && pat.ident.to_string().starts_with('_')) =>
                    {
                        pat.ident.clone()
                    }
                    pat => {
                        if role.is_none() {
                            let message = "an argument that is in the key needs a name";
                            mistakes.under(pat, message);
                        }
                        format_ident!("__argument_{at}", span = Span::mixed_site())
                    }
                };
                let ty = &typed.ty;
                if role.is_none()
                    && let Some(problem) = unusable(ty)
                {
                    let message = format!(
                        "{problem}: say what of it is in the key by `#[key(expression)]`, or leave it \
                         out by `#[skip]`"
                    );
                    mistakes.under(ty, message);
                }
                Self {
                    plain: quote!(#ident: #ty),
                    ident,
                    ty: Some((**ty).clone()),
                    finds_runtime: false,
                    role: role.unwrap_or(Role::Key),
                }
            }
        }
    }

    pub(crate) fn is_keyed(&self) -> bool {
        !matches!(self.role, Role::Skip)
    }

    /// What of it is in the key, owned.
    pub(crate) fn part(&self) -> TokenStream {
        let ident = &self.ident;
        let span = self.ty.as_ref().map_or(ident.span(), Spanned::span);
        let span = span.resolved_at(Span::mixed_site());
        match (&self.role, &self.ty) {
            (Role::Expr(expr), _) => {
                quote_spanned!(span=> ::cacheme::private::function::Own::own(#expr))
            }
            (_, Some(Type::Reference(_))) => {
                quote_spanned!(span=> ::cacheme::private::function::Borrowed::own(#ident))
            }
            _ => quote_spanned!(span=> ::cacheme::private::function::Own::copy(&#ident)),
        }
    }
}

impl Role {
    /// Takes `#[skip]` and `#[key(...)]` out of the attributes.
    fn read(attrs: &mut Vec<Attribute>, mistakes: &mut Mistakes) -> Option<Self> {
        let mut role = None;
        for attr in attrs.iter() {
            if attr.path().is_ident("cfg") || attr.path().is_ident("cfg_attr") {
                mistakes.under(
                    attr,
                    "an argument of a cached function is there or not: put `cfg` on the function",
                );
            }
            let word = attr.path().get_ident().map(ToString::to_string);
            if let Some(meant) = word.and_then(|word| near(&word, ["skip", "key"])) {
                mistakes.under(attr, format!("did you mean `#[{meant}]`?"));
            }
        }
        let is_ours =
            |attr: &mut Attribute| attr.path().is_ident("skip") || attr.path().is_ident("key");
        for attr in attrs.extract_if(.., is_ours) {
            let read = match &attr.meta {
                Meta::Path(_) if attr.path().is_ident("skip") => Ok(Self::Skip),
                Meta::List(list) if attr.path().is_ident("key") => {
                    list.parse_args().map(Self::Expr)
                }
                _ => {
                    let message = "this is written `#[skip]` or `#[key(expression)]`";
                    Err(syn::Error::new_spanned(&attr, message))
                }
            };
            match read {
                Ok(_) if role.is_some() => {
                    mistakes.under(&attr, "the argument has such an attribute already");
                }
                Ok(read) => role = Some(read),
                Err(error) => mistakes.push(error),
            }
        }
        role
    }
}

/// Why an argument of this type can't be in a key as it is.
fn unusable(ty: &Type) -> Option<&'static str> {
    if mentions(ty.to_token_stream(), "impl") {
        return Some("this may be any type");
    }
    if let Type::Reference(reference) = ty
        && reference.mutability.is_some()
    {
        return Some("a call that is a hit changes nothing, and this is there to be changed");
    }
    // What is behind a reference is copied.
    let held = match ty {
        Type::Reference(reference) => &reference.elem,
        other => other,
    };
    borrows(held.to_token_stream()).then_some("a key outlives the call, and this borrows something")
}

/// Whether there is a reference or a lifetime in a type, other than `'static`.
pub(crate) fn borrows(ty: TokenStream) -> bool {
    let mut tokens = ty.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let is_one = match token {
            TokenTree::Punct(punct) if punct.as_char() == '\'' => {
                !matches!(tokens.peek(), Some(TokenTree::Ident(name)) if name == "static")
            }
            TokenTree::Punct(punct) if punct.as_char() == '&' => {
                !matches!(tokens.peek(), Some(TokenTree::Punct(tick)) if tick.as_char() == '\'')
            }
            TokenTree::Group(group) => borrows(group.stream()),
            _ => false,
        };
        if is_one {
            return true;
        }
    }
    false
}

/// Those of the generics that `told` speaks of, and those that their bounds speak of.
fn restrict(generics: &Generics, mut told: TokenStream) -> Generics {
    let mut kept: Vec<&GenericParam> = Vec::new();
    loop {
        let is_told = |param: &&GenericParam| {
            name(param).is_none_or(|name| mentions(told.clone(), &name.to_string()))
        };
        let more: Vec<_> = generics.params.iter().filter(is_told).collect();
        if more.len() == kept.len() {
            break;
        }
        kept = more;
        told.extend(kept.iter().map(ToTokens::to_token_stream));
    }
    let mut restricted = generics.clone();
    restricted.params = kept.iter().map(|param| (*param).clone()).collect();
    if let Some(clause) = &mut restricted.where_clause {
        let is_kept = |predicate: &WherePredicate| {
            let is_kept = |name: &&Ident| kept.iter().any(|param| self::name(param) == Some(name));
            let dropped = generics.params.iter().filter_map(name);
            let mut dropped = dropped.filter(|name| !is_kept(name));
            !dropped.any(|name| mentions(predicate.to_token_stream(), &name.to_string()))
        };
        let predicates = std::mem::take(&mut clause.predicates);
        clause.predicates = predicates.into_iter().filter(is_kept).collect();
    }
    restricted
}

/// The name of a type or const parameter.
fn name(param: &GenericParam) -> Option<&Ident> {
    match param {
        GenericParam::Type(param) => Some(&param.ident),
        GenericParam::Const(param) => Some(&param.ident),
        GenericParam::Lifetime(_) => None,
    }
}

/// Whether a variable of this name stands in an expression.
fn names(expr: TokenStream, variable: &str) -> bool {
    let mut is_field = false;
    expr.into_iter().any(|token| {
        let is_it = match &token {
            TokenTree::Ident(ident) => !is_field && ident == variable,
            TokenTree::Group(group) => names(group.stream(), variable),
            TokenTree::Punct(_) | TokenTree::Literal(_) => false,
        };
        is_field = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '.');
        is_it
    })
}

/// Whether a word stands in `tokens`.
pub(crate) fn mentions(tokens: TokenStream, word: &str) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == word,
        TokenTree::Group(group) => mentions(group.stream(), word),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}
