#![no_implicit_prelude]
#![deny(warnings, clippy::pedantic, missing_docs)]
//! Generated code names everything by its whole path.

macro_rules! concat {
    () => {};
}
macro_rules! module_path {
    () => {};
}
macro_rules! unused {
    () => {
        concat!();
        module_path!();
    };
}

/// A trait whose methods are named like those of generated code.
pub trait Confusing {
    /// Not `Clone`.
    fn clone(&self) {}
    /// Not `Node`.
    fn same(&self, _: &Self) {}
    /// Not `KeyWriter`.
    fn literal(&self, _: u8) {}
    /// Not `Meta`.
    fn with_tier(&self) {}
}

impl<T> Confusing for T {}

/// Not that of std.
pub struct String;
/// Not that of std.
pub struct Option;
/// Not that of core.
pub mod core {}
/// Not the crate.
pub mod cacheme {}

/// A node.
#[::cacheme::node(storage = "hot", ttl = "1m", key = "user:{id}/{name}", tags("{name}{id}", "all"))]
pub struct UserInfo {
    id: u64,
    name: ::std::string::String,
}

/// A node.
#[derive(::cacheme::Node)]
#[node(caches(cache(storage = "hot", ttl = "1m"), cache(storage = "cold")))]
pub enum Page<T, const N: usize> {
    /// A variant.
    Home,
    /// A variant.
    Of(T, [u8; 4]),
    /// A variant.
    At {
        /// A field.
        step: T,
    },
}

fn main() {
    unused!();
    let id = UserInfo {
        id: 1,
        name: ::std::string::String::new(),
    };
    let _ = ::cacheme::Node::duplicate(&id);
    let _ = ::cacheme::Node::same(&Page::<u8, 3>::Home, &Page::Home);
}
