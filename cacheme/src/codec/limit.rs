//! How long and how deep an encoded value may be.

use std::fmt;
use std::io::{self, Write};

use crate::error::BoxError;

/// The longest encoded value, in bytes: 64 MiB.
pub(super) const LENGTH: usize = 64 << 20;

/// How many sequences, maps, structs and variants with content may stand in one another. It is what
/// `serde_json` reads.
pub(super) const DEPTH: usize = 127;

/// An encoded value is longer than [`LENGTH`].
#[derive(Debug)]
pub(super) struct TooLong;

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the encoded value is longer than {} MiB", LENGTH >> 20)
    }
}

impl std::error::Error for TooLong {}

/// Refuses a value that is too long to be read.
pub(super) fn check(bytes: &[u8]) -> Result<(), TooLong> {
    if bytes.len() > LENGTH {
        return Err(TooLong);
    }
    Ok(())
}

/// Calls `write` with the end of `out`, which takes [`LENGTH`] bytes more.
pub(super) fn within<E: Into<BoxError>>(
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Bounded<'_>) -> Result<(), E>,
) -> Result<(), BoxError> {
    let mut bounded = Bounded {
        out,
        left: LENGTH,
        is_full: false,
    };
    match write(&mut bounded) {
        Err(_) if bounded.is_full => Err(TooLong.into()),
        written => written.map_err(Into::into),
    }
}

/// The end of a buffer, up to a limit.
#[derive(Debug)]
pub(super) struct Bounded<'a> {
    out: &'a mut Vec<u8>,
    left: usize,
    is_full: bool,
}

impl Write for Bounded<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(left) = self.left.checked_sub(bytes.len()) else {
            self.is_full = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        };
        self.left = left;
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
