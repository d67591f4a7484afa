//! Simultaneous requests that miss, made one load: while no load of the node is under way, those
//! that come at once, and otherwise as a [`Batcher`] has them gather.
//!
//! Batches are tasks of their own, so that no caller's cancellation ends one for the others.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::Loader;
use super::load::Call;
use crate::batch::Batch;
use crate::batcher::{Batcher, Turn};
use crate::error::{Error, Result};
use crate::life::Life;
use crate::node::{Id, Node};

/// Requests of a node that wait to be loaded together.
pub(crate) struct Gather<N, V> {
    load_all: fn() -> Loader<N, V>,
    loads: Arc<Batcher<Request<N, V>>>,
}

struct Request<N, V> {
    id: Id<N>,
    answer: oneshot::Sender<Result<(V, Life)>>,
}

impl<N: Node, V: Clone + Send + Sync + 'static> Gather<N, V> {
    pub(super) fn new(batch: Batch, load_all: fn() -> Loader<N, V>) -> Self {
        let loads = Arc::new(Batcher::new(1, batch));
        Self { load_all, loads }
    }

    /// Loads a node, with others if there are many at it.
    pub(super) async fn load(&self, call: &Call, node: N) -> Result<(V, Life)> {
        let (answer, loaded) = oneshot::channel();
        let id = Id(node);
        self.loads.take(Request { id, answer }, || {
            let (call, load_all) = (call.clone(), self.load_all);
            move |turn, requests| load(call.clone(), load_all(), turn, requests)
        });
        // It goes with its tokio runtime, which is this one.
        let lost = |_| Err(Error::lost(call.chain.meta.name()));
        loaded.await.unwrap_or_else(lost)
    }
}

/// Loads for all of these.
async fn load<N: Node, V: Clone + Send + Sync + 'static>(
    call: Call,
    mut load_all: Loader<N, V>,
    turn: Turn<Request<N, V>>,
    requests: Vec<Request<N, V>>,
) {
    let chain = Arc::clone(&call.chain);
    // A node is there twice when its first flight was voided meanwhile.
    let mut seen = HashSet::new();
    let ids = requests.iter().map(|request| &request.id);
    let ids = ids.filter(|id| seen.insert(*id));
    let nodes = ids.map(|Id(node)| node.duplicate()).collect();
    let mut loaded = call.of(&mut load_all, nodes).await;
    // Before the answers, so that who is answered and asks again finds it ended.
    drop(turn);
    let mut given = HashMap::new();
    for Request { id, answer } in requests {
        let own = given.entry(id).or_insert_with_key(|id| match &mut loaded {
            Ok(loaded) => loaded
                .take(id)
                .unwrap_or_else(|| Err(Error::left_out(chain.meta.name()))),
            Err(error) => Err(error.clone()),
        });
        let own = own.clone();
        // Who asked may have gone.
        let _ = answer.send(own);
    }
}

impl<N, V> fmt::Debug for Gather<N, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.loads.fmt(f)
    }
}
