//! What a lookup found, and if nothing, why.
//!
//! It exists so that a caller can count the reasons of its misses.

/// The outcome of [`Cache::lookup`](crate::Cache::lookup).
///
/// # Examples
///
/// ```
/// use cacheme_tinylfu::{Cache, Lookup};
///
/// let cache = Cache::new(100);
/// cache.insert(1, "one");
/// assert_eq!(cache.lookup(&1, |value| value.len()), Lookup::Hit(3));
/// assert_eq!(cache.lookup(&2, |value| value.len()), Lookup::Absent);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lookup<R> {
    /// The key has a live entry. Holds what the closure returned.
    Hit(R),
    /// The key's entry had expired. This lookup removed it, so the next one says [`Lookup::Absent`].
    Expired,
    /// The key has no entry.
    Absent,
}

impl<R> Lookup<R> {
    /// What the closure returned, or `None` for either kind of miss.
    ///
    /// # Examples
    ///
    /// ```
    /// use cacheme_tinylfu::Lookup;
    ///
    /// assert_eq!(Lookup::Hit(1).hit(), Some(1));
    /// assert_eq!(Lookup::<i32>::Expired.hit(), None);
    /// ```
    pub fn hit(self) -> Option<R> {
        match self {
            Self::Hit(result) => Some(result),
            Self::Expired | Self::Absent => None,
        }
    }
}
