#![no_implicit_prelude]
#![deny(warnings, clippy::pedantic, missing_docs, missing_debug_implementations, unreachable_pub)]
//! Cached functions where nothing is imported, as methods, in functions and by `macro_rules`.

/// A trait whose methods are named like those of generated code.
pub trait Confusing {
    /// Not that of a shape.
    fn shape(&self) {}
    /// Not `Clone`.
    fn clone(&self) {}
}

impl<T> Confusing for T {}

/// Not that of core.
pub mod core {}
/// Not the crate.
pub mod cacheme {}

/// A function.
#[::cacheme::cached(storage = "hot", ttl = "1m", key = "{T}/{number}/{name}", tags("{name}", "{T}"))]
pub async fn free<T: ::cacheme::KeyPart + ::serde::de::DeserializeOwned>(
    number: T,
    name: &::std::primitive::str,
    #[skip] _flag: bool,
) -> ::std::option::Option<T> {
    let _ = name;
    ::std::option::Option::Some(number)
}

/// A service.
#[derive(Debug)]
pub struct Service<T>(T);

impl<T: ::std::marker::Send + ::std::marker::Sync + 'static> Service<T> {
    /// A method.
    ///
    /// # Errors
    ///
    /// None.
    #[::cacheme::cached(storage = "hot")]
    pub async fn method(
        #[skip] &self,
        mut number: u64,
    ) -> ::std::result::Result<u64, ::cacheme::Error> {
        number += 1;
        let _ = &self.0;
        ::std::result::Result::Ok(number)
    }
}

macro_rules! functions {
    ($($name:ident: $ty:ty)*) => {$(
        /// A function.
        #[::cacheme::cached(storage = "hot")]
        pub async fn $name(of: $ty) -> $ty {
            of
        }
    )*};
}

functions! { one: u8 two: ::std::string::String }

mod inside {
    #[::cacheme::cached(storage = "hot")]
    #[expect(clippy::unused_async, reason = "it is short")]
    pub(super) async fn visible(r#type: u8) -> u8 {
        r#type
    }
}

fn main() {
    #[::cacheme::cached(storage = "hot")]
    async fn local(of: u8) -> u8 {
        of
    }

    let node = free::node(7_u64, "name");
    let key = ::cacheme::global().key(&node);
    ::std::assert_eq!(
        ::std::string::ToString::to_string(&::std::result::Result::unwrap(key)),
        "u64/7/name"
    );
    ::std::mem::drop((local(1), local::uncached(1), inside::visible(1), one(1)));
    ::std::mem::drop(two(::std::string::String::new()));
    ::std::mem::drop(Service(()).method_invalidate(1));
}
