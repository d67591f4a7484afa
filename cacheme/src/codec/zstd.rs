//! Zstandard around another codec.
//!
//! One byte stands in front: 0 and the other codec's bytes as they are, or 1 and one Zstandard
//! frame of them that says how long they are.

use std::any::type_name;
use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;

use twox_hash::XxHash3_64;
use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::{find_frame_compressed_size, get_frame_content_size};

use super::{Codec, limit};
use crate::error::BoxError;

/// The codec `C`, compressed by Zstandard where that pays.
///
/// Values that `C` writes in fewer than `THRESHOLD` bytes (1 KiB by default) stay as they are, and
/// so do those that don't become smaller. `LEVEL` is Zstandard's, 1 (the default) to 19; the
/// [table](super#what-they-cost) says what it costs. Either may be changed at any time: entries
/// stay readable.
///
/// ```
/// use cacheme::Codec;
/// use cacheme::codec::{Bincode, Zstd};
///
/// #[cacheme::node(storage = "far", codec = Zstd<Bincode, 4096>)]
/// struct Page {
///     number: u64,
/// }
///
/// # fn main() -> Result<(), cacheme::BoxError> {
/// let text = "the same again and again, ".repeat(1000);
/// let mut bytes = Vec::new();
/// Zstd::<Bincode>::encode(&text, &mut bytes)?;
/// assert!(bytes.len() < 100);
/// let back: String = Zstd::<Bincode>::decode(&bytes)?;
/// assert_eq!(back, text);
/// # Ok(())
/// # }
/// ```
///
/// Its [`ID`](Codec::ID) is that of `C` with bit 6 flipped (`Bincode` is 1, `Zstd<Bincode>` is 65),
/// and its fingerprint is made from that of `C`, so that the two never read each other's entries.
///
/// Reading takes no more memory than the entry says, never more than 64 MiB, and never more than
/// its length can unpack to; an entry that says otherwise is corrupt.
///
/// Compression happens on the thread that writes the entry, some microseconds for each KiB.
pub struct Zstd<C, const THRESHOLD: usize = 1024, const LEVEL: i32 = 1>(PhantomData<fn() -> C>);

impl<C, const THRESHOLD: usize, const LEVEL: i32> fmt::Debug for Zstd<C, THRESHOLD, LEVEL> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zstd<{}, {THRESHOLD}, {LEVEL}>", type_name::<C>())
    }
}

/// What the first byte says of the others.
const PLAIN: u8 = 0;
const FRAME: u8 = 1;

impl<V, C: Codec<V>, const THRESHOLD: usize, const LEVEL: i32> Codec<V>
    for Zstd<C, THRESHOLD, LEVEL>
{
    const ID: u8 = C::ID ^ 64;

    fn encode(value: &V, out: &mut Vec<u8>) -> Result<(), BoxError> {
        const { assert!(1 <= LEVEL && LEVEL <= 19, "a level of Zstandard is 1 to 19") };
        let flag = out.len();
        let start = flag + 1;
        out.push(PLAIN);
        C::encode(value, out)?;
        let plain = &out[start..];
        limit::check(plain)?;
        if plain.len() >= THRESHOLD
            && let Some(frame) = compress(plain, LEVEL)
        {
            out.truncate(start);
            out.extend_from_slice(&frame);
            out[flag] = FRAME;
        }
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<V, BoxError> {
        match bytes.split_first() {
            Some((&PLAIN, plain)) => C::decode(plain),
            Some((&FRAME, frame)) => C::decode(&decompress(frame)?),
            _ => Err(Malformed::Flag.into()),
        }
    }

    fn fingerprint() -> Result<u64, BoxError> {
        let inner = C::fingerprint()?.to_le_bytes();
        Ok(XxHash3_64::oneshot(&[&inner[..], b"zstd"].concat()))
    }
}

/// Why bytes are not what was written here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Malformed {
    Flag,
    Length,
    Trailing,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Flag => "neither plain nor compressed bytes",
            Self::Length => "the compressed bytes don't unpack to what they say",
            Self::Trailing => "something follows the compressed bytes",
        })
    }
}

impl std::error::Error for Malformed {}

/// Up to this many bytes, a thread's contexts are used again: to make them takes longer than to
/// compress a short value. Those of longer values would hold on to megabytes.
const REUSED: usize = 256 << 10;

thread_local! {
    static COMPRESSOR: RefCell<Compressor<'static>> = RefCell::default();
    static DECOMPRESSOR: RefCell<Decompressor<'static>> = RefCell::default();
}

/// The frame of some bytes, if it is shorter than they are.
fn compress(plain: &[u8], level: i32) -> Option<Vec<u8>> {
    let into = |compressor: &mut Compressor<'_>| {
        compressor.set_compression_level(level).ok()?;
        let mut frame = Vec::with_capacity(plain.len().checked_sub(1)?);
        // It is an error when it doesn't fit.
        compressor.compress_to_buffer(plain, &mut frame).ok()?;
        Some(frame)
    };
    if plain.len() > REUSED {
        return into(&mut Compressor::default());
    }
    // While a thread ends, its contexts are gone.
    let reused = COMPRESSOR.try_with(|compressor| into(&mut compressor.borrow_mut()));
    reused.unwrap_or_else(|_| into(&mut Compressor::default()))
}

/// The bytes of a frame.
fn decompress(frame: &[u8]) -> Result<Vec<u8>, BoxError> {
    let length = get_frame_content_size(frame).map_err(|_| Malformed::Length)?;
    let length = usize::try_from(length.ok_or(Malformed::Length)?)?;
    if length > limit::LENGTH {
        return Err(limit::TooLong.into());
    }
    // No frame unpacks to more than this: a block of 128 KiB takes 4 bytes.
    if length / (128 << 10) > frame.len() / 4 {
        return Err(Malformed::Length.into());
    }
    if find_frame_compressed_size(frame) != Ok(frame.len()) {
        return Err(Malformed::Trailing.into());
    }
    let into = |decompressor: &mut Decompressor<'_>| {
        let mut plain = Vec::with_capacity(length);
        decompressor.decompress_to_buffer(frame, &mut plain)?;
        Ok::<_, std::io::Error>(plain)
    };
    let reused = DECOMPRESSOR.try_with(|decompressor| into(&mut decompressor.borrow_mut()));
    let plain = reused.unwrap_or_else(|_| into(&mut Decompressor::default()))?;
    if plain.len() != length {
        return Err(Malformed::Length.into());
    }
    Ok(plain)
}
