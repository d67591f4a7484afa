//! What the integration tests of cacheme share. The tests themselves are in `suite/`, one binary
//! whose modules mirror the sources.

pub mod certificate;
pub mod coded;
pub mod history;
pub mod loader;
pub mod memory;
pub mod mongodb;
pub mod mysql;
pub mod postgres;
pub mod proxy;
pub mod redis;
pub mod server;
pub mod skewed;
pub mod source;
pub mod strict;
pub mod wait;

use std::time::Duration;

/// How often the program `load` says a line.
pub const PERIOD: Duration = Duration::from_millis(250);

/// The README's code, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// The code in the docs of the attribute on functions, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../cacheme-macros/docs/cached.md")]
struct Cached;

/// The worked example of a storage, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../docs/CONTRIBUTING.md")]
struct Contributing;
