//! What stands between loaders and their source in a test.

use std::sync::Arc;

use tokio::sync::watch;

use super::mode::{Mode, Told};
use crate::load::LoadResult;

/// A gate that loads pass on their way to the source: it counts them, by key, and holds them up, fails or
/// panics when it is told to. Clones share everything.
///
/// A loader that is a closure takes a clone along. One that is an `impl Load` finds it in the state,
/// by itself or within the stand-in for a database:
///
/// ```
/// use cacheme::testing::{Gate, Mode};
/// use cacheme::{Cacheme, Load, LoadContext, LoadResult, LocalStorage};
///
/// #[cacheme::node(storage = "hot")]
/// struct Square { of: u64 }
///
/// impl Load for Square {
///     type Value = u64;
///
///     async fn load(&self, cx: &LoadContext) -> LoadResult<u64> {
///         cx.state::<Gate<u64>>()?.pass([self.of]).await?;
///         Ok(self.of * self.of)
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> cacheme::Result<()> {
/// let gate: Gate<u64> = Gate::new();
/// let runtime = Cacheme::builder()
///     .storage("hot", LocalStorage::tlfu(100))
///     .state(gate.clone())
///     .build()
///     .await?;
///
/// gate.set_mode(Mode::Waits);
/// let (one, two) = (runtime.get(Square { of: 3 }), runtime.get(Square { of: 3 }));
/// let release = async {
///     gate.passed(1).await;
///     gate.set_mode(Mode::Works);
/// };
/// let (one, two, ()) = tokio::join!(one, two, release);
/// assert_eq!((one?, two?), (9, 9));
/// assert_eq!(gate.count(&3), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Gate<K>(Arc<Core<K>>);

#[derive(Debug)]
struct Core<K> {
    calls: watch::Sender<Vec<Vec<K>>>,
    told: Told,
}

impl<K: Send + Sync> Gate<K> {
    /// A gate that is open.
    pub fn new() -> Self {
        let (calls, told) = (watch::Sender::new(Vec::new()), Told::new());
        Self(Arc::new(Core { calls, told }))
    }

    /// Changes what happens to loads, those that wait included.
    pub fn set_mode(&self, mode: Mode) {
        self.0.told.set(mode);
    }

    /// Passes the gate with the keys that are to be loaded; to be called before they are.
    ///
    /// # Errors
    ///
    /// When it is told to fail.
    ///
    /// # Panics
    ///
    /// When it is told to panic.
    ///
    /// # Cancel safety
    ///
    /// The call is counted once it was polled.
    pub async fn pass(&self, keys: impl IntoIterator<Item = K>) -> LoadResult<()> {
        let keys = keys.into_iter().collect();
        self.0.calls.send_modify(|calls| calls.push(keys));
        self.0.told.begin().await?;
        self.0.told.end().await
    }

    /// Waits until so many calls came to the gate, whatever became of them.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn passed(&self, calls: usize) {
        let mut came = self.0.calls.subscribe();
        // The sender is in `self`, so it isn't gone.
        let _ = came.wait_for(|came| came.len() >= calls).await;
    }

    /// The keys that each call was for, in the order in which they came.
    pub fn calls(&self) -> Vec<Vec<K>>
    where
        K: Clone,
    {
        self.0.calls.borrow().clone()
    }

    /// How often this key came.
    pub fn count(&self, key: &K) -> usize
    where
        K: PartialEq,
    {
        let calls = self.0.calls.borrow();
        calls.iter().flatten().filter(|came| *came == key).count()
    }
}

impl<K> Clone for Gate<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Send + Sync> Default for Gate<K> {
    fn default() -> Self {
        Self::new()
    }
}
