//! What `Signed` and `Encrypted` share: values are sealed on their way into another storage, and
//! opened on their way out.
//!
//! A sealed value begins with a byte of version and the id of its key (little-endian). The key of
//! the entry is sealed in with the value, so that no value can be moved under another key.

use bytes::Bytes;

use super::{Entry, Storage, Swap};
use crate::error::BoxError;
use crate::key::Key;

/// The length of [`head`].
pub(super) const HEAD: usize = 5;

const VERSION: u8 = 1;

/// How a sealed value begins.
pub(super) fn head(id: u32) -> [u8; HEAD] {
    let [a, b, c, d] = id.to_le_bytes();
    [VERSION, a, b, c, d]
}

/// The id of the key that a value was sealed with; `None` where it wasn't sealed by this version.
pub(super) fn id(sealed: &[u8]) -> Option<u32> {
    let (&[VERSION, a, b, c, d], _) = sealed.split_first_chunk()? else {
        return None;
    };
    Some(u32::from_le_bytes([a, b, c, d]))
}

/// Reads entries from a storage, and opens each.
pub(super) async fn get(
    storage: &impl Storage,
    keys: &[Key],
    open: impl Fn(&Key, Bytes) -> Option<Bytes>,
) -> Result<Vec<Option<Bytes>>, BoxError> {
    let found = storage.get_many(keys).await?;
    if found.len() != keys.len() {
        return Err("the storage gave another number of entries than it was asked for".into());
    }
    let entries = keys.iter().zip(found);
    // No envelope is empty, so the runtime counts what doesn't open as corrupt, and replaces it.
    let opened = |(key, sealed)| Some(open(key, sealed?).unwrap_or_default());
    Ok(entries.map(opened).collect())
}

/// Seals entries, and writes them to a storage.
pub(super) async fn put(
    storage: &impl Storage,
    entries: &[Entry],
    seal: impl Fn(&Key, &[u8]) -> Result<Bytes, BoxError>,
) -> Result<(), BoxError> {
    let sealed = entries.iter().map(|entry| sealed(entry, &seal));
    let sealed = sealed.collect::<Result<Vec<_>, BoxError>>()?;
    storage.put_many(&sealed).await
}

fn sealed(
    entry: &Entry,
    seal: impl Fn(&Key, &[u8]) -> Result<Bytes, BoxError>,
) -> Result<Entry, BoxError> {
    Ok(Entry {
        key: entry.key.clone(),
        value: seal(&entry.key, &entry.value)?,
        ttl: entry.ttl,
    })
}

/// Swaps entries of a storage. What is there is read before, since nobody can tell how it was sealed.
pub(super) async fn swap(
    storage: &impl Storage,
    swaps: &[Swap],
    open: impl Fn(&Key, Bytes) -> Option<Bytes>,
    seal: impl Fn(&Key, &[u8]) -> Result<Bytes, BoxError>,
) -> Result<Vec<bool>, BoxError> {
    let expecting = swaps.iter().filter(|swap| swap.expected().is_some());
    let keys: Vec<_> = expecting.map(|swap| swap.entry().key.clone()).collect();
    let mut found = Vec::new();
    if !keys.is_empty() {
        found = storage.get_many(&keys).await?;
    }
    let mut found = found.into_iter();
    let (mut places, mut inner) = (Vec::new(), Vec::new());
    for (place, swap) in swaps.iter().enumerate() {
        let entry = sealed(swap.entry(), &seal)?;
        let swap = match swap.expected() {
            None => Swap::absent(entry),
            Some(expected) => {
                let Some(there) = found.next().flatten() else {
                    continue;
                };
                // As it is read: what doesn't open is empty.
                if open(&entry.key, there.clone()).unwrap_or_default() != *expected {
                    continue;
                }
                Swap::of(there, entry)
            }
        };
        places.push(place);
        inner.push(swap);
    }
    let mut swapped = vec![false; swaps.len()];
    if !inner.is_empty() {
        let outcomes = storage.swap_many(&inner).await?;
        for (place, outcome) in places.into_iter().zip(outcomes) {
            swapped[place] = outcome;
        }
    }
    Ok(swapped)
}

/// The storage of a wrapper that has a `storage`, and a `seal` and an `open` for values.
macro_rules! sealed_storage {
    ($wrapper:ident) => {
        #[deny(clippy::missing_trait_methods)]
        impl<S: Storage> Storage for $wrapper<S> {
            fn get_many<'a>(&'a self, keys: &'a [Key]) -> StorageFuture<'a, Vec<Option<Bytes>>> {
                let open = |key: &Key, sealed: Bytes| self.open(key, sealed);
                Box::pin(sealed::get(&self.storage, keys, open))
            }

            fn put_many<'a>(&'a self, entries: &'a [Entry]) -> StorageFuture<'a, ()> {
                let seal = |key: &Key, value: &[u8]| self.seal(key, value);
                Box::pin(sealed::put(&self.storage, entries, seal))
            }

            fn remove_many<'a>(&'a self, keys: &'a [Key]) -> StorageFuture<'a, ()> {
                self.storage.remove_many(keys)
            }

            fn swap_many<'a>(
                &'a self,
                swaps: &'a [$crate::storage::Swap],
            ) -> StorageFuture<'a, Vec<bool>> {
                let open = |key: &Key, sealed: Bytes| self.open(key, sealed);
                let seal = |key: &Key, value: &[u8]| self.seal(key, value);
                Box::pin(sealed::swap(&self.storage, swaps, open, seal))
            }

            fn can_swap(&self) -> bool {
                self.storage.can_swap()
            }

            fn now(&self) -> Option<Duration> {
                self.storage.now()
            }

            fn parallel_reads(&self) -> Option<usize> {
                self.storage.parallel_reads()
            }

            fn is_partitioned(&self) -> bool {
                self.storage.is_partitioned()
            }

            fn bus(&self) -> Option<std::sync::Arc<dyn crate::bus::Bus>> {
                self.storage.bus()
            }
        }
    };
}

pub(super) use sealed_storage;
