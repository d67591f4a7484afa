//! Each target on its seeds, and on changes of them that are the same in every run.

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

/// Numbers that look random (Steele et al., "Fast Splittable Pseudorandom Number Generators", 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut next = self.0;
        next = (next ^ (next >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        next = (next ^ (next >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        next ^ (next >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        let next = self.next() % end.max(1) as u64;
        usize::try_from(next).unwrap_or(0)
    }

    /// A number that is seldom large.
    fn length(&mut self) -> usize {
        1 + self.below(8) * self.below(8)
    }
}

/// Makes one change of bytes, for which `other` may give some.
fn change(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let at = random.below(bytes.len() + 1);
    let end = (at + random.length()).min(bytes.len());
    let from = random.below(other.len() + 1);
    let to = (from + random.length()).min(other.len());
    let byte = random.next().to_le_bytes()[0];
    match random.below(6) {
        0 if at < bytes.len() => bytes[at] ^= 1 << (byte % 8),
        1 if at < bytes.len() => bytes[at] = byte,
        2 => bytes.insert(at, byte),
        3 => drop(bytes.drain(at..end)),
        4 => bytes.extend_from_within(at..end),
        _ => drop(bytes.splice(at..end, other[from..to].iter().copied())),
    }
}

/// Runs a target on its seeds, and on so many changes of them.
fn replay(name: &str, target: fn(&[u8]), changes: usize) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/seeds")
        .join(name);
    let files = fs::read_dir(&folder).expect("there are seeds");
    let mut paths: Vec<_> = files
        .map(|file| file.expect("it is there").path())
        .collect();
    paths.sort();
    let seeds: Vec<_> = paths
        .iter()
        .map(|path| fs::read(path).expect("it can be read"))
        .collect();
    let run = |bytes: &[u8]| {
        assert!(
            catch_unwind(|| target(bytes)).is_ok(),
            "{name} fails for {bytes:02x?}"
        );
    };
    for seed in &seeds {
        run(seed);
    }
    let mut random = Random(1);
    for round in 0..changes {
        let mut bytes = seeds[round % seeds.len()].clone();
        for _ in 0..=random.below(4) {
            let other = &seeds[random.below(seeds.len())];
            change(&mut bytes, other, &mut random);
        }
        run(&bytes);
    }
}

#[cfg(all(
    feature = "bincode",
    feature = "json",
    feature = "msgpack",
    feature = "zstd"
))]
#[test]
fn promise_5_codecs_read_what_they_wrote_or_nothing() {
    replay("codec", super::codec, 20_000);
}

#[test]
fn promise_5_frames_open_as_they_were_closed_or_not_at_all() {
    replay("envelope", super::envelope, 20_000);
}

#[test]
fn promise_6_keys_tell_apart_what_is_not_the_same() {
    replay("key", super::key, 20_000);
}

#[test]
fn messages_mean_what_was_told_or_nothing() {
    replay("message", super::message, 20_000);
}

#[test]
fn urls_are_read_and_show_no_password() {
    replay("url", super::url, 20_000);
}
