//! All integration tests, in modules that mirror the sources.

mod allocation;
mod bus;
mod codec;
mod debounce;
mod dynamic;
mod event;
mod fetch;
mod function;
mod key;
mod lease;
mod node;
mod pending;
mod python;
mod runtime;
mod storage;
mod testing;
