//! URLs of storages.
//!
//! `cargo +nightly fuzz run url fuzz/corpus/url fuzz/seeds/url`, in `cacheme`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cacheme::fuzzing::url(data));
