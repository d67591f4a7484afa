//! All integration tests, in modules that mirror the sources.

mod allocation;
mod bus;
mod codec;
mod dynamic;
mod fetch;
mod function;
mod key;
mod node;
mod python;
mod runtime;
mod storage;
mod testing;
