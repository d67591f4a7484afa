//! A field's value as the text of a key.
//!
//! The text tells values of a type apart that `Serialize` shows as different, as far as the type
//! shows each of its values by the same kinds of things. Where it doesn't, as an untagged enum of a
//! number and a string, the number 1 and the string "1" have the same text; for these the kinds are
//! written down beside it, and become part of the digest in the envelope. Scalars and strings stand as they are, with every character escaped as `%XX` that is
//! neither alphanumeric nor one of `-_.@+`. Structure is written with characters that are always
//! escaped inside scalars: `(a,b,)` for a sequence, with a comma behind every element so that no
//! element and one empty element differ; `(k=v,)` for maps and structs; `Variant(..)` for enums;
//! `~` for `None`, with one more `~` for each `Some` around it.

use std::fmt::{self, Display, Write};

use serde::ser::{self, Serialize, Serializer};

/// Why a value can't become part of a key.
#[derive(Debug)]
pub(super) struct Unwritable(String);

impl Display for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unwritable {}

impl ser::Error for Unwritable {
    fn custom<T: Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// Appends `value` to `out`, and the kinds of what it is made of to `kinds`; `separator` never
/// stands unescaped in what is appended, given that it isn't alphanumeric or one of `%(),=~`. Without one
/// nothing is escaped.
pub(super) fn write<T: Serialize + ?Sized>(
    out: &mut String,
    kinds: &mut String,
    value: &T,
    separator: Option<char>,
) -> Result<(), Unwritable> {
    value.serialize(&mut Text {
        out,
        kinds,
        separator,
    })
}

/// Appends `text` to `out` as a scalar.
pub(super) fn escape(out: &mut String, text: &str, separator: Option<char>) {
    let Some(separator) = separator else {
        out.push_str(text);
        return;
    };
    let stands = |c: char| {
        c != separator && (c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '@' | '+'))
    };
    let mut rest = text;
    while let Some(at) = rest.find(|c| !stands(c)) {
        let (plain, from) = rest.split_at(at);
        out.push_str(plain);
        let length = from.chars().next().map_or(0, char::len_utf8);
        let (escaped, behind) = from.split_at(length);
        for byte in escaped.bytes() {
            out.push('%');
            for digit in [byte >> 4, byte & 0xf] {
                out.push(char::from(b"0123456789ABCDEF"[usize::from(digit)]));
            }
        }
        rest = behind;
    }
    out.push_str(rest);
}

struct Text<'a> {
    out: &'a mut String,
    kinds: &'a mut String,
    separator: Option<char>,
}

impl Text<'_> {
    /// Writes what `Display` shows as a scalar of a kind.
    fn scalar(&mut self, kind: &str, value: impl Display) -> Result<(), Unwritable> {
        self.kinds.push_str(kind);
        write!(self, "{value}").map_err(ser::Error::custom)
    }

    fn element(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), Unwritable> {
        value.serialize(&mut *self)?;
        self.out.push(',');
        Ok(())
    }

    fn entry(
        &mut self,
        name: &'static str,
        value: &(impl Serialize + ?Sized),
    ) -> Result<(), Unwritable> {
        self.write_str(name).map_err(ser::Error::custom)?;
        self.out.push('=');
        self.element(value)
    }

    fn open(&mut self, name: &str) {
        self.kinds.push('(');
        escape(self.out, name, self.separator);
        self.out.push('(');
    }

    fn close(&mut self) {
        self.out.push(')');
    }
}

impl Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        escape(self.out, text, self.separator);
        Ok(())
    }
}

macro_rules! scalars {
    ($($method:ident($type:ty))*) => {$(
        fn $method(self, value: $type) -> Result<(), Unwritable> {
            self.scalar(stringify!($type), value)
        }
    )*};
}

/// Digits stand as they are, whatever the separator.
macro_rules! digits {
    ($($method:ident($type:ty))*) => {$(
        fn $method(self, value: $type) -> Result<(), Unwritable> {
            self.kinds.push_str(stringify!($type));
            write!(self.out, "{value}").map_err(ser::Error::custom)
        }
    )*};
}

impl Serializer for &mut Text<'_> {
    type Ok = ();
    type Error = Unwritable;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    scalars! {
        serialize_bool(bool) serialize_char(char) serialize_str(&str)
        serialize_i8(i8) serialize_i16(i16) serialize_i32(i32) serialize_i64(i64)
        serialize_i128(i128)
        serialize_f32(f32) serialize_f64(f64)
    }

    digits! {
        serialize_u8(u8) serialize_u16(u16) serialize_u32(u32) serialize_u64(u64)
        serialize_u128(u128)
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Unwritable> {
        value
            .iter()
            .try_for_each(|byte| self.scalar("x", format_args!("{byte:02x}")))
    }

    fn serialize_none(self) -> Result<(), Unwritable> {
        self.out.push('~');
        self.kinds.push('~');
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Unwritable> {
        let start = self.out.len();
        value.serialize(&mut *self)?;
        if self.out[start..].starts_with('~') {
            self.out.push('~');
        }
        Ok(())
    }

    fn serialize_unit(self) -> Result<(), Unwritable> {
        self.out.push_str("()");
        self.kinds.push_str("()");
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), Unwritable> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<(), Unwritable> {
        self.scalar("unit", variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<(), Unwritable> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Unwritable> {
        self.open(variant);
        self.element(value)?;
        self.close();
        Ok(())
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<Self, Unwritable> {
        self.open("");
        Ok(self)
    }

    fn serialize_tuple(self, _len: usize) -> Result<Self, Unwritable> {
        self.open("");
        Ok(self)
    }

    fn serialize_tuple_struct(self, _name: &'static str, _len: usize) -> Result<Self, Unwritable> {
        self.open("");
        Ok(self)
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Self, Unwritable> {
        self.open(variant);
        Ok(self)
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Self, Unwritable> {
        self.open("");
        Ok(self)
    }

    fn serialize_struct(self, _name: &'static str, _len: usize) -> Result<Self, Unwritable> {
        self.open("");
        Ok(self)
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Self, Unwritable> {
        self.open(variant);
        Ok(self)
    }
}

macro_rules! compounds {
    ($($compound:ident :: $method:ident($($name:ident)?) = $write:ident;)*) => {$(
        impl ser::$compound for &mut Text<'_> {
            type Ok = ();
            type Error = Unwritable;

            fn $method<T: Serialize + ?Sized>(
                &mut self,
                $($name: &'static str,)?
                value: &T,
            ) -> Result<(), Unwritable> {
                self.$write($($name,)? value)
            }

            fn end(self) -> Result<(), Unwritable> {
                self.close();
                Ok(())
            }
        }
    )*};
}

compounds! {
    SerializeSeq::serialize_element() = element;
    SerializeTuple::serialize_element() = element;
    SerializeTupleStruct::serialize_field() = element;
    SerializeTupleVariant::serialize_field() = element;
    SerializeStruct::serialize_field(name) = entry;
    SerializeStructVariant::serialize_field(name) = entry;
}

impl ser::SerializeMap for &mut Text<'_> {
    type Ok = ();
    type Error = Unwritable;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Unwritable> {
        key.serialize(&mut **self)?;
        self.out.push('=');
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unwritable> {
        self.element(value)
    }

    fn end(self) -> Result<(), Unwritable> {
        self.close();
        Ok(())
    }
}
