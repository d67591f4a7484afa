//! The deserializer that makes every value up and writes down what it was asked for.

use std::any::type_name;
use std::fmt;

use serde::de::value::U32Deserializer;
use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};

use super::{Format, Trace};

/// Ends a walk.
#[derive(Debug)]
pub(super) struct Stop;

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the walk ends here")
    }
}

impl std::error::Error for Stop {}

impl de::Error for Stop {
    fn custom<T: fmt::Display>(_message: T) -> Self {
        Self
    }
}

/// One place in the walk: `out` takes the text of what stands there.
pub(super) struct Source<'a> {
    trace: &'a mut Trace,
    out: &'a mut String,
    /// The type of the value here.
    of: &'static str,
    names: Vec<usize>,
}

impl<'a> Source<'a> {
    pub(super) fn new(trace: &'a mut Trace, out: &'a mut String, of: &'static str) -> Self {
        Self {
            trace,
            out,
            of,
            names: Vec::new(),
        }
    }

    /// Makes the value of a type at a place inside this one.
    fn inner<'de, S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
        of: &'static str,
    ) -> Result<S::Value, Stop> {
        if self.trace.depth >= Trace::DEPTH {
            return Err(Stop);
        }
        self.trace.depth += 1;
        let mut inner = Source::new(self.trace, self.out, of);
        let value = seed.deserialize(&mut inner);
        let names = inner.names;
        self.trace.depth -= 1;
        self.names.extend(names);
        value
    }

    /// Walks into one variant of a named container and keeps what it learns there.
    fn enter<T>(
        &mut self,
        container: usize,
        variant: impl FnOnce(&Trace) -> Option<usize>,
        walk: impl FnOnce(&mut Source<'_>, usize) -> Result<T, Stop>,
    ) -> Result<T, Stop> {
        self.out.push('#');
        self.out.push_str(&container.to_string());
        self.names.push(container);
        self.trace.containers[container].entered += 1;
        let result = match variant(self.trace) {
            None => Err(Stop),
            Some(variant) => {
                let recurs = self.trace.recurs();
                let mut shape = String::new();
                let mut inner = Source::new(self.trace, &mut shape, self.of);
                let result = walk(&mut inner, variant);
                let names = inner.names;
                if !recurs {
                    let variant = &mut self.trace.containers[container].variants[variant];
                    variant.learn(shape, names, result.is_ok());
                }
                result
            }
        };
        self.trace.containers[container].entered -= 1;
        result
    }

    /// How many elements a collection has here.
    fn elements(&self) -> usize {
        usize::from(!self.trace.recurs())
    }

    fn fields<'de, V: Visitor<'de>>(
        &mut self,
        open: char,
        elements: usize,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.out.push(open);
        let value = visitor.visit_seq(Elements {
            source: self,
            left: elements,
        });
        self.out.push('.');
        value
    }
}

macro_rules! scalars {
    ($($method:ident => $visit:ident($($value:expr)?);)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
            self.out.push_str(concat!(stringify!($visit), ","));
            visitor.$visit($($value)?)
        }
    )*};
}

impl<'de> Deserializer<'de> for &mut Source<'_> {
    type Error = Stop;

    // Ones rather than zeros, so that the `NonZero` types take them.
    scalars! {
        deserialize_bool => visit_bool(false);
        deserialize_char => visit_char('a');
        deserialize_str => visit_str("");
        deserialize_string => visit_string(String::new());
        deserialize_bytes => visit_bytes(&[]);
        deserialize_byte_buf => visit_byte_buf(Vec::new());
        deserialize_i8 => visit_i8(1);
        deserialize_i16 => visit_i16(1);
        deserialize_i32 => visit_i32(1);
        deserialize_i64 => visit_i64(1);
        deserialize_i128 => visit_i128(1);
        deserialize_u8 => visit_u8(1);
        deserialize_u16 => visit_u16(1);
        deserialize_u32 => visit_u32(1);
        deserialize_u64 => visit_u64(1);
        deserialize_u128 => visit_u128(1);
        deserialize_f32 => visit_f32(1.0);
        deserialize_f64 => visit_f64(1.0);
        deserialize_unit => visit_unit();
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.out.push('?');
        if self.trace.recurs() {
            return visitor.visit_none();
        }
        self.inner(Present(visitor), type_name::<V::Value>())
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.out.push_str(name);
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let container = self.trace.container::<V::Value>(name, &[], 1);
        self.enter(
            container,
            |_| Some(0),
            |source, _| visitor.visit_newtype_struct(source),
        )
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        let elements = self.elements();
        self.fields('[', elements, visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Stop> {
        self.fields('(', len, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let container = self.trace.container::<V::Value>(name, &[], 1);
        self.enter(
            container,
            |_| Some(0),
            |source, _| source.fields('(', len, visitor),
        )
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.out.push('{');
        let left = self.elements();
        let value = visitor.visit_map(Elements { source: self, left });
        self.out.push('.');
        value
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let container = self.trace.container::<V::Value>(name, fields, 1);
        self.enter(
            container,
            |_| Some(0),
            |source, _| source.fields('(', fields.len(), visitor),
        )
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let container = self
            .trace
            .container::<V::Value>(name, variants, variants.len());
        let choose = |trace: &Trace| trace.choose(container);
        self.enter(container, choose, |source, variant| {
            visitor.visit_enum(Choice { source, variant })
        })
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.trace.undescribed = true;
        if self.trace.format == Format::Positional {
            return Err(Stop);
        }
        self.out.push('*');
        self.out.push_str(self.of);
        visitor.visit_unit()
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.deserialize_any(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.deserialize_any(visitor)
    }

    fn is_human_readable(&self) -> bool {
        self.trace.format == Format::Text
    }
}

/// Makes the value inside an option.
struct Present<V>(V);

impl<'de, V: Visitor<'de>> DeserializeSeed<'de> for Present<V> {
    type Value = V::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.0.visit_some(deserializer)
    }
}

/// The elements of a sequence, the fields of a struct or the entries of a map.
struct Elements<'a, 'b> {
    source: &'a mut Source<'b>,
    left: usize,
}

impl<'de> SeqAccess<'de> for Elements<'_, '_> {
    type Error = Stop;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Stop> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        self.source.inner(seed, type_name::<S::Value>()).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

impl<'de> MapAccess<'de> for Elements<'_, '_> {
    type Error = Stop;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Stop> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        // Of a flattened struct's keys, only the struct has a name of the user's.
        self.source.inner(seed, self.source.of).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Stop> {
        self.source.inner(seed, type_name::<S::Value>())
    }
}

/// A chosen variant of an enum.
struct Choice<'a, 'b> {
    source: &'a mut Source<'b>,
    variant: usize,
}

impl<'de> EnumAccess<'de> for Choice<'_, '_> {
    type Error = Stop;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Stop> {
        let variant = u32::try_from(self.variant).map_err(|_| Stop)?;
        let index: U32Deserializer<Stop> = variant.into_deserializer();
        Ok((seed.deserialize(index)?, self))
    }
}

impl<'de> VariantAccess<'de> for Choice<'_, '_> {
    type Error = Stop;

    fn unit_variant(self) -> Result<(), Stop> {
        self.source.out.push('u');
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Stop> {
        self.source.inner(seed, type_name::<S::Value>())
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Stop> {
        self.source.fields('(', len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.source.out.push_str(&fields.join(","));
        self.source.fields('(', fields.len(), visitor)
    }
}
