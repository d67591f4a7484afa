use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU8;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Format, NeedsSelfDescribing};

fn fingerprint<T: DeserializeOwned>() -> Result<u64, NeedsSelfDescribing> {
    super::fingerprint::<T>(Format::Positional)
}

fn describe<T: DeserializeOwned>() -> Result<String, NeedsSelfDescribing> {
    super::describe::<T>(Format::Positional)
}

mod here {
    use super::Deserialize;

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only the structure matters")]
    pub(super) struct User {
        pub(super) id: u64,
        pub(super) name: String,
    }
}

macro_rules! user {
    ($module:ident { $($field:ident: $type:ty),* }) => {
        mod $module {
            #[derive(serde::Deserialize)]
            #[expect(dead_code, reason = "only the structure matters")]
            pub(super) struct User { $($field: $type),* }
        }
    };
}

user!(same {
    id: u64,
    name: String
});
user!(swapped {
    name: String,
    id: u64
});
user!(renamed {
    id: u64,
    title: String
});
user!(narrower {
    id: u32,
    name: String
});
user!(optional { id: u64, name: Option<String> });
user!(more {
    id: u64,
    name: String,
    age: u8
});
user!(nonzero {
    id: u64,
    name: std::num::NonZeroU8
});

#[test]
fn equal_structures_have_equal_fingerprints() {
    assert_eq!(fingerprint::<here::User>(), fingerprint::<same::User>());
}

#[test]
fn every_difference_shows() {
    let all = [
        fingerprint::<here::User>(),
        fingerprint::<swapped::User>(),
        fingerprint::<renamed::User>(),
        fingerprint::<narrower::User>(),
        fingerprint::<optional::User>(),
        fingerprint::<more::User>(),
        fingerprint::<nonzero::User>(),
        fingerprint::<Vec<here::User>>(),
        fingerprint::<Vec<swapped::User>>(),
        fingerprint::<HashMap<u8, here::User>>(),
        fingerprint::<Option<here::User>>(),
        fingerprint::<(here::User, u8)>(),
        fingerprint::<u8>(),
        fingerprint::<i8>(),
        fingerprint::<()>(),
        fingerprint::<String>(),
        fingerprint::<[u8; 4]>(),
        fingerprint::<[u8; 5]>(),
    ];
    for (i, a) in all.iter().enumerate() {
        assert!(a.is_ok());
        assert!(!all[..i].contains(a), "the type at {i} looks like another");
    }
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only the structure matters")]
enum Inner {
    First,
    Second(NonZeroU8),
    Third { deep: Vec<i16> },
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only the structure matters")]
enum Outer {
    Plain,
    Nested(BTreeMap<String, Inner>),
}

#[test]
fn sees_every_variant_of_nested_enums() {
    let text = describe::<Outer>().expect("a structure");
    assert!(text.contains("visit_i16"), "{text}");
    assert!(text.contains("visit_u8"), "{text}");
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only the structure matters")]
enum Expression {
    Sum(Box<Expression>, Vec<Expression>, u128),
    Literal(i64),
    Maybe(Option<Box<Expression>>, f32),
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only the structure matters")]
struct Tree {
    children: Vec<Tree>,
    parent: Option<Box<Tree>>,
    after: u128,
}

#[test]
fn ends_on_types_that_contain_themselves() {
    let text = describe::<Expression>().expect("a structure");
    for seen in ["visit_u128", "visit_i64", "visit_f32"] {
        assert!(text.contains(seen), "{text}");
    }
    let text = describe::<Tree>().expect("a structure");
    assert!(text.contains("visit_u128"), "{text}");
}

#[derive(Deserialize)]
#[serde(untagged)]
#[expect(dead_code, reason = "only the structure matters")]
enum Untagged {
    Number(u8),
    Text(String),
}

#[test]
fn refuses_types_that_need_a_self_describing_format() {
    assert!(fingerprint::<Untagged>().is_err());
    assert!(fingerprint::<Vec<Option<Untagged>>>().is_err());
}

#[derive(Deserialize)]
struct Wrap<T>(T);

#[derive(Deserialize)]
#[expect(dead_code, reason = "only the structure matters")]
struct Both<A, B> {
    a: Wrap<A>,
    b: Wrap<B>,
}

#[test]
fn tells_instances_of_a_generic_type_apart() {
    let both = [
        fingerprint::<Both<u32, i64>>(),
        fingerprint::<Both<u32, f64>>(),
        fingerprint::<Both<i64, u32>>(),
    ];
    assert!(both[0] != both[1] && both[0] != both[2] && both[1] != both[2]);
    assert_ne!(
        fingerprint::<Wrap<Wrap<u32>>>(),
        fingerprint::<Wrap<Wrap<String>>>()
    );
}

#[derive(Debug)]
struct Picky;

impl<'de> Deserialize<'de> for Picky {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        assert!(!text.is_empty(), "only what was written is read");
        Ok(Self)
    }
}

#[test]
fn survives_a_type_that_panics_on_made_up_values() {
    assert!(fingerprint::<(u8, Picky)>().is_ok());
}
