//! Two things that only instructions of the CPU do well: to ask for memory that is going to be read,
//! and to compare sixteen bytes at once.
//!
//! They are the rest of the crate's unsafe code, besides [`lock`](crate::lock), and behind safe functions
//! that do the same, slower or not at all, on other CPUs. They are apart from the lock, with which they
//! have nothing to do. `throughput --mix get-or-insert` of the
//! benchmarks shows what they bring: about an eighth of an insertion each.

#[cfg(all(target_arch = "x86_64", not(miri)))]
use std::arch::x86_64::{
    _MM_HINT_T0, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_prefetch, _mm_set1_epi8,
};

/// Asks for the first line of a value. Never reads it.
#[inline]
pub(crate) fn prefetch<T>(value: &T) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: SSE is part of every x86-64, and a prefetch changes nothing but what is in the CPU's cache,
    // whatever the address.
    unsafe {
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(value).cast());
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = value;
}

/// A bit for each of the bytes, set where it is the wanted one.
#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline]
pub(crate) fn matches(bytes: &[u8; 16], wanted: u8) -> u32 {
    // SAFETY: SSE2 is part of every x86-64, and the load, which needs no alignment, reads just the bytes.
    let equal = unsafe {
        let bytes = _mm_loadu_si128(bytes.as_ptr().cast());
        _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(wanted.cast_signed())))
    };
    equal.cast_unsigned()
}

/// A bit for each of the bytes, set where it is the wanted one.
#[cfg(not(all(target_arch = "x86_64", not(miri))))]
#[inline]
pub(crate) fn matches(bytes: &[u8; 16], wanted: u8) -> u32 {
    let equal = |byte: &u8| u32::from(*byte == wanted);
    let places = (0..).zip(bytes);
    places.fold(0, |bits, (at, byte)| bits | equal(byte) << at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_of_the_wanted_byte_has_its_bit() {
        let bytes = *b"a-b-a---zz-----a";
        assert_eq!(matches(&bytes, b'a'), 0b1000_0000_0001_0001);
        assert_eq!(matches(&bytes, b'z'), 0b0000_0011_0000_0000);
        assert_eq!(matches(&bytes, 0), 0);
    }
}
