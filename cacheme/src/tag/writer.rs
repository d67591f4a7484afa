//! The tags of a node, written by what the macros generate.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::{BoxError, Error, Result};
use crate::key::KeyWriter;
use crate::node::Node;
use crate::panic::panic_message;

/// Collects a node's tags. The macros write the calls.
#[derive(Debug, Default)]
pub struct TagWriter {
    names: Vec<String>,
    failure: Option<BoxError>,
}

impl TagWriter {
    /// Adds the tag that `write` writes.
    pub fn tag(&mut self, write: impl FnOnce(&mut KeyWriter)) {
        let mut writer = KeyWriter::plain();
        write(&mut writer);
        match writer.into_text() {
            Ok(name) => self.names.push(name),
            Err(failure) => {
                self.failure.get_or_insert(failure);
            }
        }
    }

    /// The tags that a node has by itself; `of` is what the node is called.
    pub(crate) fn tags_of<N: Node>(node: &N, of: &str) -> Result<Vec<String>> {
        let mut tags = Self::default();
        // As where a key is written.
        catch_unwind(AssertUnwindSafe(|| node.write_tags(&mut tags)))
            .map_err(|panic| Error::key(of, panic_message(&*panic)))?;
        match tags.failure {
            None => Ok(tags.names),
            Some(failure) => Err(Error::key(of, failure)),
        }
    }
}
