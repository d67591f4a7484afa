//! All values of a tag taken out of every tier.

use std::sync::Arc;

use tokio::runtime::Handle;

use crate::error::{Error, Result};
use crate::guard::Guard;
use crate::key::Key;
use crate::runtime::Cacheme;
use crate::tag::{Tags, mark};

impl Cacheme {
    /// Ends all values that have this tag, of whatever nodes, in all of their tiers.
    ///
    /// It costs the same for any number of values: in process one lock, and one removal in each remote storage of
    /// the runtime. What began to be loaded or read before the call ended still answers those who wait for it, but is
    /// kept nowhere. Of other processes that holds in remote tiers for the tags that nodes have by `tags`, and not for
    /// those that loads add; their local tiers keep what they have until its time to live ends.
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
    /// When a storage failed to forget the tag, the first one's error: values of the tag may still be read there, and
    /// come into local tiers again. The other tiers have ended them all the same. When there is a remote storage and no
    /// tokio runtime is running; then nothing is ended.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, local tiers have ended the values once it was polled; remote ones may not have.
    pub async fn invalidate_tag(&self, tag: impl AsRef<str>) -> Result<()> {
        let (tag, prefix) = (tag.as_ref(), self.prefix());
        let remotes = self.remotes();
        if !remotes.is_empty() && Handle::try_current().is_err() {
            let message =
                "a tag can't be invalidated in remote storages: no tokio runtime is running here";
            return Err(Error::config(message));
        }
        // Once more at the end: what began meanwhile may have read what wasn't removed yet.
        let _end = Ending::new(self.tags(), prefix.scope, tag);
        let key = mark::key(prefix.text(), tag);
        let removed = remove(&remotes, &key).await;
        if remotes.len() < 2 {
            return removed;
        }
        // What was copied from one that still had it into one that hadn't any more.
        let again = remove(&remotes, &key).await;
        removed.and(again)
    }
}

/// Removes a tag's mark from each of these.
async fn remove(remotes: &[(Arc<str>, Guard)], key: &Key) -> Result<()> {
    let mut outcome = Ok(());
    for (name, storage) in remotes {
        let removed = storage.remove(vec![key.clone()]).await;
        let failed = |error| Error::storage_failed(name, "forget a tag", error);
        outcome = outcome.and(removed.map_err(failed));
    }
    outcome
}

/// An invalidation of a tag that is under way: in process it happens when it begins and when it ends.
struct Ending<'a> {
    tags: &'a Tags,
    scope: u64,
    tag: &'a str,
}

impl<'a> Ending<'a> {
    fn new(tags: &'a Tags, scope: u64, tag: &'a str) -> Self {
        tags.invalidate(scope, tag);
        Self { tags, scope, tag }
    }
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.tags.invalidate(self.scope, self.tag);
    }
}
