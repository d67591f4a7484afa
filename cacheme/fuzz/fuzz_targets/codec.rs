//! Values from somebody who can write to a storage.
//!
//! `cargo +nightly fuzz run codec fuzz/corpus/codec fuzz/seeds/codec`, in `cacheme`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cacheme::fuzzing::codec(data));
