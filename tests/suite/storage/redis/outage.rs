//! The server is killed, frozen, or comes up late: requests are answered all the same.

use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

use cacheme::storage::RedisStorage;
use cacheme::{Cacheme, Load, LocalStorage, Miss, TierStats};
use cacheme_tests::loader::{Acts, Numbered, Remote, Script};
use cacheme_tests::redis::RedisServer;
use cacheme_tests::server::Server;
use cacheme_tests::wait::eventually;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::PATIENCE;

/// What a command may take.
const DEADLINE: Duration = Duration::from_millis(250);

/// A request to a server that doesn't answer costs a deadline to read and one to write.
const LONGEST: Duration = Duration::from_millis(2 * 250);

/// What a busy machine may add.
const SLACK: Duration = Duration::from_secs(3);

pub(super) async fn runtime(server: &impl Server, script: &Script) -> Cacheme {
    let redis = RedisStorage::builder(&server.url())
        .deadline(DEADLINE)
        .connect()
        .await;
    let builder = Cacheme::builder()
        .storage("near", LocalStorage::tlfu(16))
        .storage("far", redis.expect("the server can be reached"))
        .state(script.clone());
    builder.build().await.expect("the runtime can be built")
}

/// The figures of the node's tier in Redis.
pub(super) fn far<N: Load>(runtime: &Cacheme) -> TierStats {
    let stats = runtime.stats();
    let tiers = stats
        .node::<N>()
        .map(|node| node.tiers().to_vec())
        .unwrap_or_default();
    tiers
        .into_iter()
        .find(|tier| tier.storage() == "far")
        .expect("the node was used")
}

/// Gets a value, and looks that it is right and in time.
pub(super) async fn get<N: Load<Value = u64>>(runtime: &Cacheme, node: fn(u64) -> N, number: u64) {
    let began = Instant::now();
    let value = runtime.get(node(number)).await;
    let took = began.elapsed();
    assert_eq!(value.expect("the loader answers"), number);
    assert!(took < LONGEST + SLACK, "an answer took {took:?}");
}

/// Tasks that get values, over and over, until they are told to end.
struct Load8 {
    tasks: JoinSet<()>,
    end: watch::Sender<bool>,
}

impl Load8 {
    /// Numbers enough that the local tier doesn't have most of them.
    const NUMBERS: u64 = 400;

    fn start<N: Load<Value = u64>>(runtime: &Cacheme, node: fn(u64) -> N) -> Self {
        let end = watch::Sender::new(false);
        let mut tasks = JoinSet::new();
        for task in 0..8 {
            let (runtime, end) = (runtime.clone(), end.subscribe());
            tasks.spawn(async move {
                let mut number = task * 50;
                while !*end.borrow() {
                    number = (number + 1) % Self::NUMBERS;
                    get(&runtime, node, number).await;
                    tokio::task::yield_now().await;
                }
            });
        }
        Self { tasks, end }
    }

    async fn end(mut self) {
        self.end.send_replace(true);
        while let Some(ended) = self.tasks.join_next().await {
            ended.expect("every answer is right and in time");
        }
    }
}

/// Waits for `more` hits in Redis than there are now.
async fn hits_come<N: Load<Value = u64>>(runtime: &Cacheme, more: u64) {
    let before = far::<N>(runtime).hits();
    eventually("Redis answers", PATIENCE, async || {
        far::<N>(runtime).hits() >= before + more
    })
    .await;
}

async fn misses_come<N: Load<Value = u64>>(runtime: &Cacheme, more: u64) {
    let count = || far::<N>(runtime).missed(Miss::Unavailable);
    let before = count();
    eventually("Redis is missed", PATIENCE, async || {
        count() >= before + more
    })
    .await;
}

