//! For tests: what every storage has to do, as a suite to run against one of your own.

mod conformance;

pub use self::conformance::Conformance;
