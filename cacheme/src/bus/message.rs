//! What processes tell each other.
//!
//! `origin kind rest`, in ASCII but for a tag's name: the origin is the sender's number in hexadecimal, by which it knows
//! its own. The channel's name has the version of this form.

use std::fmt::Write;

/// The channel of all runtimes that use a bus.
pub(super) const CHANNEL: &str = "cacheme:v1:invalidations";

/// Stands for who isn't a runtime.
#[cfg(feature = "redis")]
pub(crate) const OTHERS: u64 = 0;

/// An invalidation, or a sign of life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    /// The values of keys with these digests.
    Keys(Vec<u64>),
    /// Keys with these digests that others than runtimes changed in a remote storage, where what is new can be read.
    Changed(Vec<u64>),
    /// The values of a tag, under the prefix whose scope this is.
    Tag(u64, String),
    /// The values of the node of this digest.
    Node(u64),
    /// All values; also in place of something that wasn't sent when it should have been.
    Everything,
    /// Nothing: to see whether the bus carries anything.
    Ping,
}

impl Message {
    /// The texts of the message, from a runtime of this number.
    pub(crate) fn texts(&self, origin: u64) -> Vec<String> {
        match self {
            Self::Keys(digests) => texts_of(&format!("{origin:x} key"), digests),
            Self::Changed(digests) => texts_of(&format!("{origin:x} changed"), digests),
            Self::Tag(scope, name) => vec![format!("{origin:x} tag {scope:x} {name}")],
            Self::Node(digest) => vec![format!("{origin:x} node {digest:x}")],
            Self::Everything => vec![format!("{origin:x} all")],
            Self::Ping => vec![format!("{origin:x} ping")],
        }
    }

    /// The sender's number and the message of a text, if it is one.
    pub(crate) fn read(text: &str) -> Option<(u64, Self)> {
        let hex = |text: &str| u64::from_str_radix(text, 16).ok();
        let (origin, rest) = text.split_once(' ')?;
        let (kind, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let message = match kind {
            "key" => Self::Keys(rest.split(' ').map(hex).collect::<Option<_>>()?),
            "changed" => Self::Changed(rest.split(' ').map(hex).collect::<Option<_>>()?),
            "tag" => {
                let (scope, name) = rest.split_once(' ')?;
                Self::Tag(hex(scope)?, name.to_owned())
            }
            "node" => Self::Node(hex(rest)?),
            "all" => Self::Everything,
            "ping" => Self::Ping,
            _ => return None,
        };
        Some((hex(origin)?, message))
    }
}

/// Texts that begin so, with as many digests as fit.
fn texts_of(start: &str, digests: &[u64]) -> Vec<String> {
    const MOST: usize = 200;
    let texts = digests.chunks(MOST).map(|digests| {
        let mut text = start.to_owned();
        for digest in digests {
            // Writing to a string doesn't fail.
            let _ = write!(text, " {digest:x}");
        }
        text
    });
    texts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_read_as_it_was_written() {
        let tag = Message::Tag(7, "tenant: é 1".to_owned());
        for message in [
            Message::Keys(vec![1, u64::MAX]),
            Message::Changed(vec![2]),
            tag,
            Message::Node(8),
            Message::Everything,
            Message::Ping,
        ] {
            let texts = message.texts(0xab);
            assert_eq!(texts.len(), 1);
            assert_eq!(Message::read(&texts[0]), Some((0xab, message)));
        }
    }

    #[test]
    fn many_keys_are_several_texts_that_fit() {
        let texts = Message::Keys(vec![u64::MAX; 1000]).texts(u64::MAX);
        assert_eq!(texts.len(), 5);
        assert!(texts.iter().all(|text| text.len() < 4096));
    }

    #[test]
    fn anything_else_is_none() {
        for text in [
            "",
            "x",
            "1",
            "1 key",
            "1 key zz",
            "1 tag",
            "1 tag 1",
            "g all",
            "1 other",
            "1 key 1  2",
        ] {
            assert_eq!(Message::read(text), None, "{text}");
        }
    }
}
