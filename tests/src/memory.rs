//! A storage that does what the test says; it has become public, for users' tests.

pub use cacheme::testing::{Call, MemoryStorage, Mode, Operation};
