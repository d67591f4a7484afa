//! What stands beside a cached function: its invalidation, a look without a load, and so on.
//!
//! Those of a function are associated functions of a type of its name, which is in scope wherever the
//! function is. Those of a method stand beside it, with its name in front.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::FnArg;

use super::expand::Parts;
use super::options::CachedOptions;
use super::signature::{Argument, Function};

/// How companions are named.
#[derive(Clone, Copy)]
pub(crate) enum Naming<'a> {
    /// By themselves.
    Plain,
    /// With the name of their method in front.
    Behind(&'a str),
}

impl Naming<'_> {
    pub(crate) fn name(self, companion: &str) -> Ident {
        match self {
            Self::Plain => format_ident!("{companion}"),
            Self::Behind(method) => format_ident!("{method}_{companion}"),
        }
    }
}

/// The companions of a function, in an `impl` of its type where they are by themselves.
pub(crate) fn expand(
    parts: &Parts<'_>,
    options: &CachedOptions,
    naming: Naming<'_>,
) -> TokenStream {
    let uncached = uncached(parts, naming);
    let mut others = others(parts, options, naming).to_vec();
    others.push(refresh(parts, naming));
    // What isn't the user's code isn't to be blamed.
    let lints = quote!(unused_variables, clippy::missing_errors_doc);
    match naming {
        Naming::Plain => {
            let name = &parts.function.sig.ident;
            quote! {
                #[allow(dead_code)]
                impl #name { #uncached }
                #[allow(dead_code, #lints)]
                impl #name { #(#others)* }
            }
        }
        Naming::Behind(_) => quote!(#uncached #(#[allow(#lints)] #others)*),
    }
}

/// What the function did before.
fn uncached(parts: &Parts<'_>, naming: Naming<'_>) -> TokenStream {
    let Function {
        attrs,
        vis,
        sig,
        body,
        ..
    } = parts.function;
    let (generics, clause) = (&sig.generics, &sig.generics.where_clause);
    let output = &sig.output;
    let inputs = sig.inputs.iter().zip(&parts.function.arguments);
    let inputs = inputs.map(|(input, argument)| {
        // The option uses it.
        let lint = matches!(input, FnArg::Typed(_)) && argument.finds_runtime;
        let lint = lint.then(|| quote!(#[allow(unused_variables)]));
        quote!(#lint #input)
    });
    let lints = attrs.iter().filter(|attr| {
        let levels = ["allow", "expect", "warn", "deny", "forbid"];
        levels.iter().any(|level| attr.path().is_ident(level))
    });
    let docs = format!("Runs `{}` without its cache.", parts.function.name);
    let name = naming.name("uncached");
    quote! {
        #[doc = #docs]
        #[allow(
            clippy::missing_errors_doc,
            clippy::missing_inline_in_public_items,
            clippy::missing_panics_doc
        )]
        #(#lints)*
        #vis async fn #name #generics (#(#inputs),*) #output #clause #body
    }
}

fn refresh(parts: &Parts<'_>, naming: Naming<'_>) -> TokenStream {
    let function = parts.function;
    let (vis, sig) = (&function.vis, &function.sig);
    let (generics, clause) = (&sig.generics, &sig.generics.where_clause);
    let future = future(function, &function.output);
    let plain = function.arguments.iter().map(|argument| &argument.plain);
    let docs = format!(
        "Runs `{}` and keeps what it gives in place of what was kept.",
        function.name
    );
    let (name, uncached) = (naming.name("refresh"), naming.name("uncached"));
    let run = parts.run("Nothing", &quote!(Self), &uncached);
    quote! {
        #[doc = #docs]
        #vis fn #name #generics (#(#plain),*) -> #future #clause {
            #run
        }
    }
}

/// What companions return that wait for something. They hand the runtime's future on: a function that awaits
/// it has a state machine of its own, which takes the compiler as long as all the rest of a companion.
fn future(function: &Function, output: &TokenStream) -> TokenStream {
    quote_spanned!(function.result_span()=> impl ::core::future::Future<Output = #output>)
}

/// Those that don't run it.
fn others(parts: &Parts<'_>, options: &CachedOptions, naming: Naming<'_>) -> [TokenStream; 5] {
    let Parts {
        function,
        runtime,
        node_type,
        ..
    } = parts;
    let (vis, output, of) = (&function.vis, &function.output, &function.name);
    let finds = |argument: &&Argument| argument.finds_runtime;
    let tells = |argument: &&Argument| argument.finds_runtime || argument.is_keyed();
    let is_keyed = |argument: &&Argument| argument.is_keyed() || argument.ident == "self";
    let plain = |of: &dyn Fn(&&Argument) -> bool| -> Vec<_> {
        let arguments = function.arguments.iter().filter(of);
        arguments.map(|argument| &argument.plain).collect()
    };
    let (keyed, told) = (plain(&is_keyed), plain(&tells));
    let (generics, clause) = (&function.sig.generics, &function.sig.generics.where_clause);
    let where_from: Vec<_> = function.arguments.iter().filter(finds).collect();
    let places = where_from.iter().map(|argument| &argument.plain);
    let place_generics = function.generics_of(where_from.iter().copied());
    let place_clause = &place_generics.where_clause;
    let bound = options
        .bound
        .as_ref()
        .map(|path| quote!(::cacheme::private::function::stats_of::<#path>(#runtime)));
    let ident = &function.sig.ident;
    let stats = bound.unwrap_or_else(|| match naming {
        Naming::Plain => quote!(::cacheme::private::function::stats::<#ident>(#runtime)),
        Naming::Behind(_) => quote! {
            ::cacheme::private::function::method_stats(
                #runtime,
                ::core::concat!(::core::module_path!(), "::", #of),
                ::core::any::type_name::<Self>(),
            )
        },
    });
    let done = future(function, &quote!(::cacheme::Result<()>));
    let found = future(
        function,
        &quote!(::cacheme::Result<::core::option::Option<#output>>),
    );
    // Where the arguments are for nothing else, the companion that makes the node of them does it.
    let turbofish = function.turbofish();
    let node = match naming {
        Naming::Plain if options.runtime.is_none() => {
            let keyed = function.keyed().map(|argument| &argument.ident);
            quote!(Self::node #turbofish (#(#keyed),*))
        }
        _ => parts.node.clone(),
    };
    let look = parts.call("get_cached", &node, &TokenStream::new());
    let keep = parts.call("prime", &node, &quote!(__result));
    let docs = [
        format!(
            "Removes what is kept of a call of `{of}` from its tiers.\n\n# Errors\n\nAs \
             `cacheme::invalidate`."
        ),
        format!(
            "What is kept of a call of `{of}`, which doesn't run; `None` if nothing is.\n\n\
             # Errors\n\nAs `cacheme::get_if_present`."
        ),
        format!("Keeps a result as if `{of}` had just given it.\n\n# Errors\n\nAs `cacheme::put`."),
        format!("The node of a call of `{of}`."),
        format!("The figures of `{of}`."),
    ];
    let [invalidates, looks, primes, names, counts] = docs;
    let [invalidate, get_cached, prime, of_call, stats_name] =
        ["invalidate", "get_cached", "prime", "node", "stats"].map(|name| naming.name(name));
    let invalidate = quote! {
        #[doc = #invalidates]
        #vis fn #invalidate #generics (#(#told),*) -> #done #clause {
            ::cacheme::Cacheme::invalidate(#runtime, #node)
        }
    };
    let get_cached = quote! {
        #[doc = #looks]
        #vis fn #get_cached #generics (#(#told),*) -> #found #clause {
            #look
        }
    };
    let prime = quote! {
        #[doc = #primes]
        #vis fn #prime #generics (#(#told,)* __result: #output) -> #done #clause {
            #keep
        }
    };
    let made = &parts.node;
    let of_call = quote! {
        #[doc = #names]
        #vis fn #of_call #generics (#(#keyed),*) -> #node_type #clause {
            #made
        }
    };
    let stats = quote! {
        #[doc = #counts]
        #vis fn #stats_name #place_generics (#(#places),*) -> ::cacheme::Stats #place_clause {
            #stats
        }
    };
    [invalidate, get_cached, prime, of_call, stats]
}
