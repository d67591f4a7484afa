//! A bound on the calls of a node's loader: so many at once, so many more in line, and beyond
//! those a load is refused at once. A source that is slow then holds up its own node, not the whole
//! process.
//!
//! A place belongs to a guard, so that it is given back whatever ends the load.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Error, Result};

/// How many loads of a node run at once, and how many wait for them.
///
/// ```
/// use cacheme::MaxLoads;
///
/// let bound = MaxLoads::new(16);
/// assert_eq!(bound.queue(), 1000);
/// assert_eq!(bound.with_queue(100).queue(), 100);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxLoads {
    at_once: usize,
    queue: usize,
}

impl MaxLoads {
    /// Lets `at_once` calls of the loader run at once, and 1,000 wait. The first use of the node is
    /// an error if it is 0.
    pub fn new(at_once: usize) -> Self {
        let queue = 1000;
        Self { at_once, queue }
    }

    /// Lets so many calls wait; beyond those a load fails at once. With 0 none waits.
    #[must_use]
    pub fn with_queue(mut self, queue: usize) -> Self {
        self.queue = queue;
        self
    }

    /// How many calls run at once.
    pub fn at_once(&self) -> usize {
        self.at_once
    }

    /// How many calls wait.
    pub fn queue(&self) -> usize {
        self.queue
    }
}

/// The places of a node's loads.
#[derive(Debug)]
pub(crate) struct Bulkhead {
    node: String,
    bound: MaxLoads,
    places: Arc<Semaphore>,
    /// The places in line.
    line: Semaphore,
}

/// A load's place; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Place(#[expect(dead_code, reason = "held for its drop")] OwnedSemaphorePermit);

impl Bulkhead {
    pub(crate) fn new(node: &str, bound: MaxLoads) -> Result<Arc<Self>> {
        if bound.at_once == 0 {
            let message = format!("`max_loads` of `{node}` is 0, so nothing could ever be loaded");
            return Err(Error::node_config(node, message));
        }
        let semaphore = |places: usize| Semaphore::new(places.min(Semaphore::MAX_PERMITS));
        Ok(Arc::new(Self {
            node: node.to_owned(),
            bound,
            places: Arc::new(semaphore(bound.at_once)),
            line: semaphore(bound.queue),
        }))
    }

    pub(crate) fn at_once(&self) -> usize {
        self.bound.at_once
    }

    /// Waits for a place, in the order of arrival.
    ///
    /// Cancel safe: who is dropped has left the line.
    pub(crate) async fn enter(&self) -> Result<Place> {
        let places = || Arc::clone(&self.places);
        if let Ok(place) = places().try_acquire_owned() {
            return Ok(Place(place));
        }
        let full = |_| Error::overloaded(&self.node, self.bound);
        let _turn = self.line.try_acquire().map_err(full)?;
        // It is never closed.
        let place = places().acquire_owned().await;
        place.map(Place).map_err(|_| Error::lost(&self.node))
    }
}
