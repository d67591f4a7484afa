//! A write that depends on what is there, in one step.

use bytes::Bytes;

use super::Entry;

/// An entry to write if its key still has a certain value, or still has none: a compare-and-swap.
///
/// ```
/// # #[cfg(feature = "testing")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// use cacheme::testing::MemoryStorage;
/// use cacheme::{Entry, Key, Storage, Swap};
///
/// let storage = MemoryStorage::new();
/// let entry = |value: &'static str| Entry::new(Key::new("user:7"), value);
/// assert_eq!(storage.swap_many(&[Swap::absent(entry("Ada"))]).await?, [true]);
/// assert_eq!(storage.swap_many(&[Swap::of("Eve", entry("Bob"))]).await?, [false]);
/// assert_eq!(storage.swap_many(&[Swap::of("Ada", entry("Bob"))]).await?, [true]);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "testing"))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Swap {
    entry: Entry,
    expected: Option<Bytes>,
}

impl Swap {
    /// Writes the entry where there is none with its key, or only one that is expired.
    pub fn absent(entry: Entry) -> Self {
        Self {
            entry,
            expected: None,
        }
    }

    /// Writes the entry where `expected` is there and isn't expired. The entry's value is another one: whether the same one
    /// was written anew, some databases don't tell.
    pub fn of(expected: impl Into<Bytes>, entry: Entry) -> Self {
        Self {
            entry,
            expected: Some(expected.into()),
        }
    }

    /// What is to be written.
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// The value that is to be there; `None` is none.
    pub fn expected(&self) -> Option<&Bytes> {
        self.expected.as_ref()
    }
}
