//! What is sealed and opened, and how it stands in a storage.

use super::*;

const SEAL: Seal = Seal {
    codec: 1,
    fingerprint: 2,
    digest: 3,
};
const NOW: Duration = Duration::from_secs(1000);
const AGE: Duration = Duration::from_secs(5);
const TTL: Duration = Duration::from_secs(60);
const FRESH: Duration = Duration::ZERO;

fn frame(ttl: Option<Duration>) -> Bytes {
    tagged(ttl, &[])
}

fn tagged(ttl: Option<Duration>, tags: &[(Arc<str>, u64)]) -> Bytes {
    let encode = |out: &mut Vec<u8>| {
        out.extend(b"the value");
        Ok(())
    };
    let span = Span {
        now: NOW,
        age: AGE,
        earliest: 0,
        ttl,
    };
    SEAL.close(span, tags, encode).expect("encode succeeds")
}

/// Has a frame that was changed end in its checksum.
fn sign(frame: &mut [u8]) {
    let end = frame.len() - CHECKSUM;
    let checksum = XxHash3_64::oneshot(&frame[..end]).to_le_bytes();
    frame[end..].copy_from_slice(&checksum);
}

/// Tags as they are written, of which one has no name.
fn tags() -> [(Arc<str>, u64); 3] {
    [
        ("tenant:7".into(), 1),
        ("".into(), u64::MAX),
        ("é".into(), 0),
    ]
}

/// The checksum and the digests are those of the XXH3 of its authors: entries outlive the program that wrote them.
#[test]
fn the_stored_form_stays_what_it_is() {
    let body: [&[u8]; 8] = [
        b"CCHM\x01\x01\x00\x00",
        &2_u64.to_le_bytes(),
        &3_u64.to_le_bytes(),
        &995_000_u64.to_le_bytes(),
        &1_060_000_u64.to_le_bytes(),
        &9_u64.to_le_bytes(),
        b"the value",
        &0x1ffc_0894_f733_35bf_u64.to_le_bytes(),
    ];
    assert_eq!(frame(Some(TTL)), body.concat());
    let meta = Meta::new("User", "users::User", "user:{id}").with_version("v1");
    assert_eq!(Seal::seed(&meta), 0x6335_b51f_9508_bcff);
    assert_eq!(Seal::digest(7, "user:1"), 0x4871_460d_0200_f525);
    assert_eq!(Seal::digest(7, &"k".repeat(300)), 0xb030_c709_88b6_c175);
}

#[test]
fn opens_what_it_closed() {
    let opened = |left, age| {
        let value = &b"the value"[..];
        let tags = Listed::default();
        Ok(Opened {
            value,
            left,
            is_stale: false,
            created: millis(NOW.saturating_sub(AGE)),
            age,
            tags,
        })
    };
    assert_eq!(SEAL.open(&frame(None), NOW, FRESH), opened(None, AGE));
    let passed = Duration::from_secs(20);
    let left = Some(Duration::from_secs(40));
    assert_eq!(
        SEAL.open(&frame(Some(TTL)), NOW + passed, FRESH),
        opened(left, AGE + passed)
    );
    // By a clock that is behind the one it was written by.
    let before = Duration::from_secs(991);
    assert_eq!(
        SEAL.open(&frame(None), before, FRESH),
        opened(None, Duration::ZERO)
    );
}

#[test]
fn opens_an_old_one_for_who_takes_it() {
    let (frame, second) = (frame(Some(TTL)), Duration::from_secs(1));
    let open = |after, stale| SEAL.open(&frame, NOW + TTL + after, stale);
    let old = open(second, 5 * second).expect("it is old for 1 of 5 s");
    assert_eq!((old.is_stale, old.left), (true, Some(4 * second)));
    assert_eq!(old.age, AGE + TTL + second);
    assert_eq!(open(5 * second, 5 * second), Err(Miss::Expired));
    assert_eq!(open(second, FRESH), Err(Miss::Expired));
    let fresh = SEAL.open(&frame, NOW, 5 * second).expect("it is fresh");
    assert_eq!((fresh.is_stale, fresh.left), (false, Some(TTL)));
}

#[test]
fn says_why_it_does_not_open() {
    let frame = frame(Some(TTL));
    assert_eq!(SEAL.open(&frame, NOW + TTL, FRESH), Err(Miss::Expired));
    let seal = |codec, fingerprint, digest| Seal {
        codec,
        fingerprint,
        digest,
    };
    assert_eq!(seal(9, 2, 3).open(&frame, NOW, FRESH), Err(Miss::Codec));
    assert_eq!(seal(1, 9, 3).open(&frame, NOW, FRESH), Err(Miss::Schema));
    assert_eq!(seal(1, 2, 9).open(&frame, NOW, FRESH), Err(Miss::Foreign));
    assert_eq!(SEAL.open(b"", NOW, FRESH), Err(Miss::Corrupt));
}

#[test]
fn does_not_open_what_a_later_version_flagged() {
    let mut frame = frame(None).to_vec();
    frame[6] = 2;
    sign(&mut frame);
    assert_eq!(SEAL.open(&frame, NOW, FRESH), Err(Miss::Foreign));
}

#[test]
fn tags_are_read_as_they_were_written() {
    let tags = tags();
    let frame = tagged(None, &tags);
    assert!(names_tags(&frame) && !names_tags(&tagged(None, &[])));
    let opened = SEAL.open(&frame, NOW, FRESH).expect("it is whole");
    assert_eq!(opened.value, b"the value");
    let listed: Vec<_> = opened.tags.into_iter().collect();
    assert!(
        listed
            .iter()
            .copied()
            .eq(tags.iter().map(|(name, version)| (&**name, *version)))
    );
}

#[test]
fn more_tags_than_there_are_bytes_are_a_miss() {
    let mut frame = tagged(None, &tags()).to_vec();
    frame[HEADER..HEADER + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    sign(&mut frame);
    assert_eq!(SEAL.open(&frame, NOW, FRESH), Err(Miss::Corrupt));
}

#[test]
fn every_cut_and_every_flipped_bit_is_a_miss() {
    let frame = tagged(Some(TTL), &tags());
    for end in 0..frame.len() {
        assert!(
            SEAL.open(&frame[..end], NOW, FRESH).is_err(),
            "cut at {end}"
        );
    }
    for bit in 0..frame.len() * 8 {
        let mut damaged = frame.to_vec();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(SEAL.open(&damaged, NOW, FRESH).is_err(), "bit {bit}");
    }
    let longer = [&frame[..], b"x"].concat();
    assert!(SEAL.open(&longer, NOW, FRESH).is_err());
}
