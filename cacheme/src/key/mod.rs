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

mod digest;
mod shared;
mod text;

pub(crate) use self::digest::Digest;
pub use self::shared::Key;
pub(crate) use self::shared::KeyBatch;

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Serialize;

use crate::envelope::Seal;
use crate::error::{BoxError, Error, Result};
use crate::meta::Meta;
use crate::node::{KeyPart, Node};
use crate::panic::panic_message;

/// Writes the keys of nodes of one type.
pub(crate) struct Keys<'a> {
    meta: &'a Meta,
    prefix: &'a str,
    seed: u64,
    writer: KeyWriter,
}

impl<'a> Keys<'a> {
    /// Keys under `prefix`, of a node whose seed isn't at hand.
    pub(crate) fn new(meta: &'a Meta, prefix: &'a str) -> Self {
        Self::with_seed(meta, Seal::seed(meta), prefix)
    }

    /// Keys under `prefix`, whose digests begin with `seed`, the meta's.
    pub(crate) fn with_seed(meta: &'a Meta, seed: u64, prefix: &'a str) -> Self {
        let writer = KeyWriter {
            // As long as most are, to grow but rarely.
            text: String::with_capacity(64),
            ..KeyWriter::default()
        };
        Self {
            meta,
            prefix,
            seed,
            writer,
        }
    }

    /// The key of `node`, with its digest.
    pub(crate) fn of<N: Node>(&mut self, node: &N) -> Result<(Key, Digest)> {
        let (end, digest) = self.write(node)?;
        Ok((Key::new(&self.writer.text[..end]), digest))
    }

    /// Writes the key of `node` behind those of a batch, and gives its digest.
    pub(crate) fn append<N: Node>(&mut self, node: &N, batch: &mut KeyBatch) -> Result<Digest> {
        let (end, digest) = self.write(node)?;
        batch.push(&self.writer.text[..end]);
        Ok(digest)
    }

    /// Writes the key of `node`, and gives where it ends in the text and its digest.
    fn write<N: Node>(&mut self, node: &N) -> Result<(usize, Digest)> {
        let Self { meta, writer, .. } = self;
        writer.clear();
        if !self.prefix.is_empty() {
            writer.literal(self.prefix);
            writer.literal(":");
        }
        // A panic in a field's `Serialize` is a key that can't be written.
        catch_unwind(AssertUnwindSafe(|| node.write_key(writer)))
            .map_err(|panic| Error::key(meta.name(), panic_message(&*panic)))?;
        if !meta.version().is_empty() {
            writer.literal(":");
            writer.literal(meta.version());
        }
        if let Some(failure) = writer.failure.take() {
            return Err(Error::key(meta.name(), failure));
        }
        let end = writer.text.len();
        let told = Digest::told(writer.text.as_bytes());
        // It isn't in the kinds, so it tells where they begin.
        writer.text.push('\0');
        writer.text.push_str(&writer.kinds);
        let sealed = Seal::digest(self.seed, &writer.text);
        Ok((end, Digest { sealed, told }))
    }
}

/// Collects a node's key. The macros write the calls.
#[derive(Debug, Default)]
pub struct KeyWriter {
    text: String,
    kinds: String,
    failure: Option<text::Unwritable>,
    /// Whether fields are written without escapes, as in a tag.
    is_plain: bool,
}

impl KeyWriter {
    /// Writes text that needn't tell different fields apart.
    pub(crate) fn plain() -> Self {
        let is_plain = true;
        Self {
            is_plain,
            ..Self::default()
        }
    }

    /// What was written.
    pub(crate) fn into_text(self) -> Result<String, BoxError> {
        self.failure
            .map_or(Ok(self.text), |failure| Err(failure.into()))
    }

    /// What ends a field.
    fn end(&self, separator: char) -> Option<char> {
        (!self.is_plain).then_some(separator)
    }

    /// Begins another key.
    fn clear(&mut self) {
        self.text.clear();
        self.kinds.clear();
        self.failure = None;
    }

    /// Writes a part of the pattern as it is.
    pub fn literal(&mut self, literal: &str) {
        self.text.push_str(literal);
    }

    /// Writes a field, followed in the pattern by `separator`, or by `:` or the end where that
    /// is `:`.
    pub fn field<T: KeyPart>(&mut self, value: &T, separator: char) {
        let end = self.end(separator);
        if let Err(failure) = text::write(&mut self.text, &mut self.kinds, value, end) {
            self.failure.get_or_insert(failure);
        }
    }

    /// Writes what tells nodes apart and isn't in the key's text: it is in the entries' digest.
    pub(crate) fn beside(&mut self, write: impl FnOnce(&mut Self)) {
        let text = mem::take(&mut self.text);
        write(self);
        let beside = mem::replace(&mut self.text, text);
        self.kinds.push_str(&beside);
    }

    /// Writes a field that was written ahead, followed by `:` or the end.
    pub(crate) fn written(&mut self, field: &FieldText) {
        self.text.push_str(&field.text);
        self.kinds.push_str(&field.kinds);
    }

    /// Writes the name of a type parameter, so that instances of a generic node don't meet.
    pub fn type_name<T: ?Sized>(&mut self, separator: char) {
        let end = self.end(separator);
        text::escape(&mut self.text, std::any::type_name::<T>(), end);
    }
}

/// A field written ahead, followed by `:` or the end in any key that it becomes a part of. Two that are
/// equal come from values that show the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FieldText {
    text: String,
    kinds: String,
}

impl FieldText {
    pub(crate) fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, BoxError> {
        let (mut text, mut kinds) = (String::new(), String::new());
        let write = || text::write(&mut text, &mut kinds, value, Some(':'));
        catch_unwind(AssertUnwindSafe(write)).map_err(|panic| panic_message(&*panic))??;
        Ok(Self { text, kinds })
    }

    /// Forgets the widths and signs of numbers, for values whose type isn't always the same.
    pub(crate) fn without_widths(mut self) -> Self {
        // `u8` and `i32` become `u`. No other kind begins with what `unit` becomes.
        let letters = self.kinds.chars().filter(|kind| !kind.is_ascii_digit());
        self.kinds = letters
            .map(|kind| if kind == 'i' { 'u' } else { kind })
            .collect();
        self
    }
}

/// A name as a part of a pattern, with no separator in it.
pub(crate) fn escaped(name: &str) -> String {
    let mut out = String::new();
    text::escape(&mut out, name, Some(':'));
    out
}

#[cfg(test)]
mod tests;
