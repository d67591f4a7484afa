//! Frames of entries.
//!
//! `cargo +nightly fuzz run envelope fuzz/corpus/envelope fuzz/seeds/envelope`, in `cacheme`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cacheme::fuzzing::envelope(data));
