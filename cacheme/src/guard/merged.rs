//! Simultaneous reads of a storage made one: a driver reads a hundred entries in little more time
//! than one.
//!
//! Reads that come at once go together. While as many are under way as the storage says are worth it,
//! others gather, until one ends, 64 are there, or a moment has passed. Reads of many keys are a batch
//! already, and always go as they are.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::Bounded;
use crate::batch::Batch;
use crate::batcher::{Batcher, Turn};
use crate::error::BoxError;
use crate::key::Key;

/// A storage whose simultaneous reads are merged.
#[derive(Clone)]
pub(super) struct Merged {
    storage: Bounded,
    reads: Arc<Batcher<Request>>,
}

/// A read of few keys.
struct Request {
    keys: Vec<Key>,
    answer: oneshot::Sender<Answer>,
}

/// Why a batch failed goes to several.
type Answer = Result<Vec<Option<Bytes>>, Arc<str>>;

impl Merged {
    /// Reads of up to so many keys gather.
    const FEW: usize = 8;

    /// The most reads that become one.
    const MOST: usize = 64;

    /// The longest that reads gather.
    const MOMENT: Duration = Duration::from_millis(2);

    /// While `most` reads are under way, others gather.
    pub(super) fn new(storage: Bounded, most: usize) -> Self {
        let batch = Batch::default();
        let batch = batch.with_max(Self::MOST).with_delay(Self::MOMENT);
        let reads = Arc::new(Batcher::new(most, batch));
        Self { storage, reads }
    }

    /// Whether these are so few that a read of them is merged with others.
    pub(super) fn takes(keys: &[Key]) -> bool {
        keys.len() <= Self::FEW
    }

    /// Reads few keys, with others if there are many at it. The deadline is the batch's, which begins
    /// a moment later, so that a caller needs no timer.
    pub(super) async fn read(&self, keys: Vec<Key>) -> Result<Vec<Option<Bytes>>, BoxError> {
        let (sender, answer) = oneshot::channel();
        let request = Request {
            keys,
            answer: sender,
        };
        self.reads.take(request, || {
            let storage = self.storage.clone();
            move |turn, requests| read(storage.clone(), turn, requests)
        });
        let answer = answer.await.map_err(|_| gone())?;
        answer.map_err(|problem| problem.to_string().into())
    }
}

/// Reads for all of these.
async fn read(storage: Bounded, turn: Turn<Request>, requests: Vec<Request>) {
    let mut keys = Vec::with_capacity(requests.len());
    for request in &requests {
        keys.extend_from_slice(&request.keys);
    }
    let found = storage.read(keys).await;
    // Before the answers, so that who is answered and reads again finds it ended.
    drop(turn);
    let found = found.map(Vec::into_iter);
    let mut found = found.map_err(|error| Arc::<str>::from(error.to_string()));
    for Request { keys, answer } in requests {
        let own = match &mut found {
            Ok(found) => Ok(found.take(keys.len()).collect()),
            Err(problem) => Err(Arc::clone(problem)),
        };
        // Who asked may have gone.
        let _ = answer.send(own);
    }
}

fn gone() -> BoxError {
    "the tokio runtime that read it was shut down".into()
}