async fn survives_a_kill<N: Load<Value = u64>>(node: fn(u64) -> N) {
    let mut server = RedisServer::start();
    let script = Script::new(Acts::Load);
    let runtime = runtime(&server, &script).await;
    let load = Load8::start(&runtime, node);
    eventually("the node is used", PATIENCE, async || {
        runtime.stats().node::<N>().is_some()
    })
    .await;
    for _ in 0..3 {
        hits_come::<N>(&runtime, 100).await;
        server.kill();
        misses_come::<N>(&runtime, 100).await;
        server.restart();
    }
    hits_come::<N>(&runtime, 100).await;
    load.end().await;

    let tier = far::<N>(&runtime);
    let explained = [Miss::Absent, Miss::Unavailable].map(|reason| tier.missed(reason));
    assert_eq!(tier.misses(), explained.iter().sum::<u64>(), "{tier}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_is_missed_and_comes_back() {
    survives_a_kill(|number| Remote { number }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_behind_a_local_tier_is_missed_and_comes_back() {
    survives_a_kill(|number| Numbered { number }).await;
}

/// Shorter than it takes to give the connection up.
#[tokio::test]
async fn a_frozen_server_costs_its_deadline() {
    let server = RedisServer::start();
    let runtime = runtime(&server, &Script::new(Acts::Load)).await;
    let node = |number| Remote { number };
    get(&runtime, node, 1).await;
    get(&runtime, node, 1).await;
    assert_eq!(far::<Remote>(&runtime).hits(), 1);

    server.freeze();
    get(&runtime, node, 1).await;
    assert_eq!(far::<Remote>(&runtime).missed(Miss::Unavailable), 1);
    server.thaw();
    // Answers to what was given up come first now, and belong to nobody.
    eventually("Redis answers", PATIENCE, async || {
        get(&runtime, node, 1).await;
        far::<Remote>(&runtime).hits() >= 10
    })
    .await;
}

/// Longer than that, with a crowd of requests.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stays_frozen_is_missed_at_once_and_comes_back() {
    let server = RedisServer::start();
    let runtime = runtime(&server, &Script::new(Acts::Load)).await;
    let load = Load8::start(&runtime, |number| Remote { number });
    eventually("the node is used", PATIENCE, async || {
        runtime.stats().node::<Remote>().is_some()
    })
    .await;
    hits_come::<Remote>(&runtime, 100).await;
    server.freeze();
    // Eight tasks that each waited for the deadline would take 1,000 / 8 deadlines, half a minute.
    misses_come::<Remote>(&runtime, 1000).await;
    server.thaw();
    hits_come::<Remote>(&runtime, 1000).await;
    load.end().await;
}

#[tokio::test]
async fn invalidating_fails_while_the_server_is_down() {
    let mut server = RedisServer::start();
    let runtime = runtime(&server, &Script::new(Acts::Load)).await;
    runtime
        .get(Numbered { number: 1 })
        .await
        .expect("it is loaded");
    server.kill();
    let error = runtime
        .invalidate(Numbered { number: 1 })
        .await
        .expect_err("nobody answers");
    assert!(error.is_storage(), "{error:?}");
    assert_eq!(error.storage(), Some("far"));
    assert_eq!(
        error.to_string(),
        "storage \"far\" could not remove entries"
    );
    // The local tier has removed it all the same.
    runtime
        .get(Numbered { number: 1 })
        .await
        .expect("it is loaded");
    let stats = runtime.stats();
    assert_eq!(
        stats.node::<Numbered>().map(cacheme::NodeStats::loads),
        Some(2)
    );
}

#[tokio::test]
async fn a_lazy_storage_connects_when_the_server_is_there() {
    let mut server = RedisServer::start();
    server.kill();
    let redis = RedisStorage::builder(&server.url()).lazy().connect().await;
    let builder = Cacheme::builder()
        .storage("far", redis.expect("nothing is waited for"))
        .state(Script::new(Acts::Load));
    let runtime = builder.build().await.expect("the runtime can be built");
    let node = |number| Remote { number };
    get(&runtime, node, 1).await;
    assert_eq!(far::<Remote>(&runtime).missed(Miss::Unavailable), 1);

    // A first attempt to connect fails, and there is another.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, server.port()));
    let listener = listener.expect("nobody listens there");
    listener
        .set_nonblocking(true)
        .expect("a listener needn't block");
    let mut attempts = 0;
    eventually("it tries again", PATIENCE, async || {
        attempts += u32::from(listener.accept().is_ok());
        attempts >= 2
    })
    .await;
    drop(listener);
    server.restart();
    eventually("Redis answers", PATIENCE, async || {
        get(&runtime, node, 1).await;
        far::<Remote>(&runtime).hits() >= 1
    })
    .await;
}
