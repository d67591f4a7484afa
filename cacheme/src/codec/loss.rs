//! Values that a format would write and not read back.
//!
//! What serde's formats can't tell apart they write alike, in silence: `Some(None)` as `None`,
//! `NaN` as `null`, a field that is left out as nothing at all. A cache would then give back another
//! value than it was given. So a value is walked through before it is written, which costs no
//! allocation, and is refused where it wouldn't come back.

use std::fmt::{self, Display};

use serde::ser::{
    self, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
    SerializeTuple, SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::limit::DEPTH;
use crate::schema::Format;

/// Refuses a value that `format` would lose.
pub(super) fn check<V: Serialize>(value: &V, format: Format) -> Result<(), Loss> {
    value.serialize(Walk {
        format,
        depth: 0,
        is_present: false,
    })
}

/// Why a value is not written.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// `Some` of something that is written like `None`.
    Present,
    /// A number that JSON doesn't have.
    NotFinite,
    /// A field that is left out where fields are known by their place.
    LeftOut(&'static str),
    /// Nested too deep to be read.
    TooDeep,
    /// What the value's own `Serialize` says.
    Refused(String),
}

impl Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Present => f.write_str(
                "`Some` of an empty value would be read back as `None` from this codec's format",
            ),
            Self::NotFinite => {
                f.write_str("JSON has no `NaN` and no infinity: it would be read back as null")
            }
            Self::LeftOut(field) => write!(
                f,
                "the field `{field}` is left out (`skip_serializing_if`), which only a codec that \
                 names fields can read back: `codec::Msgpack` and `codec::Json` do"
            ),
            Self::TooDeep => f.write_str("nested too deep to be read back"),
            Self::Refused(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for Loss {}

impl ser::Error for Loss {
    fn custom<T: Display>(message: T) -> Self {
        Self::Refused(message.to_string())
    }
}

/// A place in the walk, which passes through a value and leaves nothing.
#[derive(Clone, Copy)]
struct Walk {
    format: Format,
    /// What stands around it.
    depth: usize,
    /// The value is directly within `Some`.
    is_present: bool,
}

impl Walk {
    /// Something that is written like `None`.
    #[inline]
    fn null(self) -> Result<(), Loss> {
        if self.is_present && self.format != Format::Positional {
            return Err(Loss::Present);
        }
        Ok(())
    }

    #[inline]
    fn number(self, is_finite: bool) -> Result<(), Loss> {
        if self.format == Format::Text && !is_finite {
            return Err(Loss::NotFinite);
        }
        Ok(())
    }

    /// The places that many levels within this one.
    #[inline]
    fn within(self, levels: usize) -> Result<Self, Loss> {
        let depth = self.depth + levels;
        if self.format != Format::Positional && depth > DEPTH {
            return Err(Loss::TooDeep);
        }
        Ok(Self {
            depth,
            is_present: false,
            ..self
        })
    }
}

macro_rules! kept {
    ($($method:ident($ty:ty))*) => {$(
        #[inline]
        fn $method(self, _value: $ty) -> Result<(), Loss> {
            Ok(())
        }
    )*};
}

impl Serializer for Walk {
    type Ok = ();
    type Error = Loss;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    kept! {
        serialize_bool(bool) serialize_char(char) serialize_str(&str)
        serialize_i8(i8) serialize_i16(i16) serialize_i32(i32) serialize_i64(i64)
        serialize_i128(i128)
        serialize_u8(u8) serialize_u16(u16) serialize_u32(u32) serialize_u64(u64)
        serialize_u128(u128)
    }

    #[inline]
    fn serialize_f32(self, value: f32) -> Result<(), Loss> {
        self.number(value.is_finite())
    }

    #[inline]
    fn serialize_f64(self, value: f64) -> Result<(), Loss> {
        self.number(value.is_finite())
    }

    fn serialize_bytes(self, _value: &[u8]) -> Result<(), Loss> {
        // JSON writes an array.
        self.within(1).map(drop)
    }

    fn serialize_none(self) -> Result<(), Loss> {
        self.null()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Loss> {
        value.serialize(Self {
            is_present: true,
            ..self
        })
    }

    fn serialize_unit(self) -> Result<(), Loss> {
        self.null()
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), Loss> {
        match self.format {
            Format::Text => self.null(),
            // An empty array in MessagePack.
            _ => self.within(1).map(drop),
        }
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
    ) -> Result<(), Loss> {
        Ok(())
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<(), Loss> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        value: &T,
    ) -> Result<(), Loss> {
        value.serialize(self.within(1)?)
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<Self, Loss> {
        self.within(1)
    }

    fn serialize_tuple(self, _len: usize) -> Result<Self, Loss> {
        self.within(1)
    }

    fn serialize_tuple_struct(self, _name: &'static str, _len: usize) -> Result<Self, Loss> {
        self.within(1)
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _len: usize,
    ) -> Result<Self, Loss> {
        self.within(2)
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Self, Loss> {
        self.within(1)
    }

    fn serialize_struct(self, _name: &'static str, _len: usize) -> Result<Self, Loss> {
        self.within(1)
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _len: usize,
    ) -> Result<Self, Loss> {
        self.within(2)
    }

    fn collect_str<T: Display + ?Sized>(self, _value: &T) -> Result<(), Loss> {
        Ok(())
    }

    fn is_human_readable(&self) -> bool {
        self.format == Format::Text
    }
}

macro_rules! elements {
    ($($of:ident: $method:ident;)*) => {$(
        impl $of for Walk {
            type Ok = ();
            type Error = Loss;

            #[inline]
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Loss> {
                value.serialize(*self)
            }

            #[inline]
            fn end(self) -> Result<(), Loss> {
                Ok(())
            }
        }
    )*};
}

elements! {
    SerializeSeq: serialize_element;
    SerializeTuple: serialize_element;
    SerializeTupleStruct: serialize_field;
    SerializeTupleVariant: serialize_field;
}

impl SerializeMap for Walk {
    type Ok = ();
    type Error = Loss;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Loss> {
        key.serialize(*self)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Loss> {
        value.serialize(*self)
    }

    fn end(self) -> Result<(), Loss> {
        Ok(())
    }
}

macro_rules! fields {
    ($($of:ident)*) => {$(
        impl $of for Walk {
            type Ok = ();
            type Error = Loss;

            #[inline]
            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                _name: &'static str,
                value: &T,
            ) -> Result<(), Loss> {
                value.serialize(*self)
            }

            fn skip_field(&mut self, name: &'static str) -> Result<(), Loss> {
                match self.format {
                    Format::Positional => Err(Loss::LeftOut(name)),
                    _ => Ok(()),
                }
            }

            #[inline]
            fn end(self) -> Result<(), Loss> {
                Ok(())
            }
        }
    )*};
}

fields!(SerializeStruct SerializeStructVariant);
