//! Keys: two nodes have the same one when they are the same, and not otherwise.

use std::hash::{Hash, Hasher};

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use super::input::Input;
use crate::key::{FieldText, KeyWriter, Keys};
use crate::meta::Meta;
use crate::node::Node;

/// Writes the keys of two nodes, and of two values that a dynamic node may have as keys.
///
/// # Panics
///
/// When one of them tells the two apart and the other doesn't.
pub fn key(data: &[u8]) {
    let mut input = Input::new(data);
    let separator = ['-', '/', '_', ':'][usize::from(input.below(4))];
    let mut node = || Of(separator, Fields::of(&mut input));
    let (one, other) = (node(), node());
    let is_same = one.same(&other);
    assert_eq!(one.key() == other.key(), is_same, "{one:?} {other:?}");
    let (one, other) = (Shown::of(&mut input, 3), Shown::of(&mut input, 3));
    let written = |shown| FieldText::of(shown).map(FieldText::without_widths);
    let texts = [&one, &other].map(|shown| written(shown).expect("all of it can be written"));
    assert_eq!(texts[0] == texts[1], one == other, "{one:?} {other:?}");
}

/// A node with fields of each kind, between which its pattern has this.
#[derive(Clone, Debug)]
struct Of(char, Fields);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::option_option,
    reason = "keys have to tell nested options apart"
)]
struct Fields {
    texts: [String; 2],
    list: Vec<String>,
    option: Option<Option<String>>,
    kind: Kind,
    number: i64,
    last: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize)]
enum Kind {
    Unit,
    Text(String),
    Pair(char, String),
    Named { some: Option<bool>, text: String },
}

impl Fields {
    fn of(input: &mut Input<'_>) -> Self {
        Self {
            texts: [input.text(), input.text()],
            list: (0..input.below(4)).map(|_| input.text()).collect(),
            option: match input.below(3) {
                0 => None,
                1 => Some(None),
                _ => Some(Some(input.text())),
            },
            kind: match input.below(4) {
                0 => Kind::Unit,
                1 => Kind::Text(input.text()),
                2 => Kind::Pair(char::from(input.byte()), input.text()),
                _ => Kind::Named {
                    some: [None, Some(false), Some(true)][usize::from(input.below(3))],
                    text: input.text(),
                },
            },
            number: input.word().cast_signed(),
            last: input.text(),
        }
    }
}

impl Of {
    fn key(&self) -> String {
        let meta = Self::meta();
        let key = Keys::new(&meta, "prefix").of(self);
        key.expect("all of it can be written").0.to_string()
    }
}

impl Node for Of {
    type Codec = ();

    fn meta() -> Meta {
        Meta::new("Of", "Of", "Of").with_version("v1")
    }

    fn write_key(&self, key: &mut KeyWriter) {
        let Self(separator, fields) = self;
        let between = separator.to_string();
        for text in &fields.texts {
            key.field(text, *separator);
            key.literal(&between);
        }
        key.field(&fields.list, *separator);
        key.literal(&between);
        key.field(&fields.option, *separator);
        key.literal(&between);
        key.field(&fields.kind, *separator);
        key.literal(&between);
        key.field(&fields.number, *separator);
        key.literal(&between);
        key.field(&fields.last, ':');
    }

    fn same(&self, other: &Self) -> bool {
        self.1 == other.1
    }

    fn hash_into<H: Hasher>(&self, state: &mut H) {
        self.1.hash(state);
    }

    fn duplicate(&self) -> Self {
        self.clone()
    }
}

/// What a value shows whose type is not always the same. The width of a number doesn't count.
#[derive(Debug)]
enum Shown {
    Unit,
    None,
    Bool(bool),
    Char(char),
    Signed(i64),
    Unsigned(u64),
    Text(String),
    Bytes(Vec<u8>),
    Variant,
    List(Vec<Self>),
    Map(Vec<(Self, Self)>),
}

impl Shown {
    fn of(input: &mut Input<'_>, depth: u8) -> Self {
        let inside = |input: &mut Input<'_>| Self::of(input, depth - 1);
        match input.below(if depth > 0 { 11 } else { 9 }) {
            0 => Self::Unit,
            1 => Self::None,
            2 => Self::Bool(input.below(2) > 0),
            3 => Self::Char(char::from(input.byte())),
            4 => Self::Signed(input.word().cast_signed()),
            5 => Self::Unsigned(input.word()),
            6 => Self::Text(input.text()),
            7 => Self::Bytes(input.some().to_vec()),
            8 => Self::Variant,
            9 => Self::List((0..input.below(4)).map(|_| inside(input)).collect()),
            // One without entries shows what an empty list does.
            _ => Self::Map(
                (0..=input.below(3))
                    .map(|_| (inside(input), inside(input)))
                    .collect(),
            ),
        }
    }

    fn number(&self) -> Option<i128> {
        match *self {
            Self::Signed(number) => Some(number.into()),
            Self::Unsigned(number) => Some(number.into()),
            _ => None,
        }
    }
}

impl PartialEq for Shown {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Unit, Self::Unit)
            | (Self::None, Self::None)
            | (Self::Variant, Self::Variant) => true,
            (Self::Bool(one), Self::Bool(other)) => one == other,
            (Self::Char(one), Self::Char(other)) => one == other,
            (Self::Text(one), Self::Text(other)) => one == other,
            (Self::Bytes(one), Self::Bytes(other)) => one == other,
            (Self::List(one), Self::List(other)) => one == other,
            (Self::Map(one), Self::Map(other)) => one == other,
            _ => self.number().is_some() && self.number() == other.number(),
        }
    }
}

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Unit => to.serialize_unit(),
            Self::None => to.serialize_none(),
            Self::Bool(value) => to.serialize_bool(*value),
            Self::Char(value) => to.serialize_char(*value),
            Self::Signed(value) => to.serialize_i64(*value),
            Self::Unsigned(value) => to.serialize_u64(*value),
            Self::Text(value) => to.serialize_str(value),
            Self::Bytes(value) => to.serialize_bytes(value),
            Self::Variant => to.serialize_unit_variant("Shown", 0, "Variant"),
            Self::List(values) => {
                let mut list = to.serialize_seq(Some(values.len()))?;
                for value in values {
                    list.serialize_element(value)?;
                }
                list.end()
            }
            Self::Map(entries) => {
                let mut map = to.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}
