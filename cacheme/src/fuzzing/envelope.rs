//! Frames: arbitrary ones, ones whose checksum belongs to them, and ones that were changed.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use twox_hash::XxHash3_64;

use super::input::Input;
use crate::clock::NEVER;
use crate::envelope::{Opened, Seal, Span, names_tags};

/// Opens frames: what opens is what was closed.
///
/// # Panics
///
/// When it isn't.
pub fn envelope(data: &[u8]) {
    let mut input = Input::new(data);
    match input.below(3) {
        0 => arbitrary(input.rest()),
        1 => forged(input),
        _ => changed(input),
    }
}

const SEAL: Seal = Seal {
    codec: 1,
    fingerprint: 2,
    digest: 3,
};

/// Where the header ends.
const HEADER: usize = 48;

fn arbitrary(frame: &[u8]) {
    let _ = names_tags(frame);
    if let Ok(opened) = SEAL.open(frame, Duration::ZERO, Duration::ZERO) {
        is_as_written(frame, &opened);
    }
}

/// A frame by somebody who can count its length and its checksum.
fn forged(mut input: Input<'_>) {
    let (now, stale) = (input.millis(), input.millis());
    let mut frame = vec![0; HEADER];
    frame[..6].copy_from_slice(b"CCHM\x01\x01");
    frame[6] = input.below(3);
    frame[8..16].copy_from_slice(&SEAL.fingerprint.to_le_bytes());
    frame[16..24].copy_from_slice(&SEAL.digest.to_le_bytes());
    frame[24..32].copy_from_slice(&input.word().to_le_bytes());
    frame[32..40].copy_from_slice(&input.word().to_le_bytes());
    let inside = input.rest();
    frame[40..48].copy_from_slice(&(inside.len() as u64).to_le_bytes());
    frame.extend(inside);
    let checksum = XxHash3_64::oneshot(&frame);
    frame.extend(checksum.to_le_bytes());
    if let Ok(opened) = SEAL.open(&frame, now, stale) {
        assert_ne!(opened.left, Some(Duration::ZERO));
        is_as_written(&frame, &opened);
    }
}

/// Closes what is in a frame once more.
fn is_as_written(frame: &[u8], opened: &Opened<'_>) {
    let word = |at: usize| {
        frame[at..]
            .first_chunk()
            .map(|word| u64::from_le_bytes(*word))
    };
    let expires = word(32).unwrap_or_default();
    let left = (expires != NEVER).then(|| expires.checked_sub(opened.created));
    let tags: Vec<_> = opened.tags.into_iter().collect();
    if opened.created == NEVER || left == Some(None) || names_tags(frame) == tags.is_empty() {
        // Nobody closes such a one: an hour that doesn't come, an end before the start, a list of no tags.
        return;
    }
    let span = Span {
        now: Duration::from_millis(opened.created),
        age: Duration::ZERO,
        earliest: 0,
        ttl: left.flatten().map(Duration::from_millis),
    };
    let tags = tags
        .into_iter()
        .map(|(name, version)| (name.into(), version));
    let again = close(&SEAL, span, &tags.collect::<Vec<_>>(), opened.value);
    assert_eq!(again, frame);
}

fn close(seal: &Seal, span: Span, tags: &[(Arc<str>, u64)], value: &[u8]) -> Bytes {
    let encode = |out: &mut Vec<u8>| {
        out.extend(value);
        Ok(())
    };
    seal.close(span, tags, encode).expect("nothing fails in it")
}

/// A frame that is opened as it was closed, and not at all once it was changed.
fn changed(mut input: Input<'_>) {
    let seal = seal(&mut input);
    let span = Span {
        now: input.millis(),
        age: input.millis(),
        earliest: 0,
        ttl: (input.below(2) > 0).then(|| input.millis()),
    };
    let tags: Vec<(Arc<str>, u64)> = (0..input.below(4))
        .map(|_| (input.text().into(), input.word()))
        .collect();
    let (value, after, stale) = (input.some(), input.millis(), input.millis());
    let frame = close(&seal, span, &tags, value);
    let now = span.now.saturating_add(after);
    if let Ok(opened) = seal.open(&frame, now, stale) {
        let listed = opened.tags.into_iter();
        assert!(listed.eq(tags.iter().map(|(name, version)| (&**name, *version))));
        assert_eq!(opened.value, value);
        let ended = span.ttl.is_some_and(|ttl| after >= ttl);
        assert_eq!(opened.is_stale, ended);
    } else {
        let ttl = span.ttl.expect("what has no end is always opened");
        assert!(after >= ttl.saturating_add(stale));
    }
    let other = self::seal(&mut input);
    if other != seal {
        assert!(other.open(&frame, now, stale).is_err());
    }
    let damaged = damaged(&frame, input);
    if damaged != frame && !is_forged(&damaged) {
        assert!(seal.open(&damaged, now, stale).is_err());
    }
}

/// Whether the checksum belongs to what stands before: a fuzzer learns it from what it is compared with.
fn is_forged(frame: &[u8]) -> bool {
    let split = frame.split_last_chunk();
    split.is_some_and(|(body, checksum)| XxHash3_64::oneshot(body) == u64::from_le_bytes(*checksum))
}

fn seal(input: &mut Input<'_>) -> Seal {
    Seal {
        codec: input.byte(),
        fingerprint: input.word(),
        digest: input.word(),
    }
}

/// Flips bits, cuts and adds.
fn damaged(frame: &[u8], mut input: Input<'_>) -> Vec<u8> {
    let mut frame = frame.to_vec();
    for _ in 0..=input.below(4) {
        let at = usize::from(input.byte()) % frame.len();
        frame[at] ^= input.byte();
    }
    let cut = usize::from(input.byte());
    frame.truncate(frame.len() - cut.min(frame.len()));
    frame.extend(input.rest());
    frame
}
