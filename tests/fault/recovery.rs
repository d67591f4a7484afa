//! What has to hold when a fault is over: all works again, and nothing old is left.

use std::time::{Duration, Instant};

use cacheme::{Result, Source};

use crate::page::{Chained, Grouped, Kept, Page, Plain, Shelf};
use crate::source::PAGES;
use crate::world::World;

/// How long all may take to work again.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// How long it takes until the far storage works, three times in a row.
pub(crate) async fn recovers(world: &World) -> Option<Duration> {
    let begun = Instant::now();
    let mut row = 0;
    for attempt in 0.. {
        let works = world.works(attempt).await;
        row = if works.is_ok() { row + 1 } else { 0 };
        if row == 3 {
            return Some(begun.elapsed());
        }
        if let (Err(problem), true) = (works, begun.elapsed() > PATIENCE) {
            world.ledger.problem(problem);
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    None
}

impl World {
    /// Looks whether the far storage takes pages and gives them back, of which nobody else asks for these. Else why not.
    async fn works(&self, attempt: u64) -> Result<(), String> {
        let numbers = (0..16).map(|step| PAGES + 16 * attempt + step);
        let pages = numbers
            .clone()
            .map(|number| (Plain::at(number), Page::new(number, 0)));
        let runtime = self.runtime();
        let put = runtime.put_all(pages).await;
        put.map_err(|error| format!("{error:#}"))?;
        for number in numbers {
            let entry = runtime.get_entry(Plain::at(number)).await;
            let entry = entry.map_err(|error| format!("{error:#}"))?;
            if *entry.source() != Source::Tier("far".into()) {
                return Err(format!("page {number} was put, and is not there"));
            }
        }
        Ok(())
    }

    /// Changes every page and removes it, which has to work by now, and looks that nothing older is left. Gives up at
    /// the first page that can't be removed.
    pub(crate) async fn settle(&self, patience: Duration) {
        for number in 0..PAGES {
            let settled = async {
                let page = self.source.change(number);
                while self.remove(number).await.is_err() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                self.ledger.raise(number, page.version);
            };
            if tokio::time::timeout(patience, settled).await.is_err() {
                return self
                    .ledger
                    .problem(format!("page {number} can't be removed when all is over"));
            }
            self.read(number, 7).await;
        }
    }

    async fn remove(&self, number: u64) -> Result<()> {
        let runtime = self.runtime();
        match number % 4 {
            0 => runtime.invalidate(Chained::at(number)).await,
            1 => runtime.invalidate(Plain::at(number)).await,
            2 => runtime.invalidate(Grouped::at(number)).await,
            _ => runtime.invalidate(Kept::at(number)).await,
        }
    }
}
