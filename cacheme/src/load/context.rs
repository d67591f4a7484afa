//! What a loader is given, and what it says of its value.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::Load;
use crate::bulkhead::{Bulkhead, Place};
use crate::error::Result;
use crate::life::Life;
use crate::lock::lock;
use crate::runtime::Cacheme;

/// What a loader is given: the state of the runtime that it loads for, and a way to say how long
/// the value is kept.
///
/// Cloning it is cheap; clones are of the same load.
#[derive(Clone)]
pub struct LoadContext {
    runtime: Cacheme,
    node: Arc<str>,
    said: Arc<Said>,
}

/// What is known of a load besides what it returns.
struct Said {
    /// Each node of the batch is loaded within a deadline of its own.
    is_split: AtomicBool,
    life: Mutex<Life>,
    bulkhead: Option<Arc<Bulkhead>>,
    place: Mutex<Option<Place>>,
    deadline: Duration,
}

/// A load under way; dropping it ends its part in what `max_loads` allows.
pub(crate) struct Inside<'a>(&'a LoadContext);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

impl LoadContext {
    pub(crate) fn new(
        runtime: Cacheme,
        node: &str,
        bulkhead: Option<Arc<Bulkhead>>,
        deadline: Duration,
    ) -> Self {
        Self {
            runtime,
            node: node.into(),
            said: Arc::new(Said {
                is_split: AtomicBool::new(false),
                life: Mutex::default(),
                bulkhead,
                place: Mutex::default(),
                deadline,
            }),
        }
    }

    /// The name of the node that is loaded.
    pub(crate) fn node(&self) -> &str {
        &self.node
    }

    /// A context for a part of this load, of which other things may be said.
    pub(super) fn of_another_load(&self) -> Self {
        let Said {
            bulkhead, deadline, ..
        } = &*self.said;
        Self::new(
            self.runtime.clone(),
            &self.node,
            bulkhead.clone(),
            *deadline,
        )
    }

    /// How long the load may take.
    pub(super) fn deadline(&self) -> Duration {
        self.said.deadline
    }

