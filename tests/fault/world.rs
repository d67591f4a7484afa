//! One process of the fleet: its runtime, what it asks, and the judge of the answers.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use cacheme::{Builder, Cacheme, Result};

use crate::ledger::{Ledger, Terms};
use crate::page::{Chained, Grouped, Kept, Own, Page, Plain, Shelf, group};
use crate::source::{PAGES, Source};

/// What a storage's operation may take.
pub(crate) const DEADLINE: Duration = Duration::from_millis(500);

/// How long an old value may be seen that is taken back.
const FLEETING: Duration = Duration::from_millis(300);

/// A process. Clones share everything.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) source: Arc<Source>,
    pub(crate) ledger: Arc<Ledger>,
    runtime: Arc<RwLock<Cacheme>>,
    /// Whether its pages are in process only.
    is_alone: bool,
}

/// How many pages a process has in its memory, of all that there are.
pub(crate) const NEAR: usize = 48;

/// A runtime's set-up, but for its far storage, with so many pages in its memory.
pub(crate) fn builder(source: &Arc<Source>, near: usize) -> Builder {
    Cacheme::builder()
        .storage("near", cacheme::LocalStorage::lru(near))
        .storage_timeout(2 * DEADLINE)
        .state(Arc::clone(source))
}

/// A storage's URL with the deadline of all faults.
pub(crate) fn with_deadline(url: &str) -> String {
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}deadline={}ms", DEADLINE.as_millis())
}

impl World {
    /// A process by a set-up, which is tried again where a busy machine takes longer than its deadlines.
    pub(crate) async fn new(
        source: &Arc<Source>,
        builder: impl Fn() -> Builder,
        terms: Terms,
    ) -> Self {
        let mut built = builder().build().await;
        for _ in 0..20 {
            if built.is_err() {
                built = builder().build().await;
            }
        }
        let runtime = built.expect("the set-up is right");
        Self {
            source: Arc::clone(source),
            ledger: Arc::new(Ledger::new(Arc::clone(source), terms)),
            runtime: Arc::new(RwLock::new(runtime)),
            is_alone: false,
        }
    }

    /// The process has its pages in its own memory only.
    pub(crate) fn alone(mut self) -> Self {
        self.is_alone = true;
        self
    }

    pub(crate) fn runtime(&self) -> Cacheme {
        let runtime = self.runtime.read().unwrap_or_else(PoisonError::into_inner);
        runtime.clone()
    }

    /// Starts the process again, with the far storage of a URL.
    pub(crate) async fn restart(&self, url: &str) {
        let runtime = builder(&self.source, NEAR)
            .storage("far", with_deadline(url))
            .build();
        let runtime = runtime.await.expect("the storage can be opened");
        *self.runtime.write().unwrap_or_else(PoisonError::into_inner) = runtime;
    }

    /// How many operations of storages failed, as the figures say.
    pub(crate) fn failures(&self) -> u64 {
        let stats = self.runtime().stats();
        let tiers = stats.nodes().iter().flat_map(cacheme::NodeStats::tiers);
        tiers
            .map(|tier| tier.missed(cacheme::Miss::Unavailable) + tier.failed_writes())
            .sum()
    }

    /// One of the ways to read pages that follow a number, for a throw of `way`.
    pub(crate) async fn read(&self, number: u64, way: u64) {
        match number % 4 {
            _ if self.is_alone => self.read_of::<Own>(number, way).await,
            0 => self.read_of::<Chained>(number, way).await,
            1 => self.read_of::<Plain>(number, way).await,
            2 => self.read_of::<Grouped>(number, way).await,
            _ => self.read_of::<Kept>(number, way).await,
        }
    }

    async fn read_of<N: Shelf>(&self, number: u64, way: u64) {
        // Of the same kind.
        let many = || (0..8).map(move |step| (number + 4 * step) % PAGES);
        let nodes = many().map(N::at);
        let runtime = self.runtime();
        match way % 8 {
            0 => {
                let request = runtime.get_all(nodes);
                self.answers("get_all", many(), async {
                    Ok(request.await?.into_iter().map(Ok))
                })
                .await;
            }
            1 => {
                let request = runtime.get_many(nodes);
                self.answers("get_many", many(), async { Ok(request.await?.into_iter()) })
                    .await;
            }
            2 => {
                let request = runtime.get_if_present(N::at(number));
                self.answers("get_if_present", [number], async {
                    Ok(request.await?.into_iter().map(Ok))
                })
                .await;
            }
            3 => {
                let request = runtime.peek(N::at(number));
                self.answers("peek", [number], async {
                    Ok(request.await?.into_iter().map(Ok))
                })
                .await;
            }
            _ => {
                let request = runtime.get(N::at(number));
                self.answers("get", [number], async {
                    Ok([Ok(request.await?)].into_iter())
                })
                .await;
            }
        }
    }

