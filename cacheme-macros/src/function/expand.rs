//! Writes the function anew, with a cache before what it did.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;

use super::companion::{self, Naming};
use super::key::Key;
use super::options::CachedOptions;
use super::signature::Function;
use crate::expand::compressed;

pub(crate) fn expand(function: &Function, options: &CachedOptions, key: &Key) -> TokenStream {
    let parts = Parts::new(function, options, key);
    if options.is_method(function) {
        let naming = Naming::Behind(&function.name);
        let front = front(&parts, &quote!(Self), &naming.name("uncached"));
        let site = options.bound.is_none();
        let site = site.then(|| method_site(function, options, key));
        let companions = companion::expand(&parts, options, naming);
        return quote!(#front #site #companions);
    }
    let (vis, name) = (&function.vis, &function.sig.ident);
    let front = front(&parts, &quote!(#name), &Naming::Plain.name("uncached"));
    let site = options.bound.is_none();
    let site = site.then(|| site_of(&quote!(#name), options, key));
    let companions = companion::expand(&parts, options, Naming::Plain);
    let docs = format!(
        "What there is to do with the cache of [`{0}`](fn@{0}).",
        function.name
    );
    quote! {
        #front
        #[doc = #docs]
        #[allow(non_camel_case_types, missing_debug_implementations, dead_code)]
        #[non_exhaustive]
        #vis enum #name {}
        #site
        #companions
    }
}

/// What all that is written of a function has in common.
pub(crate) struct Parts<'a> {
    pub(crate) function: &'a Function,
    /// The node of a call, an expression.
    pub(crate) node: TokenStream,
    /// The type of the node.
    pub(crate) node_type: TokenStream,
    /// The runtime, an expression.
    pub(crate) runtime: TokenStream,
    /// How its result is cached, an expression.
    shape: TokenStream,
    /// Statements that are errors where options don't fit.
    checks: TokenStream,
}

impl<'a> Parts<'a> {
    fn new(function: &'a Function, options: &CachedOptions, key: &Key) -> Self {
        let (name, output) = (&function.sig.ident, &function.output);
        let (parts, hidden) = (&key.parts, hidden(function));
        let (codec, needs_zstd) = compressed(&options.node);
        let node = match &options.bound {
            Some(path) => {
                let fields = function.keyed().map(|argument| {
                    let (ident, part) = (&argument.ident, argument.part());
                    quote!(#ident: #part)
                });
                quote!(#path { #(#fields),* })
            }
            None if options.is_method(function) => quote!(Self::#hidden(#parts)),
            None => quote!(::cacheme::private::function::Call::<#name, _>::new(#parts)),
        };
        let bound = options.bound.as_ref().map(|path| quote!(#path));
        let node_type = bound.unwrap_or_else(|| quote!(impl ::cacheme::Node<Codec = #codec>));
        // The same everywhere, so that a mistake in it is reported once.
        let own = options.runtime.as_ref().map(|runtime| {
            quote!({
                let __runtime: &::cacheme::Cacheme = #runtime;
                __runtime
            })
        });
        let runtime = own.unwrap_or_else(|| quote!(::cacheme::global()));
        let returns = quote!(::cacheme::private::function::Returns::<#output>::new());
        let may_be_nothing = options.node.ttl_none.as_ref().map(|(word, _)| {
            quote_spanned!(word.span()=> ::cacheme::private::function::may_be_nothing(&#returns);)
        });
        Self {
            function,
            node,
            node_type,
            runtime,
            shape: function.shape(),
            checks: quote!(#needs_zstd #may_be_nothing),
        }
    }

    /// The future of the runtime's function of this name, with more arguments. What the type of the
    /// result lacks is an error at that type, and the same one wherever it is written.
    pub(crate) fn call(&self, name: &str, node: &TokenStream, more: &TokenStream) -> TokenStream {
        let Self { runtime, shape, .. } = self;
        let span = self.function.result_span();
        let name = Ident::new(name, span);
        quote_spanned! {span=>
            ::cacheme::private::function::#name(#runtime, #node, #shape, #more)
        }
    }

    /// The future that runs `owner::uncached`, unless the tiers are read and have the result.
    pub(crate) fn run(&self, reads: &str, owner: &TokenStream, uncached: &Ident) -> TokenStream {
        let reads = Ident::new(reads, Span::call_site());
        let turbofish = self.function.turbofish();
        let idents = self.function.arguments.iter();
        let idents = idents.map(|argument| &argument.ident);
        let more = quote! {
            ::cacheme::private::function::Reads::#reads,
            move || #owner::#uncached #turbofish (#(#idents),*)
        };
        self.call("call", &self.node, &more)
    }
}

/// The function that users call.
fn front(parts: &Parts<'_>, owner: &TokenStream, uncached: &Ident) -> TokenStream {
    let (function, checks) = (parts.function, &parts.checks);
    let (attrs, vis, sig) = (&function.attrs, &function.vis, &function.sig);
    // What is expected is where the function's own code is.
    let attrs = attrs.iter().filter(|attr| !attr.path().is_ident("expect"));
    let (name, generics, clause) = (&sig.ident, &sig.generics, &sig.generics.where_clause);
    let plain = function.arguments.iter().map(|argument| &argument.plain);
    let (output, run) = (&sig.output, parts.run("Tiers", owner, uncached));
    quote! {
        #(#attrs)*
        #vis async fn #name #generics (#(#plain),*) #output #clause {
            #checks
            #run.await
        }
    }
}

/// What the calls of a function are the nodes of.
fn site_of(name: &TokenStream, options: &CachedOptions, key: &Key) -> TokenStream {
    let (codec, _) = compressed(&options.node);
    let (segments, meta) = (&key.segments, &key.meta);
    let is_generic = key.is_generic.then(|| {
        quote!(
            const IS_GENERIC: bool = true;
        )
    });
    let item = key.item.as_ref().map(|item| {
        quote! {
            fn item() -> &'static ::core::primitive::str {
                #item
            }
        }
    });
    let tags = key.tags.as_ref().map(|tags| {
        quote! {
            const TAGS: &'static [&'static [::cacheme::private::function::Segment]] = &[#tags];
        }
    });
    quote! {
        #[automatically_derived]
        impl ::cacheme::private::function::Site for #name {
            type Codec = #codec;
            #is_generic
            const KEY: &'static [::cacheme::private::function::Segment] = &[#segments];
            #tags
            #meta
            #item
        }
    }
}

/// The same of a method, which has no place for a type of its own but in a function.
fn method_site(function: &Function, options: &CachedOptions, key: &Key) -> TokenStream {
    let (codec, _) = compressed(&options.node);
    let (hidden, site) = (hidden(function), site_of(&quote!(__Site), options, key));
    quote! {
        #[doc(hidden)]
        fn #hidden<__K: ::cacheme::private::function::Parts>(
            __parts: __K,
        ) -> impl ::cacheme::Node<Codec = #codec> {
            enum __Site {}
            #site
            ::cacheme::private::function::Call::<__Site, __K>::new(__parts)
        }
    }
}

/// The name of the function that a method's node is made by.
fn hidden(function: &Function) -> Ident {
    format_ident!("__cacheme_{}", function.name, span = Span::call_site())
}

impl Function {
    /// How its result is cached, an expression.
    pub(crate) fn shape(&self) -> TokenStream {
        let output = &self.output;
        // At the type, where an error of it is to be.
        quote_spanned! {self.result_span()=>
            ::cacheme::private::function::Returns::<#output>::new().__cacheme_shape()
        }
    }

    /// Where the type of the result stands.
    pub(crate) fn result_span(&self) -> Span {
        self.output.span().resolved_at(Span::mixed_site())
    }
}
