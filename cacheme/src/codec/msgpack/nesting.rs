//! Whether bytes are one whole value of MessagePack, nested no deeper than the limit.
//!
//! `rmp-serde` bounds the depth of arrays and maps, but not of enums, so that a few bytes per level
//! could overflow the stack. This pass over the bytes doesn't recurse.

use std::fmt;

use super::limit::DEPTH;

/// Why bytes are not a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Malformed {
    Cut,
    Trailing,
    TooDeep,
    Reserved,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cut => "the value is cut short",
            Self::Trailing => "something follows the value",
            Self::TooDeep => "the value is nested too deep",
            Self::Reserved => "the value has a marker that MessagePack never uses",
        })
    }
}

impl std::error::Error for Malformed {}

/// Refuses all but one whole value.
pub(super) fn check(bytes: &[u8]) -> Result<(), Malformed> {
    let mut rest = Rest(bytes);
    // How many values each array or map that is open still lacks.
    let mut open = [0_u64; DEPTH];
    let mut depth = 0;
    loop {
        if let Some(lacking) = rest.value()? {
            *open.get_mut(depth).ok_or(Malformed::TooDeep)? = lacking;
            depth += 1;
        }
        while depth > 0 && open[depth - 1] == 0 {
            depth -= 1;
        }
        if depth == 0 {
            break;
        }
        open[depth - 1] -= 1;
    }
    if rest.0.is_empty() {
        Ok(())
    } else {
        Err(Malformed::Trailing)
    }
}

struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    /// Passes a marker and the bytes that belong to it; for an array or map, says how many values
    /// follow that are in it.
    fn value(&mut self) -> Result<Option<u64>, Malformed> {
        let marker = self.number(1)?;
        let data = match marker {
            // Small integers, nil, false, true.
            0x00..=0x7f | 0xc0 | 0xc2 | 0xc3 | 0xe0..=0xff => 0,
            0x80..=0x8f => return Ok(Some(2 * (marker & 0x0f))),
            0x90..=0x9f => return Ok(Some(marker & 0x0f)),
            0xa0..=0xbf => marker & 0x1f,
            0xc1 => return Err(Malformed::Reserved),
            // Bytes, extensions with their type, floats, integers, strings.
            0xc4 | 0xd9 => self.number(1)?,
            0xc5 | 0xda => self.number(2)?,
            0xc6 | 0xdb => self.number(4)?,
            0xc7 => 1 + self.number(1)?,
            0xc8 => 1 + self.number(2)?,
            0xc9 => 1 + self.number(4)?,
            0xcc | 0xd0 => 1,
            0xcd | 0xd1 => 2,
            0xca | 0xce | 0xd2 => 4,
            0xcb | 0xcf | 0xd3 => 8,
            0xd4..=0xd8 => 1 + (1 << (marker - 0xd4)),
            0xdc => return self.number(2).map(Some),
            0xdd => return self.number(4).map(Some),
            0xde => return Ok(Some(2 * self.number(2)?)),
            _ => return Ok(Some(2 * self.number(4)?)),
        };
        let data = usize::try_from(data).map_err(|_| Malformed::Cut)?;
        self.0 = self.0.get(data..).ok_or(Malformed::Cut)?;
        Ok(None)
    }

    /// Takes a number of so many bytes.
    fn number(&mut self, bytes: usize) -> Result<u64, Malformed> {
        let (number, rest) = self.0.split_at_checked(bytes).ok_or(Malformed::Cut)?;
        self.0 = rest;
        Ok(number
            .iter()
            .fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }
}
