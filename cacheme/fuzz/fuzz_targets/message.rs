//! What comes over a bus.
//!
//! `cargo +nightly fuzz run message fuzz/corpus/message fuzz/seeds/message`, in `cacheme`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cacheme::fuzzing::message(data));
