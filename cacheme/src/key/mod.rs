//! Keys of remote storages.
//!
//! A key is `prefix:body:version`, without the parts that are empty. The body is written by the
//! node: literals as they stand in its pattern, and between them the fields, escaped so that no
//! two nodes of a type write the same body. What makes it so:
//!
//! - a field is followed by the end, by `:` or by a literal whose first character the macros
//!   checked to be usable as a separator;
//! - neither `:` nor that character ever stands unescaped in the field's text;
//! - the text itself tells values of the field's type apart (see [`text`] for the one exception,
//!   which the envelope's digest catches).

mod text;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::envelope::Seal;
use crate::error::{Error, Result};
use crate::flight::panic_message;
use crate::meta::Meta;
use crate::node::{KeyPart, Node};

/// The key of an entry in a remote storage. Cloning it is cheap.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(Arc<str>);

impl Key {
    /// The key with this text.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key of `node` under `prefix`, and the digest that its entries carry.
    pub(crate) fn of<N: Node>(node: &N, meta: &Meta, prefix: &str) -> Result<(Self, u64)> {
        let mut writer = KeyWriter::default();
        if !prefix.is_empty() {
            writer.literal(prefix);
            writer.literal(":");
        }
        // A panic in a field's `Serialize` is a key that can't be written.
        catch_unwind(AssertUnwindSafe(|| node.write_key(&mut writer)))
            .map_err(|panic| Error::key(meta.name(), panic_message(&*panic)))?;
        if !meta.version().is_empty() {
            writer.literal(":");
            writer.literal(meta.version());
        }
        if let Some(failure) = writer.failure {
            return Err(Error::key(meta.name(), failure));
        }
        let digest = Seal::digest(meta, &writer.text, &writer.kinds);
        Ok((Self(writer.text.into()), digest))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Collects a node's key. The macros write the calls.
#[derive(Debug, Default)]
pub struct KeyWriter {
    text: String,
    kinds: String,
    failure: Option<text::Unwritable>,
}

impl KeyWriter {
    /// Writes a part of the pattern as it is.
    pub fn literal(&mut self, literal: &str) {
        self.text.push_str(literal);
    }

    /// Writes a field, followed in the pattern by `separator`, or by `:` or the end where that
    /// is `:`.
    pub fn field<T: KeyPart>(&mut self, value: &T, separator: char) {
        if let Err(failure) = text::write(&mut self.text, &mut self.kinds, value, separator) {
            self.failure.get_or_insert(failure);
        }
    }

    /// Writes the name of a type parameter, so that instances of a generic node don't meet.
    pub fn type_name<T: ?Sized>(&mut self, separator: char) {
        text::escape(&mut self.text, std::any::type_name::<T>(), separator);
    }
}

#[cfg(test)]
mod tests;
