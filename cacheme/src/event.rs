//! What becomes of storages and the bus, for the program's log: with the feature `tracing`, once for each change of a state,
//! however many requests see it.

#[cfg(feature = "tracing")]
use tracing::{info, warn};

/// A change of a state.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    not(feature = "tracing"),
    expect(dead_code, reason = "what nobody is told")
)]
pub(crate) enum Event<'a> {
    /// A storage doesn't answer, and isn't asked until it does.
    Down {
        storage: &'a str,
        error: &'a (dyn std::error::Error + 'static),
    },
    /// It answers again.
    Up { storage: &'a str },
    /// A storage missed what it was to remove, the first after it had missed nothing.
    Missed { storage: &'a str },
    /// It missed too much, so that all that it has is ended.
    Flushed { storage: &'a str },
    /// All that it missed is made up for.
    MadeUp { storage: &'a str },
    /// Nothing is heard from other processes, and local tiers have dropped what they had.
    Deaf,
    /// Other processes are heard again.
    Hearing,
}

impl Event<'_> {
    /// Tells it.
    #[cfg(feature = "tracing")]
    #[cold]
    pub(crate) fn tell(self) {
        match self {
            Self::Down { storage, error } => {
                warn!(storage, error, "a storage doesn't answer and is left alone");
            }
            Self::Up { storage } => info!(storage, "a storage answers again"),
            Self::Missed { storage } => {
                warn!(
                    storage,
                    "a storage didn't remove what it was to, which is tried again"
                );
            }
            Self::Flushed { storage } => {
                warn!(
                    storage,
                    "a storage missed too many removals: all that it has is ended"
                );
            }
            Self::MadeUp { storage } => {
                info!(storage, "what a storage was to remove is removed");
            }
            Self::Deaf => warn!("the bus is lost, and local tiers have dropped what they had"),
            Self::Hearing => info!("the bus is back"),
        }
    }

    /// There is nobody to tell.
    #[cfg(not(feature = "tracing"))]
    #[expect(clippy::unused_self, reason = "as with the feature")]
    pub(crate) fn tell(self) {}
}
