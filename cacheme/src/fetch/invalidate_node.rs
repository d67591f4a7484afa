//! All values of a node, or all there are, taken out of every tier.

use std::any::TypeId;
use std::sync::Arc;

use tokio::runtime::Handle;

use super::Fetch;
use super::invalidate::told;
use crate::bus::Message;
use crate::ended;
use crate::error::{Error, Result};
use crate::guard::Guard;
use crate::key::Key;
use crate::node::Node;
use crate::runtime::Cacheme;

impl Cacheme {
    /// Ends all values of the node type `N`, in all of its tiers.
    ///
    /// It costs the same for any number of them: in process they aren't found any more, and are taken out beside; in each
    /// remote storage of the node one small entry is read and written, which readers compare with when a value began to be
    /// loaded. Other processes see it with their next read of that storage when a [bus](Self::connect_bus) tells them,
    /// and otherwise within a second of reading; their local tiers keep what they have until its time to live ends, or
    /// the bus tells them. It concerns the prefix that the runtime has now, and in remote storages all instances of a
    /// generic type.
    ///
    /// What began to be loaded or read before still answers those who have asked by then, but is read by nobody else.
    ///
    /// ```
    /// use cacheme::{Load, LoadContext, LoadResult};
    ///
    /// #[cacheme::node(storage = "hot")]
    /// struct Price { article: u64 }
    ///
    /// # impl Load for Price {
    /// #     type Value = u64;
    /// #     async fn load(&self, _cx: &LoadContext) -> LoadResult<u64> { Ok(self.article) }
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> cacheme::Result<()> {
    /// # let runtime = cacheme::Cacheme::builder()
    /// #     .storage("hot", cacheme::LocalStorage::tlfu(100)).build().await?;
    /// runtime.get_all((0..10).map(|article| Price { article })).await?;
    /// runtime.invalidate_node::<Price>().await?;
    /// assert!(!runtime.contains(Price { article: 1 }).await?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When a storage failed to take the mark, the first one's error: other processes may still read values there, until it
    /// takes it, which is tried behind the scenes. This runtime and the other tiers have ended them all the same. When the set-up is wrong, and when there is a remote tier or a bus and
    /// no tokio runtime is running; then nothing is ended.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, local tiers have ended the values once it was polled; remote ones do so behind the scenes,
    /// those that weren't asked yet excepted.
    pub async fn invalidate_node<N: Node>(&self) -> Result<()> {
        self.fetch::<N>()?.end(self).await
    }

    /// Ends all values of all nodes, in all storages of this runtime, as
    /// [`invalidate_node`](Self::invalidate_node) does for one.
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Cancel safety
    ///
    /// As there.
    pub async fn invalidate_all(&self) -> Result<()> {
        let (prefix, remotes) = (self.prefix(), self.remotes());
        needs_tokio(self, !remotes.is_empty())?;
        let (telling, _airborne) = (self.telling(), self.aloft().take_off());
        self.end_locals();
        let key = ended::key_of_all(prefix.text());
        let mut outcome = Ok(());
        for (name, storage) in &remotes {
            let known = self.known_ended(name);
            let (until, marked) = mark(self, name, storage, &key, known).await;
            self.learn(name, until);
            outcome = outcome.and(marked);
        }
        // What was copied meanwhile from a storage that hadn't the mark yet.
        self.end_locals();
        outcome.and(told(telling, Message::Everything).await)
    }
}

impl<N: Node> Fetch<N> {
    /// Ends all values of the node.
    async fn end(&self, runtime: &Cacheme) -> Result<()> {
        let (chain, prefix) = (&self.chain, runtime.prefix());
        needs_tokio(runtime, chain.has_remote())?;
        let (telling, _airborne) = (runtime.telling(), runtime.aloft().take_off());
        self.end_local();
        let key = ended::key_of(prefix.text(), &chain.meta);
        let mut outcome = Ok(());
        for remote in chain.remotes() {
            let (name, ended) = (remote.name(), remote.ended());
            let known = remote.ended_until();
            let (until, marked) = mark(runtime, name, remote.storage(), &key, known).await;
            ended.learn(until);
            outcome = outcome.and(marked);
        }
        self.end_local();
        let message = Message::Node(chain.digest(&prefix));
        outcome.and(told(telling, message).await)
    }

    /// Has local tiers find nothing of what they have.
    fn end_local(&self) {
        self.epoch.next();
        let caches: Vec<_> = self.chain.locals().cloned().collect();
        beside(move || {
            for cache in &caches {
                cache.clear(TypeId::of::<N>());
            }
        });
    }
}

fn needs_tokio(runtime: &Cacheme, has_remote: bool) -> Result<()> {
    if (has_remote || runtime.has_bus()) && Handle::try_current().is_err() {
        let message = "values can't be ended in remote storages, or by a bus: no tokio runtime is running here";
        return Err(Error::config(message));
    }
    Ok(())
}

/// Writes a mark, later than the one that is there and than what is known, and says what it says.
async fn mark(
    runtime: &Cacheme,
    name: &Arc<str>,
    storage: &Guard,
    key: &Key,
    known: u64,
) -> (u64, Result<()>) {
    let now = storage.now(&**runtime.clock());
    // Also when it is given up.
    let mut missed = Unwritten {
        storage,
        key,
        until: Some(ended::until(now, known)),
    };
    let found = storage.read(vec![key.clone()]).await;
    // What can't be read isn't later, as long as clocks agree.
    let last = found
        .ok()
        .and_then(|found| ended::read(found.first()?.as_ref()?));
    let until = ended::until(now, last.unwrap_or(0).max(known));
    missed.until = Some(until);
    storage.knows(until);
    let mark = ended::entry(key.clone(), until);
    let written = storage.write(vec![mark]).await;
    if written.is_ok() {
        missed.until = None;
    }
    let written = written.map_err(|error| Error::storage_failed(name, "end entries", error));
    (until, written)
}

/// A mark that the storage misses unless it is written.
struct Unwritten<'a> {
    storage: &'a Guard,
    key: &'a Key,
    /// What it is to say.
    until: Option<u64>,
}

impl Drop for Unwritten<'_> {
    fn drop(&mut self) {
        if let Some(until) = self.until {
            self.storage.missed_end(self.key.clone(), until);
        }
    }
}

/// Does what takes as long as there are entries on a thread where nobody waits for it, if there is one.
pub(crate) fn beside(work: impl FnOnce() + Send + 'static) {
    match Handle::try_current() {
        Ok(tokio) => drop(tokio.spawn_blocking(work)),
        Err(_) => work(),
    }
}
