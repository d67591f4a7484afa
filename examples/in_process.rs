//! The cache in process by itself: pages of different size, of which some live shorter, made once each.
//!
//! Run it with `cargo run --release --example in_process`.

#![expect(clippy::print_stdout, reason = "what happens is the output")]

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use cacheme_tinylfu::{Cache, Op};

/// What all pages together may take, in bytes.
const CAPACITY: usize = 500_000;

fn main() -> Result<(), Box<dyn Error>> {
    let pages: Cache<String, Arc<str>> = Cache::builder()
        .capacity(CAPACITY)
        .weigher(|url: &String, page: &Arc<str>| {
            u32::try_from(url.len() + page.len()).unwrap_or(u32::MAX)
        })
        .expires_after(|url: &String, _page| {
            url.contains("/news/").then_some(Duration::from_secs(10))
        })
        .on_evict(|url, page, cause| {
            if page.len() > 5_700 {
                println!("evicted {url}, {} bytes: {cause:?}", page.len());
            }
        })
        .record_stats()
        .build()?;

    // Eight threads ask for the same pages: each is rendered once, whoever comes first.
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for number in 0..2_000_u32 {
                    let section = if number % 10 == 0 { "news" } else { "shop" };
                    let url = format!("/{section}/{}", number * number % 607);
                    pages.get_or_insert_with(url.clone(), || render(&url));
                }
            });
        }
    });

    // As one step, whoever else writes: a banner is put in front of a page that is there.
    pages.compute("/shop/0".to_owned(), |page| match page {
        Some(page) => Op::Put(format!("Sale! {page}").into()),
        None => Op::Keep,
    });
    // Read in place.
    if let Some(page) = pages.get_ref("/shop/0") {
        println!("{} begins with {:?}", page.key(), page.get(..5));
    }
    // Whole sections can be taken out.
    pages.retain(|url, _page| !url.ends_with('9'));

    println!("{} pages of {} bytes", pages.len(), pages.weight());
    println!("{RENDERED:?} renderings for 16000 requests");
    println!("{:?}", pages.stats());
    for (url, _page) in pages.policy().hottest(3) {
        println!("worth to be there after a restart: {url}");
    }
    Ok(())
}

/// How often a page was rendered.
static RENDERED: AtomicU32 = AtomicU32::new(0);

fn render(url: &str) -> Arc<str> {
    RENDERED.fetch_add(1, Ordering::Relaxed);
    let length = url.bytes().map(usize::from).sum::<usize>() % 97 * 60;
    "x".repeat(length).into()
}
