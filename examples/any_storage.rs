//! Runs one program against the storage of a URL, and shows what it did and how long it took.
//!
//! Run it with `cargo run --release --example any_storage`, on an embedded file in a temporary folder.
//! Another storage is another URL, and a feature that brings its driver:
//!
//! ```sh
//! cargo run --release -p cacheme-examples --features sqlite --example any_storage sqlite:cache.db
//! ```
//!
//! | feature | URL |
//! | --- | --- |
//! | `redis` | `redis://localhost:6379`, `redis-cluster://localhost:7000` |
//! | `postgres` | `postgresql://user:password@localhost/mydb` |
//! | `mysql` | `mysql://user:password@localhost/mydb` |
//! | `mongodb` | `mongodb://localhost/mydb` |
//!
//! What it puts into the storage expires within a minute, and most of it is removed before.

#![expect(clippy::print_stdout, reason = "the table is the output")]

use std::env;
use std::error::Error;
use std::time::{Duration, Instant};

use cacheme::{Cacheme, Load, LoadContext, LoadResult, Loaded};
use tokio::task::JoinSet;

/// How many articles there are.
const ARTICLES: u64 = 2000;

/// An article, rendered. The key has a part by which runs of this program don't meet.
#[derive(Clone)]
#[cacheme::node(
    storage = "any",
    ttl = "1m",
    key = "article:{run}:{number}",
    version = "v1"
)]
struct Article {
    run: u32,
    number: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
struct Page {
    title: String,
    html: String,
}

/// Stands for a template engine.
fn render(article: &Article) -> Page {
    let number = article.number;
    Page {
        title: format!("Article {number}"),
        html: format!("<p>{number}</p>").repeat(100),
    }
}

impl Load for Article {
    type Value = Page;

    async fn load(&self, _cx: &LoadContext) -> LoadResult<Page> {
        Ok(render(self))
    }

    async fn load_all(articles: &[Self], _cx: &LoadContext) -> LoadResult<Loaded<Self, Page>> {
        let pages = articles
            .iter()
            .map(|article| (article.clone(), Ok(render(article))));
        Ok(pages.collect())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let file = format!("file:{}/cache.redb", folder.path().display());
    let url = env::args().nth(1).unwrap_or(file);
    // Not the whole URL, which may hold a password.
    println!("storage: {}", url.split(':').next().unwrap_or_default());
    let runtime = Cacheme::builder().storage("any", url).build().await?;

    let run = std::process::id();
    let article = move |number| Article { run, number };
    let articles = move || (0..ARTICLES).map(article);

    println!("{HEAD}");
    let step = Step::begin("get_all, nothing there", &runtime);
    let pages = runtime.get_all(articles()).await?;
    step.end(ARTICLES);

    let step = Step::begin("get_all again", &runtime);
    assert!(runtime.get_all(articles()).await? == pages);
    step.end(ARTICLES);

    let step = Step::begin("get, 64 at a time", &runtime);
    let mut tasks: JoinSet<cacheme::Result<()>> = JoinSet::new();
    for task in 0..64 {
        let runtime = runtime.clone();
        tasks.spawn(async move {
            for number in (task..ARTICLES).step_by(64) {
                let page = runtime.get(article(number)).await?;
                assert_eq!(page, render(&article(number)));
            }
            Ok(())
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    step.end(ARTICLES);

    let step = Step::begin("invalidate every tenth", &runtime);
    for article in articles().step_by(10) {
        runtime.invalidate(article).await?;
    }
    step.end(ARTICLES / 10);

    let step = Step::begin("get_all once more", &runtime);
    assert!(runtime.get_all(articles()).await? == pages);
    step.end(ARTICLES);

    let mut tasks = JoinSet::new();
    for article in articles() {
        let runtime = runtime.clone();
        tasks.spawn(async move { runtime.invalidate(article).await });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    println!("\n{}", runtime.stats());
    Ok(())
}

const HEAD: &str = "
                          requests       time   a second     hits    loads";

/// A part of the program, timed.
struct Step<'a> {
    name: &'a str,
    runtime: &'a Cacheme,
    before: (u64, u64),
    started: Instant,
}

impl<'a> Step<'a> {
    fn begin(name: &'a str, runtime: &'a Cacheme) -> Self {
        let (before, started) = (figures(runtime), Instant::now());
        Self {
            name,
            runtime,
            before,
            started,
        }
    }

    fn end(self, requests: u64) {
        let time = self.started.elapsed();
        let (hits, loads) = figures(self.runtime);
        let (hits, loads) = (hits - self.before.0, loads - self.before.1);
        let millis = time.as_secs_f64() * 1e3;
        let speed =
            u128::from(requests) * Duration::from_secs(1).as_nanos() / time.as_nanos().max(1);
        println!(
            "{:24} {requests:9} {millis:8.1}ms {speed:10} {hits:8} {loads:8}",
            self.name
        );
    }
}

/// Hits and loads so far.
fn figures(runtime: &Cacheme) -> (u64, u64) {
    let stats = runtime.stats();
    let node = stats.node::<Article>();
    node.map_or((0, 0), |node| (node.hits(), node.loads()))
}
