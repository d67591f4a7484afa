//! Invalidations that wait for others of the same, and are one.

use std::any::TypeId;
use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

use crate::error::{Error, Result};
use crate::lock::lock;
use crate::node::Node;
use crate::runtime::Cacheme;

/// Invalidations that take place a while later, those of the same within it together; made by
/// [`Cacheme::debounced`].
#[derive(Clone, Copy, Debug)]
#[must_use = "it does nothing by itself"]
pub struct Debounced<'a> {
    runtime: &'a Cacheme,
    wait: Duration,
}

/// What is to be invalidated.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum What {
    Tag(String),
    Node(TypeId),
    Everything,
}

/// How it is invalidated.
type Act = Arc<dyn Fn(Cacheme) -> Pin<Box<dyn Future<Output = Result<()>> + Send>> + Send + Sync>;

/// The invalidations of a runtime that wait for their time.
#[derive(Default)]
pub(crate) struct Waiting(Mutex<HashMap<What, Due>>);

struct Due {
    act: Act,
    at: Instant,
    /// The task that does it, which may be gone with its tokio runtime.
    task: AbortHandle,
}

impl Cacheme {
    /// Invalidations that take place `wait` later, and however often they are asked for within that time, once: for who
    /// changes many things of a tag in a row.
    ///
    /// The earliest time counts. Until then what is there is served, and of tags and everything what is ended is what is under
    /// the prefix that the runtime has then. What a storage or the bus misses is made up for, as always, so there is nobody
    /// to be told of a failure. The runtime is kept until then. [`shutdown`](Self::shutdown) doesn't wait for their time, but has them take place.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> cacheme::Result<()> {
    /// # let runtime = cacheme::Cacheme::default();
    /// let soon = runtime.debounced(Duration::from_millis(100));
    /// for _ in 0..10_000 {
    ///     soon.invalidate_tag("articles")?;
    /// }
    /// assert_eq!(runtime.pending().invalidations(), 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn debounced(&self, wait: Duration) -> Debounced<'_> {
        Debounced {
            runtime: self,
            wait,
        }
    }

    /// Has what waits take place at once, in tasks of their own: it is pending until they end.
    pub(crate) fn invalidate_waiting(&self) {
        let waiting: Vec<_> = lock(&self.waiting().0).keys().cloned().collect();
        for what in waiting {
            if let Some(acting) = self.take_act(&what) {
                tokio::spawn(acting);
            }
        }
    }

    /// What is to be done now, if nobody does it.
    fn take_act(&self, what: &What) -> Option<impl Future<Output = ()> + Send + 'static> {
        // Before it isn't seen to wait any more.
        let airborne = self.aloft().take_off();
        let due = lock(&self.waiting().0).remove(what)?;
        let runtime = self.clone();
        Some(async move {
            // What failed is made up for.
            let _ = (due.act)(runtime).await;
            drop(airborne);
        })
    }
}

impl Debounced<'_> {
    /// As [`Cacheme::invalidate_tag`], by and by.
    ///
    /// # Errors
    ///
    /// When no tokio runtime is running.
    pub fn invalidate_tag(&self, tag: impl Into<String>) -> Result<()> {
        let tag = tag.into();
        let act = {
            let tag = tag.clone();
            move |runtime: Cacheme| {
                let tag = tag.clone();
                async move { runtime.invalidate_tag(tag).await }
            }
        };
        self.soon(What::Tag(tag), act)
    }

    /// As [`Cacheme::invalidate_node`], by and by.
    ///
    /// # Errors
    ///
    /// When the set-up is wrong, or no tokio runtime is running.
    pub fn invalidate_node<N: Node>(&self) -> Result<()> {
        self.runtime.register_node::<N>()?;
        let act = |runtime: Cacheme| async move { runtime.invalidate_node::<N>().await };
        self.soon(What::Node(TypeId::of::<N>()), act)
    }

    /// As [`Cacheme::invalidate_all`], by and by.
    ///
    /// # Errors
    ///
    /// When no tokio runtime is running.
    pub fn invalidate_all(&self) -> Result<()> {
        let act = |runtime: Cacheme| async move { runtime.invalidate_all().await };
        self.soon(What::Everything, act)
    }

    fn soon<F>(&self, what: What, act: impl Fn(Cacheme) -> F + Send + Sync + 'static) -> Result<()>
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let tokio = Handle::try_current().map_err(|_| {
            let message =
                "an invalidation can't wait for its time: no tokio runtime is running here";
            Error::config(message)
        })?;
        let now = Instant::now();
        // What is longer than a clock goes is for ever.
        let at = now.checked_add(self.wait);
        let at = at.unwrap_or_else(|| now + Duration::from_secs(u32::MAX.into()));
        let mut waiting = lock(&self.runtime.waiting().0);
        let waits = |due: &Due| due.at <= at && !due.task.is_finished();
        if waiting.get(&what).is_some_and(waits) {
            return Ok(());
        }
        let (runtime, this) = (self.runtime.clone(), what.clone());
        let task = tokio.spawn(async move {
            sleep_until(at).await;
            if let Some(acting) = runtime.take_act(&this) {
                acting.await;
            }
        });
        let due = Due {
            act: Arc::new(move |runtime| Box::pin(act(runtime))),
            at,
            task: task.abort_handle(),
        };
        if let Some(later) = waiting.insert(what, due) {
            later.task.abort();
        }
        Ok(())
    }
}

impl Waiting {
    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        lock(&self.0).len()
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(lock(&self.0).keys()).finish()
    }
}
