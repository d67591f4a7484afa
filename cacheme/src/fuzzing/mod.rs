//! What the fuzz targets in `cacheme/fuzz` run, a function each: for arbitrary bytes it returns, and what has
//! to hold holds. It is there under `--cfg fuzzing` and in tests, which run it on seeds and on changes of them.

#[cfg(all(
    feature = "bincode",
    feature = "json",
    feature = "msgpack",
    feature = "zstd"
))]
mod codec;
mod envelope;
mod input;
mod key;
mod message;
mod url;

#[cfg(all(
    feature = "bincode",
    feature = "json",
    feature = "msgpack",
    feature = "zstd"
))]
pub use self::codec::codec;
pub use self::envelope::envelope;
pub use self::key::key;
pub use self::message::message;
pub use self::url::url;

#[cfg(test)]
mod tests;
