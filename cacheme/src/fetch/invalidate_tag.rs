//! All values of a tag taken out of every tier.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::invalidate::told;
use crate::bus::Message;
use crate::error::{Error, Result};
use crate::guard::Guard;
use crate::key::Key;
use crate::prefix::Prefix;
use crate::runtime::Cacheme;
use crate::tag::{Tags, mark};
use crate::together::together;

impl Cacheme {
    /// Ends all values that have this tag, of whatever nodes, in all of their tiers.
    ///
    /// It costs the same for any number of values: in process one lock, and one removal in each remote storage of
    /// the runtime, as often as there are such. It concerns the prefix that the runtime has now.
    ///
    /// What began to be loaded or read before still answers those who have asked by then, but is kept nowhere. Of
    /// other processes that holds in remote tiers for the tags that nodes have by `tags`, and not for those that loads
    /// add; their local tiers keep what they have until its time to live ends, or the [bus](Self::connect_bus) tells
    /// them.
    ///
    /// ```
    /// use cacheme::{Load, LoadContext, LoadResult};
    ///
    /// #[cacheme::node(storage = "hot", tags("tenant:{tenant}", "reports"))]
    /// struct Report { tenant: u64, number: u64 }
    ///
    /// # impl Load for Report {
    /// #     type Value = u64;
    /// #     async fn load(&self, _cx: &LoadContext) -> LoadResult<u64> { Ok(self.number) }
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> cacheme::Result<()> {
    /// # let runtime = cacheme::Cacheme::builder()
    /// #     .storage("hot", cacheme::LocalStorage::tlfu(100)).build().await?;
    /// runtime.get_all((0..10).map(|number| Report { tenant: 7, number })).await?;
    /// runtime.invalidate_tag("tenant:7").await?;
    /// assert!(!runtime.contains(Report { tenant: 7, number: 1 }).await?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When a storage failed to forget the tag, the first one's error. The other tiers have ended the values all the same,
    /// and this runtime reads none of them in that storage, which forgets the tag as soon as it can; until then others
    /// may read them. When there is a remote storage or a bus and no
    /// tokio runtime is running; then nothing is ended.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, local tiers have ended the values once it was polled; remote ones may not have.
    pub async fn invalidate_tag(&self, tag: impl AsRef<str>) -> Result<()> {
        let (tag, prefix) = (tag.as_ref(), self.prefix());
        let remotes = self.remotes();
        let needs_tokio = self.has_bus() || !remotes.is_empty();
        if needs_tokio && Handle::try_current().is_err() {
            let message = "a tag can't be invalidated in remote storages, or by a bus: no tokio runtime is running here";
            return Err(Error::config(message));
        }
        let _airborne = self.aloft().take_off();
        let key = mark::key(prefix.text(), tag);
        let telling = self.telling();
        let ending = Ending::new(self.tags(), prefix.id, tag);
        let mut outcome = Ok(());
        for _ in &remotes {
            // Once for each: what was copied from one that still had it into one that hadn't any more goes the next time.
            outcome = outcome.and(remove(self, &remotes, &key, &prefix).await);
            ending.again();
        }
        let message = Message::Tag(prefix.id, tag.to_owned());
        outcome.and(told(telling, message).await)
    }
}

/// Removes a tag's mark from all of these at once.
async fn remove(
    runtime: &Cacheme,
    remotes: &[(Arc<str>, Guard)],
    key: &Key,
    prefix: &Prefix,
) -> Result<()> {
    let removals = remotes.iter().map(async |(name, storage)| {
        let removed = storage.remove(vec![key.clone()], prefix, &**runtime.clock());
        let removed = removed.await;
        removed.map_err(|error| Error::storage_failed(name, "forget a tag", error))
    });
    let removed = together(removals).await;
    removed.into_iter().collect()
}

/// An invalidation of a tag that is under way: in process it happens when it begins and when it ends.
struct Ending<'a> {
    tags: &'a Tags,
    scope: u64,
    tag: &'a str,
}

impl<'a> Ending<'a> {
    fn new(tags: &'a Tags, scope: u64, tag: &'a str) -> Self {
        let ending = Self { tags, scope, tag };
        ending.again();
        ending
    }

    /// Ends what began meanwhile as well: it may have read what wasn't removed yet.
    fn again(&self) {
        self.tags.invalidate(self.scope, self.tag);
    }
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.again();
    }
}
