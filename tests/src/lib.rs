//! What the integration tests of cacheme share. The tests themselves are in `suite/`, one binary
//! whose modules mirror the sources.

pub mod loader;
pub mod memory;
pub mod redis;
pub mod strict;
pub mod wait;

/// The README's code, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
