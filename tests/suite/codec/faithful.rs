//! A value comes back as it was, or isn't written.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::net::IpAddr;
use std::time::Duration;

use cacheme::codec::{Bincode, Json, Msgpack, Zstd};
use cacheme::{Cacheme, Codec};
use cacheme_tests::memory::MemoryStorage;
use proptest::prelude::{any, proptest};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{back, encode, refused, tier};

/// Looks that every codec gives back what it was given.
fn everywhere<V: Serialize + DeserializeOwned + PartialEq + Debug>(value: &V) {
    assert_eq!(back::<Bincode, V>(value).expect("bincode"), *value);
    named(value);
}

/// The same for those that say what they write.
fn named<V: Serialize + DeserializeOwned + PartialEq + Debug>(value: &V) {
    assert_eq!(back::<Msgpack, V>(value).expect("msgpack"), *value);
    assert_eq!(back::<Json, V>(value).expect("json"), *value);
    let zstd = back::<Zstd<Json, 0>, V>(value);
    assert_eq!(zstd.expect("zstd"), *value);
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
struct Unit;

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
struct Newtype<T>(T);

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
struct Pair<A, B>(A, B);

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
struct Named<T> {
    plain: u8,
    generic: T,
    option: Option<Newtype<T>>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
enum Kind {
    A,
    Unit,
    Newtype(u64),
    Option(Option<bool>),
    Tuple(i8, String),
    Struct { deep: Vec<Kind> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
enum Flat {
    One,
    Two,
}

/// Bytes as serde has them: one value, not a sequence of numbers.
#[derive(Clone, Debug, PartialEq)]
struct Raw(Vec<u8>);

impl Serialize for Raw {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Raw;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Raw, E> {
                Ok(Raw(bytes.to_vec()))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Raw, A::Error> {
                let next = || seq.next_element().transpose();
                std::iter::from_fn(next).collect::<Result<_, _>>().map(Raw)
            }
        }
        deserializer.deserialize_byte_buf(Visitor)
    }
}

#[test]
fn structures_of_every_shape_come_back() {
    everywhere(&());
    everywhere(&Unit);
    everywhere(&vec![Unit, Unit]);
    everywhere(&Newtype(Newtype(7_u8)));
    everywhere(&Pair("a".to_owned(), 'ß'));
    everywhere(&[1_u16, 2, 3]);
    let kinds = [
        Kind::A,
        Kind::Unit,
        Kind::Newtype(u64::MAX),
        Kind::Option(None),
        Kind::Option(Some(true)),
        Kind::Tuple(-1, "日本\0".to_owned()),
    ];
    everywhere(&kinds);
    let deep = Kind::Struct {
        deep: kinds.to_vec(),
    };
    everywhere(&Some(deep.clone()));
    let option = Some(Newtype(deep.clone()));
    everywhere(&Named {
        plain: 1,
        generic: deep,
        option,
    });
    everywhere(&Named {
        plain: 1,
        generic: Pair(Some(1_u8), vec![None, Some(2_u64)]),
        option: None,
    });
    everywhere(&(Raw((0..=255).collect()), vec![0_u8, 255]));
    everywhere(&(
        Duration::from_millis(1500),
        "::1".parse::<IpAddr>().expect("an address"),
    ));
}

#[test]
fn numbers_of_every_size_come_back() {
    everywhere(&(u128::MAX, i128::MIN, u64::MAX, i64::MIN));
    everywhere(&(
        u128::from(u64::MAX) + 1,
        i128::from(i64::MIN) - 1,
        0_u128,
        -1_i128,
    ));
    for number in [0, 23, 127, 128, 255, 256, 65_535, 65_536, u64::MAX] {
        everywhere(&number);
        everywhere(&number.cast_signed());
    }
}

#[test]
fn maps_with_keys_that_are_no_strings_come_back() {
    everywhere(&HashMap::from([
        (7_u64, "x".to_owned()),
        (8, String::new()),
    ]));
    everywhere(&BTreeMap::from([(-7_i128, 'x')]));
    everywhere(&BTreeMap::from([(true, 1), (false, 2)]));
    everywhere(&BTreeMap::from([('ß', Flat::One)]));
    everywhere(&BTreeMap::from([(Flat::One, 1), (Flat::Two, 2)]));
    everywhere(&BTreeMap::<String, BTreeMap<u8, u8>>::new());
    // Those that JSON has no text for.
    let map = BTreeMap::from([((1_u8, 2_u8), "x".to_owned())]);
    assert_eq!(back::<Msgpack, _>(&map).expect("msgpack"), map);
    assert_eq!(refused::<Json, _>(&map), "key must be a string");
    let map = BTreeMap::from([(Kind::Newtype(1), 1)]);
    assert_eq!(back::<Msgpack, _>(&map).expect("msgpack"), map);
    assert_eq!(refused::<Json, _>(&map), "key must be a string");
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(untagged)]
enum Untagged {
    Number(u64),
    Text(String),
    Point { x: f64, y: f64 },
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(tag = "kind")]
enum Tagged {
    Point { x: i32 },
    Empty,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
struct Flattened {
    id: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(flatten)]
    more: BTreeMap<String, serde_json::Value>,
}

#[test]
fn types_that_need_a_self_describing_format_come_back() {
    named(&[
        Untagged::Number(7),
        Untagged::Text("7".to_owned()),
        Untagged::Point { x: 0.1, y: -0.0 },
    ]);
    named(&[Tagged::Point { x: -7 }, Tagged::Empty]);
    named(&json!({"a": [1, -1, 0.1, null, true, "x", {}], "b": u64::MAX, "": []}));
    for name in [None, Some("Ada".to_owned())] {
        let more = BTreeMap::from([("extra".to_owned(), json!([1, "two"]))]);
        named(&Flattened { id: 1, name, more });
    }
}

#[test]
fn a_field_that_is_left_out_is_refused_where_fields_have_no_names() {
    #[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
    struct Sparse {
        #[serde(skip_serializing_if = "Option::is_none", default)]
        first: Option<String>,
        second: Option<String>,
    }
    let second = Some("x".to_owned());
    let sparse = Sparse {
        first: None,
        second,
    };
    named(&sparse);
    let message = refused::<Bincode, _>(&sparse);
    assert!(
        message.starts_with("the field `first` is left out"),
        "{message}"
    );
    everywhere(&Sparse {
        first: Some(String::new()),
        second: None,
    });
}

#[test]
fn an_option_that_would_come_back_empty_is_refused() {
    fn empty<V: Serialize + DeserializeOwned + PartialEq + Debug>(value: &V) {
        assert_eq!(back::<Bincode, V>(value).expect("bincode"), *value);
        let expected =
            "`Some` of an empty value would be read back as `None` from this codec's format";
        assert_eq!(refused::<Msgpack, V>(value), expected);
        assert_eq!(refused::<Json, V>(value), expected);
    }
    empty(&Some(()));
    empty(&Some(None::<u8>));
    empty(&Some(Newtype(None::<u8>)));
    empty(&vec![BTreeMap::from([(
        1,
        Named {
            plain: 1,
            generic: Some(None::<u8>),
            option: None,
        },
    )])]);
    assert!(back::<Json, _>(&Some(Unit)).is_err());
    assert_eq!(
        back::<Msgpack, _>(&Some(Unit)).expect("msgpack"),
        Some(Unit)
    );
    everywhere(&(Some(Some(1)), Some(vec![None::<u8>]), None::<()>));
}

#[test]
fn numbers_that_json_does_not_have_are_refused() {
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let expected = "JSON has no `NaN` and no infinity: it would be read back as null";
        assert_eq!(refused::<Json, _>(&number), expected);
        assert_eq!(refused::<Json, _>(&Some(number)), expected);
        #[expect(clippy::cast_possible_truncation, reason = "they exist in both")]
        let short = number as f32;
        assert_eq!(refused::<Json, _>(&vec![short]), expected);
        let same = |back: f64| back.to_bits() == number.to_bits();
        assert!(back::<Msgpack, _>(&number).is_ok_and(same));
        assert!(back::<Bincode, _>(&number).is_ok_and(same));
    }
}

proptest! {
    #[test]
    fn floating_point_numbers_come_back_to_the_last_bit(long: f64, short: f32, bits: u64) {
        for long in [long, f64::from_bits(bits)] {
            if long.is_finite() {
                let exact = |back: f64| assert_eq!(back.to_bits(), long.to_bits());
                exact(back::<Json, _>(&long).expect("json"));
                exact(back::<Msgpack, _>(&long).expect("msgpack"));
            }
        }
        if short.is_finite() {
            let read = back::<Json, _>(&short).expect("json");
            assert_eq!(read.to_bits(), short.to_bits());
        }
    }

    #[test]
    fn arbitrary_values_come_back(
        value in any::<(Vec<(String, Option<i64>)>, BTreeMap<char, u128>, [bool; 3], Option<Vec<u8>>)>(),
    ) {
        everywhere(&value);
    }
}

/// A chain of so many links, each a struct in an enum's variant.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
enum Chain {
    End,
    Newtype(Box<Chain>),
    Tuple(u8, Box<Chain>),
    Struct { next: Option<Box<Chain>> },
    List(Vec<Chain>),
}

fn chain(links: usize, link: impl Fn(Chain) -> Chain) -> Chain {
    (0..links).fold(Chain::End, |chain, _| link(chain))
}

#[test]
fn what_is_too_deep_to_be_read_is_not_written() {
    fn check<C: Codec<Chain>>(link: impl Fn(Chain) -> Chain) {
        let fits = |links| {
            let chain = chain(links, &link);
            let Ok(bytes) = encode::<C, _>(&chain) else {
                return false;
            };
            let read = C::decode(&bytes);
            assert_eq!(
                read.expect("what is written is read"),
                chain,
                "{links} links"
            );
            true
        };
        let deepest = (0..200).take_while(|&links| fits(links)).count();
        assert!((60..=128).contains(&deepest), "{deepest}");
        assert!(!(deepest..200).any(fits));
        assert!(!fits(5000), "no overflow of the stack");
    }
    let links: [fn(Chain) -> Chain; 4] = [
        |next| Chain::Newtype(Box::new(next)),
        |next| Chain::Tuple(1, Box::new(next)),
        |next| Chain::Struct {
            next: Some(Box::new(next)),
        },
        |next| Chain::List(vec![next]),
    ];
    for link in links {
        check::<Json>(link);
        check::<Msgpack>(link);
    }
}

#[test]
fn what_is_too_long_is_neither_written_nor_read() {
    let text = "x".repeat((64 << 20) + 1);
    for refusal in [
        refused::<Json, _>(&text),
        refused::<Msgpack, _>(&text),
        refused::<Zstd<Msgpack>, _>(&text),
    ] {
        assert_eq!(refusal, "the encoded value is longer than 64 MiB");
    }
    assert!(encode::<Bincode, _>(&text).is_err());
    let bytes = format!("\"{text}\"").into_bytes();
    let read: Result<String, _> = Json::decode(&bytes);
    assert_eq!(
        read.expect_err("it is too long").to_string(),
        "the encoded value is longer than 64 MiB"
    );
}

#[test]
fn what_follows_a_value_is_an_error() {
    fn check<C: Codec<(u8, Vec<String>)>>() {
        let mut bytes = encode::<C, _>(&(1, vec!["a".to_owned()])).expect("it can be written");
        assert!(C::decode(&bytes).is_ok());
        bytes.push(0xc0);
        assert!(C::decode(&bytes).is_err());
    }
    check::<Bincode>();
    check::<Msgpack>();
    check::<Json>();
    check::<Zstd<Bincode>>();
    check::<Zstd<Msgpack, 0>>();
}

#[cacheme::node(storage = "far", codec = Json)]
struct Measured;

#[tokio::test]
async fn a_value_that_is_refused_is_served_and_counted() {
    let far = MemoryStorage::new();
    let builder = Cacheme::builder().storage("far", far.clone());
    let runtime = builder.build().await.expect("the set-up is right");
    for _ in 0..2 {
        let value = runtime.get_with(Measured, |_| async { Ok(Some(f64::NAN)) });
        assert!(value.await.expect("a value").is_some_and(f64::is_nan));
    }
    let tier = tier::<Measured>(&runtime);
    assert_eq!(
        (tier.failed_writes(), tier.writes(), tier.hits()),
        (2, 0, 0)
    );
    assert!(far.entries().is_empty());
}