    /// Begins the load, as soon as `max_loads` lets it.
    pub(crate) async fn enter(&self) -> Result<Inside<'_>> {
        if let Some(bulkhead) = &self.said.bulkhead {
            let place = bulkhead.enter().await?;
            *lock(&self.said.place) = Some(place);
        }
        Ok(Inside(self))
    }

    /// Gives the load's place back.
    pub(super) fn leave(&self) {
        let place = lock(&self.said.place).take();
        drop(place);
    }

    /// How many loads of one batch run at once, so that they don't fill the line.
    pub(super) fn concurrency(&self) -> usize {
        let most = self.runtime.load_concurrency();
        let bulkhead = self.said.bulkhead.as_ref();
        bulkhead.map_or(most, |bulkhead| most.min(bulkhead.at_once()))
    }

    /// Lets the load go on for as long as it takes.
    pub(crate) fn be_patient(&self) {
        self.be_split();
    }

    /// Has each node of the batch be loaded within a deadline of its own.
    pub(super) fn be_split(&self) {
        self.said.is_split.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_split(&self) -> bool {
        self.said.is_split.load(Ordering::Relaxed)
    }

    pub(crate) fn life(&self) -> Life {
        lock(&self.said.life).clone()
    }

    fn shorten(&self, by: Life) {
        let mut life = lock(&self.said.life);
        *life = std::mem::take(&mut *life).and(by);
    }

    /// Keeps what this load returns for `ttl` at most, from when it ends.
    ///
    /// That holds in every tier: one with a longer time to live, or without any, keeps the value
    /// for `ttl`, and one with a shorter time to live for its own. Of several calls the shortest
    /// time holds; zero is [`do_not_cache`](Self::do_not_cache). It concerns one node in
    /// [`load`](Load::load) and the whole batch in a [`load_all`](Load::load_all) that the node
    /// overrides; there [`Loaded::insert_with_ttl`](crate::Loaded::insert_with_ttl) says it of one.
    ///
    /// ```
    /// use std::time::Duration;
    /// use cacheme::{Load, LoadContext, LoadResult};
    ///
    /// # async fn price(_of: u64) -> LoadResult<(u64, Duration)> { Ok((1, Duration::from_secs(1))) }
    /// #[cacheme::node(storage = "hot", ttl = "1h")]
    /// struct Price { product: u64 }
    ///
    /// impl Load for Price {
    ///     type Value = u64;
    ///
    ///     async fn load(&self, cx: &LoadContext) -> LoadResult<u64> {
    ///         let (price, valid_for) = price(self.product).await?;
    ///         cx.set_ttl(valid_for);
    ///         Ok(price)
    ///     }
    /// }
    /// ```
    pub fn set_ttl(&self, ttl: Duration) {
        self.shorten(Life::at_most(ttl));
    }

    /// Puts what this load returns into no tier. All who wait for it get it, and the next request
    /// loads again. After a [`refresh`](Cacheme::refresh) no tier has an older value either.
    ///
    /// ```
    /// # use cacheme::{LoadContext, LoadResult};
    /// # async fn search(_words: &str) -> LoadResult<(Vec<u64>, bool)> { Ok((Vec::new(), true)) }
    /// # async fn load(words: &str, cx: &LoadContext) -> LoadResult<Vec<u64>> {
    /// let (found, is_complete) = search(words).await?;
    /// if !is_complete {
    ///     cx.do_not_cache();
    /// }
    /// Ok(found)
    /// # }
    /// ```
    pub fn do_not_cache(&self) {
        self.shorten(Life::NONE);
    }

    /// Gives what this load returns a tag, besides those that the node's `tags` says:
    /// [`invalidate_tag`](Cacheme::invalidate_tag) removes it from every tier. For a tag that is known only
    /// from the value. Reading such an entry from a remote storage takes a second round trip, for what its tags
    /// are at. As [`set_ttl`](Self::set_ttl), it concerns one node in [`load`](Load::load), and the whole batch in
    /// a [`load_all`](Load::load_all) that the node overrides; there [`Loaded::add_tag`](crate::Loaded::add_tag) says it
    /// of one.
    ///
    /// ```
    /// # use cacheme::{Load, LoadContext, LoadResult};
    /// # #[derive(Clone, serde::Serialize, serde::Deserialize)]
    /// # struct Article { author: u64 }
    /// # async fn article(_number: u64) -> LoadResult<Article> { Ok(Article { author: 1 }) }
    /// #[cacheme::node(storage = "hot", ttl = "1h")]
    /// struct ArticleAt { number: u64 }
    ///
    /// impl Load for ArticleAt {
    ///     type Value = Article;
    ///
    ///     async fn load(&self, cx: &LoadContext) -> LoadResult<Article> {
    ///         let article = article(self.number).await?;
    ///         cx.add_tag(format!("author:{}", article.author));
    ///         Ok(article)
    ///     }
    /// }
    /// ```
    pub fn add_tag(&self, tag: impl Into<String>) {
        self.shorten(Life::of_tags([tag.into().into()]));
    }

    /// The value that the node's tiers have, for a load that may find it unchanged at its source.
    ///
    /// A load that returns it renews it: every tier has it anew, with its whole time to live, and with those tags only that
    /// this load [adds](Self::add_tag). So does a
    /// [`refresh`](Cacheme::refresh). A `get` loads only what no tier has, so there it is what the node's `stale` keeps,
    /// or one that is renewed ahead of its time by `refresh_at`. It looks as [`peek`](Cacheme::peek) does, under the
    /// prefix that the runtime has now. The validator that the source asks for, such as an `ETag`, is best a part
    /// of the value.
    ///
    /// ```
    /// use cacheme::{Load, LoadContext, LoadResult};
    /// use serde::{Deserialize, Serialize};
    ///
    /// # enum Answer { NotModified, Page(Page) }
    /// # async fn fetch(_number: u64, _tag: Option<&str>) -> LoadResult<Answer> { Ok(Answer::NotModified) }
    /// #[derive(Clone, Serialize, Deserialize)]
    /// struct Page {
    ///     etag: String,
    ///     text: String,
    /// }
    ///
    /// #[cacheme::node(storage = "hot", ttl = "1h")]
    /// struct PageAt { number: u64 }
    ///
    /// impl Load for PageAt {
    ///     type Value = Page;
    ///
    ///     async fn load(&self, cx: &LoadContext) -> LoadResult<Page> {
    ///         let previous = cx.previous(self).await?;
    ///         let etag = previous.as_ref().map(|page| page.etag.as_str());
    ///         match (fetch(self.number, etag).await?, previous) {
    ///             (Answer::Page(page), _) => Ok(page),
    ///             (Answer::NotModified, Some(page)) => Ok(page),
    ///             (Answer::NotModified, None) => Err("the source knows of a value that we don't".into()),
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// When the set-up is wrong. A storage that is down has no value.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is changed.
    pub async fn previous<N: Load>(&self, node: &N) -> Result<Option<N::Value>> {
        Ok(self
            .runtime
            .fetch::<N>()?
            .previous(&self.runtime, node)
            .await)
    }

    /// The state of type `T` that the runtime was given, such as a database pool.
    ///
    /// # Errors
    ///
    /// When none was given, with a message that names the type.
    pub fn state<T: Send + Sync + 'static>(&self) -> Result<&T> {
        self.runtime.state()
    }

    /// The runtime, to get other nodes from. Nodes that load each other in a circle wait for each
    /// other until the load's deadline.
    pub fn runtime(&self) -> &Cacheme {
        &self.runtime
    }
}

impl fmt::Debug for LoadContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadContext")
            .field("node", &self.node)
            .finish_non_exhaustive()
    }
}
