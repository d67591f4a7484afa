//! Keys of nodes.
//!
//! `cargo +nightly fuzz run key fuzz/corpus/key fuzz/seeds/key`, in `cacheme`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cacheme::fuzzing::key(data));
