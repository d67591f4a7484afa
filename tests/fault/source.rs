//! Where pages come from: the truth, and all of its versions.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cacheme::LoadResult;

use crate::page::Page;

/// How many pages change. Others have the version 0 for ever.
pub(crate) const PAGES: u64 = 256;

/// What loads do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Acts {
    /// Load.
    Load,
    /// Load, after some time.
    Wait(Duration),
    /// Never end.
    Hang,
    /// Panic.
    Panic,
    /// Fail for one page of so many.
    FailOneOf(u64),
}

/// The truth. A page's version only grows.
#[derive(Debug)]
pub(crate) struct Source {
    versions: Vec<AtomicU64>,
    acts: Mutex<Acts>,
    /// How many loads did something else than to load.
    acted: AtomicU64,
}

impl Source {
    pub(crate) fn new() -> Self {
        Self {
            versions: (0..PAGES).map(|_| AtomicU64::new(0)).collect(),
            acts: Mutex::new(Acts::Load),
            acted: AtomicU64::new(0),
        }
    }

    /// Changes what loads do that begin now.
    pub(crate) fn set(&self, acts: Acts) {
        *self.acts.lock().unwrap_or_else(PoisonError::into_inner) = acts;
    }

    /// How many loads did something else than to load.
    pub(crate) fn acted(&self) -> u64 {
        self.acted.load(Ordering::Relaxed)
    }

    /// The version of a page.
    pub(crate) fn version(&self, number: u64) -> u64 {
        let place = usize::try_from(number).unwrap_or(usize::MAX);
        let version = self.versions.get(place);
        version.map_or(0, |version| version.load(Ordering::SeqCst))
    }

    /// Changes a page, and gives it as it is then.
    pub(crate) fn change(&self, number: u64) -> Page {
        let place = usize::try_from(number).unwrap_or(usize::MAX);
        let version = self.versions[place].fetch_add(1, Ordering::SeqCst) + 1;
        Page::new(number, version)
    }

    /// Loads a page as it is when the load begins.
    pub(crate) async fn load(&self, number: u64) -> LoadResult<Page> {
        let page = Page::new(number, self.version(number));
        let acts = *self.acts.lock().unwrap_or_else(PoisonError::into_inner);
        if acts != Acts::Load {
            self.acted.fetch_add(1, Ordering::Relaxed);
        }
        match acts {
            Acts::Load => tokio::task::yield_now().await,
            Acts::Wait(time) => tokio::time::sleep(time).await,
            Acts::Hang => std::future::pending().await,
            Acts::Panic => panic!("told to panic"),
            Acts::FailOneOf(count) if number.is_multiple_of(count) => {
                return Err("told to fail".into());
            }
            Acts::FailOneOf(_) => {}
        }
        Ok(page)
    }
}