    /// Asks for pages, and judges each.
    async fn answers<I: Iterator<Item = Result<Page>>>(
        &self,
        what: &str,
        numbers: impl IntoIterator<Item = u64>,
        request: impl Future<Output = Result<I>>,
    ) {
        let asked = numbers
            .into_iter()
            .map(|number| (number, self.ledger.floor(number)));
        let asked: Vec<_> = asked.collect();
        match self.ledger.ask(what, request).await {
            Some(Ok(pages)) => {
                for ((number, floor), page) in asked.into_iter().zip(pages) {
                    match page {
                        Ok(page) => {
                            if let Some(old) = self.ledger.judge(what, number, floor, &page) {
                                self.look_again(number, old).await;
                            }
                        }
                        Err(error) => self.ledger.read_failed(what, &error),
                    }
                }
            }
            Some(Err(error)) => self.ledger.read_failed(what, &error),
            None => {}
        }
    }

    /// Looks whether an old value stays. `docs/RELIABILITY.md` lets a reader see what a write that was under way put
    /// into a far storage, until the write is noticed and taken back.
    async fn look_again(&self, number: u64, old: String) {
        let begun = Instant::now();
        while !self.is_alone && begun.elapsed() < FLEETING {
            tokio::time::sleep(Duration::from_millis(10)).await;
            let floor = self.ledger.floor(number);
            let found = self.peek(number).await;
            if found.is_ok_and(|page| page.is_none_or(|page| page.version >= floor)) {
                return self.ledger.was_fleeting();
            }
        }
        self.ledger.wrong_because(old);
    }

    async fn peek(&self, number: u64) -> Result<Option<Page>> {
        let runtime = self.runtime();
        match number % 4 {
            0 => runtime.peek(Chained::at(number)).await,
            1 => runtime.peek(Plain::at(number)).await,
            2 => runtime.peek(Grouped::at(number)).await,
            _ => runtime.peek(Kept::at(number)).await,
        }
    }

    /// Changes a page at the source, and has the cache follow in one of the ways there are. A page is changed by one
    /// task only.
    pub(crate) async fn change(&self, number: u64, way: u64) {
        match number % 4 {
            _ if self.is_alone => self.change_of::<Own>(number, way).await,
            0 => self.change_of::<Chained>(number, way).await,
            1 => self.change_of::<Plain>(number, way).await,
            2 if way.is_multiple_of(2) => self.end_group(number).await,
            2 => self.change_of::<Grouped>(number, way).await,
            _ => self.change_of::<Kept>(number, way).await,
        }
    }

    async fn change_of<N: Shelf>(&self, number: u64, way: u64) {
        let page = self.source.change(number);
        let (version, node, runtime) = (page.version, N::at(number), self.runtime());
        let (what, done) = match way % 5 {
            0 => ("put", self.ledger.ask("put", runtime.put(node, page)).await),
            1 => {
                let refreshed = async { runtime.refresh(node).await.map(|page| Ok([page])) };
                let pages = async {
                    refreshed
                        .await
                        .map(|page: Result<_>| page.into_iter().flatten().map(Ok))
                };
                return self.answers("refresh", [number], pages).await;
            }
            _ => (
                "invalidate",
                self.ledger
                    .ask("invalidate", runtime.invalidate(node))
                    .await,
            ),
        };
        if let Some(done) = done {
            self.ledger.done(what, done.as_ref().err());
            // What a storage missed isn't read by this process, and is made up for.
            self.ledger.raise(number, version);
        }
    }

    /// Changes all pages of a group, and ends them by their tag.
    async fn end_group(&self, number: u64) {
        let runtime = self.runtime();
        let of_group = |other: &u64| group(*other) == group(number) && other % 4 == 2;
        let pages = (0..PAGES)
            .filter(of_group)
            .map(|page| self.source.change(page));
        let pages: Vec<_> = pages.collect();
        let ended = runtime.invalidate_tag(format!("group:{}", group(number)));
        if let Some(done) = self.ledger.ask("invalidate_tag", ended).await {
            self.ledger.done("invalidate_tag", done.as_ref().err());
            let each = pages.iter();
            each.for_each(|page| self.ledger.raise(page.number, page.version));
        }
    }
}
