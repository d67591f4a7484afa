//! Runnable programs that use cacheme, each short enough to read at once: `quickstart` digests the
//! files of a folder through a chain of memory and disk (`cargo run --release --example quickstart
//! [FOLDER]`); `in_process` uses the cache in process by itself (`cargo run --release --example
//! in_process`); `hit_cost` measures what a hit costs (`cargo run --release --example hit_cost`).
