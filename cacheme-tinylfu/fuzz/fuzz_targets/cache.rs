//! Arbitrary operations on a cache and on a model that knows what must be in it.
//!
//! `cargo +nightly fuzz run cache`, in `cacheme-tinylfu`.

#![no_main]

mod input;
mod model;

use libfuzzer_sys::fuzz_target;

use crate::input::Input;
use crate::model::Model;

fuzz_target!(|input: Input| {
    let mut model = Model::new(&input.settings);
    for op in &input.ops {
        model.apply(op);
        model.compare();
    }
});
